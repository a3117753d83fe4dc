//! mod_mysql in the engine and in calls, with a MariaDB of its own.

use std::process::Command;

use muleteer::sip::message::StatusCode;

use super::objects::{Run, all, has_no_findings, modules_in, readme};
use crate::support::audio::{sine, wav_file};
use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

#[path = "../../plugins/mod_mysql/tests/database/server.rs"]
#[allow(dead_code, reason = "the tests of the module itself use the rest")]
pub mod database;

/// Runs statements with the command line client; what they select.
fn sql(statements: &str) -> String {
    let port = database::server().port.to_string();
    let mut client = Command::new("mariadb");
    client.args([
        "--no-defaults",
        "--batch",
        "--skip-column-names",
        "--host=127.0.0.1",
    ]);
    client.args([
        "--user=open",
        "--skip-ssl",
        "--port",
        &port,
        "-e",
        statements,
    ]);
    let output = client.output().expect("the client of MariaDB");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// A server with this diagram as the application `main`, which finds this database by default.
fn server(diagram: &str, database: &str, settings: &[&str]) -> ServerProcess {
    let diagrams = Folder::new(&[("main.dsm", diagram)]);
    let modules = format!("dsm.modules=[{:?}]", all().display().to_string());
    let url = format!(
        "application.main.db_url={:?}",
        database::server().url(database)
    );
    let path = diagrams.as_setting("dsm.path");
    let mut arguments = vec!["--set", &*path, "--set", &*modules, "--set", &*url];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    ServerProcess::start(&arguments)
}

#[test]
fn the_diagram_of_the_readme_has_no_findings() {
    has_no_findings(&readme("mod_mysql"));
}

#[tokio::test]
async fn a_caller_is_greeted_from_the_database_and_counted() {
    sql("CREATE DATABASE greetings; USE greetings; \
         CREATE TABLE visits (caller VARCHAR(200), at DATETIME); \
         CREATE TABLE greetings (visits INT, sound LONGBLOB)");
    let tone = wav_file(&sine(500.0, 100));
    let hex: String = tone.iter().map(|byte| format!("{byte:02x}")).collect();
    sql(&format!(
        "INSERT INTO greetings.greetings VALUES (0, x'{hex}'), (1, x'{hex}'), (9, 'no sound')"
    ));
    let server = server(&readme("mod_mysql"), "greetings", &[]);
    for _ in 0..2 {
        let mut caller = Caller::new(server.address, "main").await;
        assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
        let bye = caller.server_request().await;
        assert_eq!(bye.method.to_string(), "BYE");
        caller.confirm(&bye).await;
    }
    let seen = sql("SELECT COUNT(*), MIN(caller LIKE 'sip:caller@%') FROM greetings.visits");
    assert_eq!(seen, "2\t1");
    server.stop();
}

#[tokio::test]
async fn a_hang_up_comes_right_after_a_statement_that_waits() {
    let mut server = server(
        "import(mod_mysql);\n\
         initial state START;\n\
         state END;\n\
         transition \"in\" START - sessionStart / {\n\
           mysql.connect();\n\
           warn(\"asking\");\n\
           mysql.query(SELECT SLEEP(30));\n\
           warn(\"answered $errno\");\n\
         } -> START;\n\
         transition \"out\" START - hangup / { warn(\"gone\"); stop(false); } -> END;\n",
        "mysql",
        &["module.mysql.timeout=1"],
    );
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("asking");
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.process.line("answered query");
    server.process.line("gone");
    server.stop();
}

#[tokio::test]
async fn a_system_diagram_asks_the_database_and_plays_nothing() {
    let mut server = server(
        "import(mod_mysql);\n\
         initial state ON;\n\
         transition \"up\" ON - startup / {\n\
           mysql.connect($config.db_url);\n\
           mysql.queryGetResult(SELECT 40+2 AS answer);\n\
           warn(\"answer $answer $errno\");\n\
           mysql.playDBAudio(SELECT 'x', x.wav);\n\
         } -> ON;\n\
         transition \"no call\" ON - exception / { warn(\"thrown #type\"); stop(false); } -> ON;\n",
        "mysql",
        &["dsm.run_system_dsms=[\"main\"]"],
    );
    server.process.line("answer 42 ");
    server.process.line("thrown core");
    server.stop();
}

#[test]
fn arguments_are_split_where_a_statement_ends() {
    let url = database::server().url("");
    sql(
        "CREATE DATABASE splitting; USE splitting; CREATE TABLE t1 (id INT AUTO_INCREMENT PRIMARY KEY, \
         name VARCHAR(50)); INSERT INTO t1 (name) VALUES ('a'), ('b'), ('service')",
    );
    let connect = format!("mysql.connect(\"{url}splitting\"); ");
    let run = |code: &str| Run::of(&modules_in(all()), "mod_mysql", &format!("{connect}{code}"));
    for (code, id) in [
        (
            "mysql.queryGetResult(SELECT id, name FROM t1 ORDER BY id)",
            "1",
        ),
        (
            "mysql.queryGetResult(SELECT id, name FROM t1 ORDER BY id, 1)",
            "2",
        ),
        (
            "set($row=2); mysql.queryGetResult(SELECT id, name FROM t1 ORDER BY id, $row)",
            "3",
        ),
        (
            "mysql.queryGetResult(\"SELECT id, name FROM t1 ORDER BY id\", 1)",
            "2",
        ),
        (
            "set($n=b); mysql.queryGetResult('SELECT id, name FROM t1 WHERE name=\"$n\"')",
            "2",
        ),
        (
            "set($n=b); mysql.queryGetResult(\"SELECT id FROM t1 WHERE name=\"$n\"\")",
            "2",
        ),
        (
            "mysql.queryGetResult(select id from t1 where name=@user)",
            "3",
        ),
        (
            "mysql.query(SELECT id, name FROM t1 ORDER BY id); mysql.getResult(1)",
            "2",
        ),
        (
            "mysql.query(SELECT id, name FROM t1 ORDER BY id); mysql.saveResult(s); mysql.useResult($s); mysql.getResult(2, id)",
            "3",
        ),
    ] {
        let run = run(code);
        assert_eq!(
            (run.var("id"), run.var("errno")),
            (id, ""),
            "{code}: {}",
            run.var("strerror")
        );
    }
    let run = run("set($n=\"O'Neil\"); mysql.escape($e=$n); \
        mysql.execute(INSERT INTO t1 (name) VALUES ('$e')); \
        mysql.queryGetResult(SELECT name FROM t1 WHERE name=$n); set($found=$name); \
        set($k=7); mysql.resolveQueryParams(SELECT * FROM t1 WHERE k=$k); \
        mysql.getClientVersion(); \
        if mysql.connected() { set($connected=yes); } \
        mysql.disconnect(); \
        if not mysql.connected() { set($disconnected=yes); } \
        mysql.query(SELECT 1)");
    let seen = [
        "e",
        "found",
        "db.qstr",
        "db.client_version",
        "connected",
        "disconnected",
        "errno",
    ];
    let values = seen.map(|name| run.var(name));
    assert_eq!(
        values,
        [
            "O\\'Neil",
            "O'Neil",
            "SELECT * FROM t1 WHERE k=7",
            "mysql_async 0.37.1",
            "yes",
            "yes",
            "connection"
        ]
    );
}

//! The module over the real table of its contract, against a real MariaDB.

mod broken;
mod connecting;
mod files;
mod results;
mod server;
mod values;

use muleteer_sdk::module::testing::{ModuleTest, Outcome};
use server::server;

/// What all tests run with.
const CONFIG: &str = r#"{"timeout": 2, "connections": 60}"#;

/// A session without a connection.
fn session() -> ModuleTest {
    ModuleTest::configured(mod_mysql::muleteer_module(), CONFIG)
}

/// A session in a database of its own, with a table `t1` of three rows.
fn database(name: &str) -> ModuleTest {
    let mut t = session();
    done(&mut t, "mysql.connect", &[&server().url("")]);
    for statement in [
        &*format!("CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb4"),
        &*format!("USE {name}"),
        "CREATE TABLE t1 (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), data LONGBLOB)",
        "INSERT INTO t1 (name) VALUES ('a'), ('b'), (NULL)",
    ] {
        done(&mut t, "mysql.execute", &[statement]);
    }
    t
}

/// Does an action, which has to succeed and to clear `$errno`.
fn done(t: &mut ModuleTest, action: &str, args: &[&str]) {
    assert_eq!(t.run(action, args), Outcome::Done, "{action} {args:?}");
    assert_eq!(
        (t.errno(), t.var("strerror")),
        ("", ""),
        "{action} {args:?}"
    );
}

/// Does an action, which has to fail with this word.
fn fails(t: &mut ModuleTest, action: &str, args: &[&str], errno: &str) {
    let outcome = t.run(action, args);
    assert_eq!(outcome.errno(), errno, "{action} {args:?}: {outcome:?}");
    assert_eq!(t.errno(), errno, "{action} {args:?}");
}

/// The one value that a statement selects.
fn value(t: &mut ModuleTest, statement: &str) -> String {
    let labelled = format!("SELECT ({statement}) AS it");
    done(t, "mysql.queryGetResult", &[&labelled]);
    t.var("it").to_owned()
}

//! Callers have to say who they are.

mod cost;
mod strangers;

use muleteer::sip::auth::{Account, Accounts, DigestClient, Realm, Secret};
use muleteer::sip::message::{HeaderName, Message, Request, Response, StatusCode};
use regex::Regex;

use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess, serve};
use crate::support::server::project_root;

const USERS: &str = "alice:muleteer:password:wonderland\n";

fn server(folder: &Folder, settings: &[&str]) -> ServerProcess {
    folder.write("users.conf", USERS);
    let users = format!(
        "auth.users={:?}",
        folder.file("users.conf").display().to_string()
    );
    let mut arguments = vec!["--set", &users];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    ServerProcess::start(&arguments)
}

fn client(user: &str, password: &str) -> DigestClient {
    let account = Account {
        realm: Realm::Named("muleteer".to_owned()),
        user: user.to_owned(),
        password: Secret::new(password),
    };
    DigestClient::new(Accounts::new(vec![account]), [1; 32])
}

/// Sends a request without a body and gives it back with its final response.
async fn ask(caller: &mut Caller, method: &str) -> (Request, Response) {
    let text = caller.request(method, "");
    caller.send(&text).await;
    let response = caller.final_response().await;
    caller.cseq += 1;
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => (request, response),
        other => panic!("{other:?}"),
    }
}

/// The status of a request with these credentials, after the challenge.
async fn answer(caller: &mut Caller, user: &str, password: &str, method: &str) -> StatusCode {
    let (mut request, challenge) = ask(caller, method).await;
    if challenge.status != StatusCode::UNAUTHORIZED {
        return challenge.status;
    }
    client(user, password)
        .answer(&mut request, &challenge)
        .expect("a challenge of ours");
    let line = request
        .headers
        .text(&HeaderName::Authorization)
        .expect("credentials");
    caller.extra = format!("Authorization: {line}\r\n");
    let (_, response) = ask(caller, method).await;
    caller.extra.clear();
    response.status
}

#[tokio::test]
async fn everybody_is_asked_for_everything_and_nothing_is_told_to_strangers() {
    let folder = Folder::new(&[]);
    let server = server(&folder, &["auth.applications=\"*\""]);
    for (user, method) in [
        ("demo", "OPTIONS"),
        ("demo", "INVITE"),
        ("nobody", "INVITE"),
    ] {
        let mut caller = Caller::new(server.address, user).await;
        let (_, response) = ask(&mut caller, method).await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{method} {user}");
        let challenges = response.headers.challenges(&HeaderName::WwwAuthenticate);
        assert_eq!(challenges.len(), 2);
    }
    let mut caller = Caller::new(server.address, "demo").await;
    let status = answer(&mut caller, "alice", "wonderland", "OPTIONS").await;
    assert_eq!(status, StatusCode::OK);
    let wrong = answer(&mut caller, "alice", "x", "OPTIONS").await;
    let nobody = answer(&mut caller, "bob", "wonderland", "OPTIONS").await;
    assert_eq!(
        (wrong, nobody),
        (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED)
    );
    server.stop().expect("authentication.failed=2");
}

#[tokio::test]
async fn one_application_is_guarded_and_the_others_are_open() {
    let folder = Folder::new(&[]);
    let server = server(&folder, &["auth.applications=[\"demo\"]"]);
    let status = async |user| {
        let mut caller = Caller::new(server.address, user).await;
        ask(&mut caller, "INVITE").await.1.status
    };
    assert_eq!(status("demo").await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("nobody").await, StatusCode::NOT_FOUND);
    let mut caller = Caller::new(server.address, "demo").await;
    assert_eq!(ask(&mut caller, "OPTIONS").await.1.status, StatusCode::OK);
    server.stop();
}

#[tokio::test]
async fn a_diagram_that_takes_messages_is_guarded_like_one_that_takes_calls() {
    let chat = "import(mod_dlg);\ninitial state A;\n\
                transition \"m\" A - sipRequest / { dlg.reply(202); stop(false); } -> A;\n";
    let folder = Folder::new(&[("chat.dsm", chat), ("open.dsm", chat)]);
    let settings = [
        "auth.applications=[\"chat\"]",
        "requests.message=\"$(ruri.user)\"",
        &folder.as_setting("dsm.path"),
    ];
    let server = server(&folder, &settings);
    for (application, password, status) in [
        ("chat", "wonderland", 202),
        ("chat", "x", 401),
        ("open", "x", 202),
        ("nobody", "x", 404),
    ] {
        let mut caller = Caller::new(server.address, application).await;
        let got = answer(&mut caller, "alice", password, "MESSAGE").await;
        assert_eq!(got.code(), status, "{application} {password}");
    }
    let mut caller = Caller::new(server.address, "chat").await;
    let asked = ask(&mut caller, "MESSAGE").await.1.status;
    assert_eq!(asked, StatusCode::UNAUTHORIZED);
    server.stop();
}

#[tokio::test]
async fn a_trusted_address_is_not_asked() {
    let folder = Folder::new(&[]);
    let settings = ["auth.applications=\"*\"", "auth.trusted=\"127.0.0.0/8\""];
    let server = server(&folder, &settings);
    let mut caller = Caller::new(server.address, "demo").await;
    assert_eq!(ask(&mut caller, "OPTIONS").await.1.status, StatusCode::OK);
    server.stop();
}

#[tokio::test]
async fn who_guesses_is_refused_and_logged_as_fail2ban_reads_it() {
    let filter = project_root().join("conf/examples/fail2ban/muleteer.filter.conf");
    let filter = std::fs::read_to_string(filter).expect("the shipped filter");
    let patterns: Vec<Regex> = filter
        .lines()
        .map(|line| line.trim_start_matches("failregex =").trim_start())
        .filter(|line| line.starts_with('^'))
        // What fail2ban makes of the word, and the date that it takes out of the line.
        .map(|line| line.replace("<ADDR>", "(?<addr>[0-9a-fA-F:.]+)"))
        .map(|line| Regex::new(&line).expect("a regular expression"))
        .collect();
    assert_eq!(patterns.len(), 2);
    let banned = |line: &str| {
        let date = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").expect("a date");
        let line = date.replace(line, "").into_owned();
        let found = patterns.iter().find_map(|pattern| pattern.captures(&line));
        found.map(|found| found["addr"].to_owned())
    };
    for format in ["text", "json"] {
        let folder = Folder::new(&[]);
        let format = format!("log.format={format}");
        let settings = ["auth.applications=\"*\"", "auth.max_failures=3", &format];
        let mut server = server(&folder, &settings);
        let mut caller = Caller::new(server.address, "demo").await;
        let evil = "a from 1.2.3.4: \\\\ ' authentication failed from 1.2.3.4: ";
        for user in ["alice", "bob", evil] {
            let status = answer(&mut caller, user, "guess", "OPTIONS").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            let line = server.process.line("authentication failed from");
            assert_eq!(banned(&line).as_deref(), Some("127.0.0.1"), "{line}");
            let journal = format!("host muleteer[12]: {line}");
            assert_eq!(banned(&journal).as_deref(), Some("127.0.0.1"), "{journal}");
            assert!(!line.contains("guess"), "{line}");
        }
        server.process.line("authentication blocked for 127.0.0.1");
        let status = answer(&mut caller, "alice", "wonderland", "OPTIONS").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        // Nor is anybody banned for what others can put into other lines.
        for line in [
            " WARN sip: authentication failed from 1.2.3.4: x",
            " INFO call: x WARN auth: authentication failed from 1.2.3.4: x",
            " WARN auth: authentication not accepted from 1.2.3.4: digest of another URI; method INVITE, user \"a\"",
        ] {
            assert_eq!(banned(line), None, "{line}");
        }
        server.stop();
    }
}

#[tokio::test]
async fn users_are_read_again_on_sighup() {
    let folder = Folder::new(&[]);
    let mut server = server(&folder, &["auth.applications=\"*\""]);
    let mut caller = Caller::new(server.address, "demo").await;
    folder.write("users.conf", "bob:muleteer:password:builder\n");
    server.process.signal(rustix::process::Signal::HUP);
    server.process.line("loaded anew");
    let old = answer(&mut caller, "alice", "wonderland", "OPTIONS").await;
    let new = answer(&mut caller, "bob", "builder", "OPTIONS").await;
    assert_eq!((old, new), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    folder.write("users.conf", "bob:muleteer\n");
    server.process.signal(rustix::process::Signal::HUP);
    server
        .process
        .line("users.conf:1: expected `name:realm:SECRET`");
    let kept = answer(&mut caller, "bob", "builder", "OPTIONS").await;
    assert_eq!(kept, StatusCode::OK);
    server.stop();
}

#[tokio::test]
async fn who_has_to_say_who_they_are_changes_on_sighup_in_one_step() {
    let folder = Folder::new(&[]);
    folder.write("users.conf", USERS);
    let auth = |keys: &str| {
        let path = folder.file("users.conf").display().to_string();
        folder.write("server.toml", format!("[auth]\nusers = {path:?}\n{keys}\n"));
    };
    auth("");
    let mut server = ServerProcess::configured(&folder.file("server.toml"));
    let mut caller = Caller::new(server.address, "demo").await;
    let mut again = async |server: &mut ServerProcess, keys: &str, said: &str| {
        auth(keys);
        server.process.signal(rustix::process::Signal::HUP);
        server.process.line(said);
        let right = answer(&mut caller, "alice", "wonderland", "OPTIONS").await;
        let (_, unasked) = ask(&mut caller, "OPTIONS").await;
        (unasked.status.code(), right.code())
    };
    let asks = "applications = [\"*\"]";
    assert_eq!(again(&mut server, asks, "loaded anew").await, (401, 200));
    // What has an error changes nothing, not even the part that has none.
    let nobody = "applications = []\nqop = [\"never\"]";
    assert_eq!(
        again(&mut server, nobody, "nothing was reloaded").await,
        (401, 200)
    );
    let others = format!("{asks}\nrealm = \"elsewhere\"");
    assert_eq!(
        again(&mut server, &others, "nothing was reloaded").await,
        (401, 200)
    );
    let fewer = format!("{asks}\nalgorithms = [\"MD5\"]");
    assert_eq!(again(&mut server, &fewer, "loaded anew").await, (401, 200));
    assert_eq!(again(&mut server, "", "loaded anew").await, (200, 200));
    server.stop();
}

#[test]
fn a_server_does_not_start_with_users_that_mean_nothing() {
    for (text, told) in [
        (
            "alice:muleteer:secret",
            "users.conf:1: expected as SECRET 32 hexadecimal digits",
        ),
        (
            "alice:other:password:x",
            "there is no user of realm \"muleteer\"",
        ),
    ] {
        let folder = Folder::new(&[("users.conf", text)]);
        let users = format!(
            "auth.users={:?}",
            folder.file("users.conf").display().to_string()
        );
        let mut command = serve("127.0.0.1:0");
        command.args(["--set", "auth.applications=\"*\"", "--set", &users]);
        let ended = crate::support::process::Process::start(&mut command).ended();
        ended.expect_code(1).expect(told);
    }
}

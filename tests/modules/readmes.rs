//! The diagrams of the modules' pages: without findings, and in calls they do what the page says. Those of `mod_mysql`,
//! `mod_aws` and `mod_py` stand with their other tests.

use std::net::UdpSocket;

use muleteer::sip::message::StatusCode;

use super::objects::{all, has_no_findings, readme};
use crate::support::audio::{sine, wav_file};
use crate::support::caller::Caller;
use crate::support::process::{Folder, PATIENCE, ServerProcess};

#[path = "../../plugins/mod_curl/tests/server/mod.rs"]
mod pages;
#[allow(dead_code)]
#[path = "../../plugins/mod_redis/tests/redis/server.rs"]
mod redis;

/// A server with the diagram as its only application, and a few short prompts in a folder that has to stay.
fn server(diagram: &str, settings: &[&str]) -> (ServerProcess, Folder) {
    has_no_findings(diagram);
    let prompts = "welcome=tone.wav\nwelcome_back=tone.wav\nno_service=tone.wav\n";
    let folder = Folder::new(&[("main.dsm", diagram), ("prompts.conf", prompts)]);
    folder.write("tone.wav", wav_file(&sine(500.0, 100)));
    let ours = [
        folder.as_setting("dsm.path"),
        folder.as_setting("audio.path"),
        format!("dsm.modules=[{:?}]", all().display().to_string()),
        format!(
            "dsm.prompts=[{:?}]",
            folder.file("prompts.conf").display().to_string()
        ),
        "log.level=debug".to_owned(),
    ];
    let settings = ours
        .iter()
        .map(String::as_str)
        .chain(settings.iter().copied());
    let arguments = settings.flat_map(|setting| ["--set", setting]);
    let server = ServerProcess::start(&arguments.collect::<Vec<_>>());
    (server, folder)
}

/// A call that the diagram ends by itself, and the transitions that it takes on the way.
async fn call(server: &mut ServerProcess, transitions: &[&str]) {
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    for name in transitions {
        server.process.line(&format!("name: {name:?}"));
    }
    let bye = caller.server_request().await;
    assert_eq!(bye.method.to_string(), "BYE");
    caller.confirm(&bye).await;
}

#[tokio::test]
async fn redis_counts_the_calls_of_a_caller() {
    let redis = redis::Redis::start("readme");
    let text = readme("mod_redis").replace("redis://tcp:127.0.0.1;port=6379", &redis.url());
    // Each caller of these tests has a port, and so a URI, of its own.
    let text = text.replace("@remote_uri", "@user");
    let (mut server, _folder) = server(&text, &[]);
    call(&mut server, &["the first time, or no Redis", "said it"]).await;
    call(&mut server, &["called before", "said it"]).await;
    server.stop();
}

#[tokio::test]
async fn a_caller_is_greeted_without_redis_too() {
    let text = readme("mod_redis").replace("port=6379", "port=1");
    let (mut server, _folder) = server(&text, &[]);
    call(&mut server, &["the first time, or no Redis"]).await;
    server.stop();
}

#[tokio::test]
async fn a_page_tells_who_is_known() {
    let pages = pages::Server::start();
    let text = readme("mod_curl");
    let known = text.replace("http://127.0.0.1:8080/customers", &pages.url("/ok"));
    assert_ne!(known, text);
    let (mut server_of_known, _folder) = server(&known, &[]);
    call(&mut server_of_known, &["known", "said it"]).await;
    assert!(pages.seen().head[0].starts_with("GET /ok?caller=sip%3A"));
    server_of_known.stop();
    let nobody = text.replace("http://127.0.0.1:8080/customers", "http://127.0.0.1:1/");
    let (mut server_of_none, _folder) = server(&nobody, &[]);
    call(
        &mut server_of_none,
        &["unknown, or nobody answers", "said it"],
    )
    .await;
    server_of_none.stop();
}

#[tokio::test]
async fn json_is_built_and_read() {
    let (mut server, _folder) = server(&readme("mod_json"), &[]);
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let line = server.process.line(r#"{"answered":true,"caller":"sip:"#);
    assert!(line.ends_with(r#"","tags":["vip"]}"#), "{line}");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}

#[tokio::test]
async fn a_regex_tells_colleagues_from_others() {
    let text = readme("mod_regex");
    let (mut others, _folder) = server(&text, &[]);
    call(&mut others, &["somebody", "said it"]).await;
    others.stop();
    let (mut colleagues, _folder) = server(&text.replace("[0-9]{3}", "[a-z]+"), &[]);
    call(&mut colleagues, &["a colleague", "said it"]).await;
    colleagues.stop();
}

#[tokio::test]
async fn a_document_says_whether_somebody_is_there() {
    let text = readme("mod_xml");
    let (mut there, _folder) = server(&text, &[]);
    call(&mut there, &["open", "said it"]).await;
    there.stop();
    let (mut away, _folder) = server(&text.replace("<basic>open<", "<basic>closed<"), &[]);
    call(&mut away, &["closed", "said it"]).await;
    away.stop();
}

#[tokio::test]
async fn the_system_log_hears_of_a_call() {
    let syslog = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    syslog.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let port = syslog.local_addr().expect("an address").port();
    let target = format!("module.log.target=\"udp:127.0.0.1:{port}\"");
    let (mut server, _folder) = server(&readme("mod_log"), &[&target]);
    call(&mut server, &["answer", "said it"]).await;
    let mut message = [0; 2_048];
    let mut next = || {
        let length = syslog.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let (first, second) = (next(), next());
    assert!(
        first.starts_with("<134>1 ") && first.contains(" a call of sip:"),
        "{first}"
    );
    assert!(
        second.starts_with("<157>1 ") && second.ends_with(" greeted"),
        "{second}"
    );
    server.stop();
}

#[tokio::test]
async fn the_example_counts_and_beeps() {
    let (mut server, _folder) = server(&readme("example"), &[]);
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("name: \"call\"");
    caller.cseq += 1;
    let key = caller.request("INFO", "Signal=2\r\nDuration=100\r\n");
    let key = key.replace("application/sdp", "application/dtmf-relay");
    caller.send(&key).await;
    server.process.line("name: \"told\"");
    server.process.line("half a second is over");
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.stop();
}

//! Services that do not keep to what was agreed: each bucket and queue of this one does wrong in its own way.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the server of the test"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use muleteer_sdk::module::testing::{ModuleTest, Outcome};

/// Answers that are one text and the end.
const ANSWERS: &[(&str, &str)] = &[
    ("smtp", "220 smtp.example.org ESMTP\r\n"),
    (
        "short",
        "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"MessageId\":",
    ),
    (
        "moved",
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "broken",
        "HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\n<Error",
    ),
    (
        "binary",
        "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n\0\u{1}\u{2}\u{3}",
    ),
    (
        "markup",
        "HTTP/1.1 400 Bad\r\nContent-Length: 95\r\n\r\n\
         <!DOCTYPE e [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Error><Code>&x;</Code><a></b></Error>   ",
    ),
];

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The other side may be gone at any time.
            thread::spawn(move || serve(stream).ok());
        }
    });
    address
}

/// Answers one request as its bucket or queue wants it.
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let mut name = path.split('/').nth(1).unwrap_or_default().to_owned();
    if name == "deaf" {
        // The file is still being sent.
        return Ok(());
    }
    let length = head.lines().find_map(|line| {
        let (name, length) = line.split_once(": ")?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| length.parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    if name.is_empty() {
        let body = String::from_utf8_lossy(&body).into_owned();
        let (_, rest) = body.split_once("\"QueueUrl\":\"").unwrap_or_default();
        name = rest.split('"').next().unwrap_or_default().to_owned();
    }
    let deep = |open: &str| {
        let body = open.repeat(60_000 / open.len());
        format!(
            "HTTP/1.1 500 Deep\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    match &*name {
        "hang" => reader.read_to_end(&mut body).map(drop),
        "endless" | "flood" => {
            let status = if name == "flood" {
                "500 Oops"
            } else {
                "200 OK"
            };
            write!(
                stream,
                "HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            loop {
                stream.write_all(chunk.as_bytes())?;
            }
        }
        "elements" => stream.write_all(deep("<a>").as_bytes()),
        "arrays" => stream.write_all(deep("[").as_bytes()),
        "nonsense" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"Messages\":[{}]}")
        }
        name => {
            let answer = ANSWERS.iter().find(|(known, _)| *known == name);
            stream.write_all(answer.map_or("", |(_, answer)| answer).as_bytes())
        }
    }
}

fn session() -> ModuleTest {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    let url = format!("http://{}", ADDRESS.get_or_init(start));
    let section = format!(
        r#"{{"access_key":"AKIAEXAMPLE","secret_access_key":"hush","session_token":"hush-hush",
            "endpoint":"{url}","sqs_endpoint":"{url}","timeout":2,"transfer_timeout":2,
            "max_file_bytes":1048576}}"#
    );
    ModuleTest::configured(mod_aws::muleteer_module(), &section)
}

/// It failed in the way that scripts know, and without telling a secret.
fn failed(t: &ModuleTest, outcome: &Outcome, errno: &str, what: &str) {
    assert_eq!(outcome.errno(), errno, "{what}: {outcome:?}");
    let said = t.var("aws.ereason");
    assert!(!said.is_empty() && said.len() < 1200, "{what}: {said}");
    let told = format!("{outcome:?} {:?}", t.logged());
    assert!(
        !told.contains("hush") && !told.contains("AKIA"),
        "{what}: {told}"
    );
}

const WRONG: [&str; 11] = [
    "smtp", "short", "moved", "broken", "binary", "markup", "endless", "flood", "elements",
    "arrays", "gone",
];

#[test]
fn a_file_is_not_replaced_by_what_a_hostile_store_sends() {
    let mut t = session();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("greeting.wav");
    std::fs::write(&path, "before").expect("the folder is ours");
    let file = path.to_str().expect("a path of text");
    for bucket in WRONG {
        t.set("aws.s3.bucket", bucket);
        let outcome = t.run("aws.s3.get", &["k", file]);
        failed(&t, &outcome, "aws_get", bucket);
        assert_eq!(
            std::fs::read(&path).expect("it stays"),
            b"before",
            "{bucket}"
        );
    }
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "nothing is left beside it");
}

#[test]
fn a_file_that_a_hostile_store_does_not_take_is_not_stored() {
    let mut t = session();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("message.wav");
    std::fs::write(&path, vec![1; 1_000_000]).expect("the folder is ours");
    let file = path.to_str().expect("a path of text");
    for bucket in [
        "smtp", "moved", "broken", "markup", "flood", "elements", "gone", "deaf",
    ] {
        t.set("aws.s3.bucket", bucket);
        let outcome = t.run("aws.s3.put", &[file, "k"]);
        failed(&t, &outcome, "aws_put", bucket);
        let outcome = t.run("aws.s3.createBucket", &[bucket]);
        failed(&t, &outcome, "aws_create", bucket);
    }
}

#[test]
fn a_hostile_queue_is_an_errno() {
    let mut t = session();
    for queue in WRONG.into_iter().chain(["nonsense"]) {
        t.set("aws.sqs.url", "kept");
        let outcome = t.run("aws.sqs.sendMessage", &["hi", queue]);
        failed(&t, &outcome, "aws_send", queue);
        assert_eq!(t.var("aws.sqs.url"), "kept", "{queue}");
        let outcome = t.run("aws.sqs.receiveMessage", &[queue]);
        failed(&t, &outcome, "aws_receive", queue);
    }
}

#[test]
fn what_hangs_ends_at_its_deadline() {
    let mut t = session();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("message.wav");
    std::fs::write(&path, "message").expect("the folder is ours");
    let file = path.to_str().expect("a path of text");
    t.set("aws.s3.bucket", "hang");
    t.set("f_size", "1000");
    for index in 0..1000 {
        t.set(&format!("f_{index}"), file);
    }
    for (action, args, errno) in [
        ("aws.s3.put", &[file][..], "aws_put"),
        ("aws.s3.putArray", &["f"], "aws_put"),
        ("aws.s3.get", &["k", file], "aws_get"),
        ("aws.s3.createBucket", &[], "aws_create"),
        ("aws.sqs.deleteQueue", &["hang"], "aws_delete"),
        ("aws.sqs.sendMessage", &["hi", "hang"], "aws_send"),
    ] {
        let begun = Instant::now();
        let outcome = t.run(action, args);
        failed(&t, &outcome, errno, action);
        assert!(t.var("aws.ereason").contains("in time"), "{action}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{action}");
    }
}

#[test]
fn a_hang_up_drops_what_is_only_read() {
    let mut t = session();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("greeting.wav");
    t.set("aws.s3.bucket", "hang");
    let file = path.to_str().expect("a path of text");
    assert_eq!(t.begin("aws.s3.get", &["k", file]), None);
    t.hang_up();
    assert_eq!(t.begin("aws.sqs.receiveMessage", &["hang", "20"]), None);
    t.hang_up();
    assert_eq!(t.begin("aws.sqs.sendMessage", &["hi", "hang"]), None);
    t.end_session();
}

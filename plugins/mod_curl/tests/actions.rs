//! What scripts see of `mod_curl`, against a server of HTTP.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test looks at the files that were made"
)]

mod server;

use mod_curl::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};
use server::Server;

fn start() -> (Server, ModuleTest) {
    (Server::start(), ModuleTest::new(muleteer_module()))
}

#[test]
fn a_page_is_fetched() {
    let (server, mut t) = start();
    assert_eq!(t.run("curl.get", &[&server.url("/page")]), Outcome::Done);
    assert_eq!((t.var("curl.out"), t.var("curl.status")), ("a page", "200"));
    assert_eq!(t.var("curl.reply.content-type"), "text/plain");
    let seen = server.seen();
    assert_eq!(seen.head[0], "GET /page HTTP/1.1");
    assert!(
        seen.head
            .iter()
            .any(|line| line.starts_with("user-agent: muleteer/"))
    );
    // An empty body leaves no variable, and nothing stays of the request before.
    t.run("curl.get", &[&server.url("/empty")]);
    assert!(!t.has("curl.out") && !t.has("curl.reply.content-type"));
}

#[test]
fn a_status_is_no_failure_unless_it_is_asked_for() {
    let (server, mut t) = start();
    assert_eq!(t.run("curl.get", &[&server.url("/missing")]), Outcome::Done);
    assert_eq!(
        (t.var("curl.out"), t.var("curl.status")),
        ("no such page", "404")
    );
    assert_eq!(t.var("curl.reply.x-why"), "gone");
    t.set("curl.fail_on_error", "true");
    assert_eq!(
        t.run("curl.get", &[&server.url("/broken")]).errno(),
        "general"
    );
    assert_eq!(
        (t.var("curl.err"), t.var("curl.status")),
        ("the answer is 500", "500")
    );
    assert!(!t.has("curl.out"));
}

#[test]
fn redirections_are_followed_when_the_script_says_so() {
    let (server, mut t) = start();
    t.run("curl.get", &[&server.url("/moved")]);
    assert_eq!(
        (t.var("curl.status"), t.var("curl.out")),
        ("302", "elsewhere")
    );
    t.set("curl.follow", "true");
    t.run("curl.get", &[&server.url("/moved")]);
    assert_eq!((t.var("curl.status"), t.var("curl.out")), ("200", "a page"));
    assert_eq!(
        t.run("curl.get", &[&server.url("/round")]).errno(),
        "general"
    );
    assert!(
        t.var("curl.err").contains("too many redirections"),
        "{}",
        t.var("curl.err")
    );
}

#[test]
fn values_are_encoded_in_queries() {
    let (server, mut t) = start();
    t.set("a", "x y&z=1");
    t.set("b", "é");
    t.run("curl.getForm", &[&server.url("/page"), "$a;b"]);
    assert_eq!(
        server.seen().head[0],
        "GET /page?a=x+y%26z%3D1&b=%C3%A9 HTTP/1.1"
    );
    t.run("curl.getForm", &[&server.url("/page?q=1"), " $a ; unset"]);
    assert_eq!(
        server.seen().head[0],
        "GET /page?q=1&a=x+y%26z%3D1&unset= HTTP/1.1"
    );
}

#[test]
fn fields_are_posted_in_four_ways() {
    let (server, mut t) = start();
    t.set("a", "x \"y\"");
    t.set("p.name", "ada");
    t.run("curl.post", &[&server.url("/page"), "$a;p."]);
    let seen = server.seen();
    let form = "content-type: multipart/form-data; boundary=";
    assert!(seen.head.iter().any(|line| line.starts_with(form)));
    assert!(
        seen.body.contains("name=\"a\"\r\n\r\nx \"y\"\r\n"),
        "{}",
        seen.body
    );
    assert!(seen.body.contains("name=\"p.name\"\r\n\r\nada\r\n"));
    assert_eq!(t.var("curl.out"), "a page");

    let posted = |t: &mut ModuleTest, kind: &str| {
        t.set("curl.post_type", kind);
        t.run("curl.post", &[&server.url("/page"), "$a"]);
        let seen = server.seen();
        let kind = seen
            .head
            .iter()
            .find_map(|line| line.strip_prefix("content-type: "));
        (kind.unwrap().to_owned(), seen.body)
    };
    let (kind, body) = posted(&mut t, "urlencoded");
    assert_eq!(
        (&*kind, &*body),
        ("application/x-www-form-urlencoded", "a=x+%22y%22")
    );
    let (kind, body) = posted(&mut t, "json");
    assert_eq!((&*kind, &*body), ("application/json", r#"{"a":"x \"y\""}"#));
    t.set("curl.body", "[1]");
    let (kind, body) = posted(&mut t, "json");
    assert_eq!((&*kind, &*body), ("application/json", "[1]"));
    t.set("curl.header.Content-Type", "application/vnd.x");
    let (kind, body) = posted(&mut t, "");
    assert_eq!((&*kind, &*body), ("application/vnd.x", "[1]"));
    t.set("curl.post_type", "pigeon");
    t.set_body("", "");
    t.run("curl.post", &[&server.url("/page"), "$a"]);
    assert_eq!(t.errno(), "", "a body of its own has no type of fields");
}

#[test]
fn other_methods_and_headers_are_sent() {
    let (server, mut t) = start();
    t.set("curl.header.X-Token", "secret");
    t.set("curl.post_type", "urlencoded");
    t.set("n", "1");
    t.run("curl.put", &[&server.url("/page"), "n"]);
    let seen = server.seen();
    assert_eq!((&*seen.head[0], &*seen.body), ("PUT /page HTTP/1.1", "n=1"));
    assert!(seen.head.contains(&"x-token: secret".to_owned()));
    t.run("curl.delete", &[&server.url("/page")]);
    assert_eq!(server.seen().head[0], "DELETE /page HTTP/1.1");
    t.set("curl.header.X-Token", "a\r\nX-Other: b");
    assert_eq!(t.run("curl.delete", &[&server.url("/page")]).errno(), "arg");
}

#[test]
fn results_are_discarded() {
    let (server, mut t) = start();
    t.set("curl.out", "kept");
    t.run("curl.getDiscardResult", &[&server.url("/missing")]);
    t.run("curl.postDiscardResult", &[&server.url("/page"), "a"]);
    assert_eq!((t.var("curl.out"), t.var("curl.status")), ("kept", "200"));
}

#[test]
fn a_file_is_there_when_all_of_it_has_come() {
    let (server, mut t) = start();
    let folder = std::env::temp_dir().join(format!("mod_curl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("page.txt");
    let file = path.to_str().unwrap();
    assert_eq!(
        t.run("curl.getFile", &[&server.url("/page"), file]),
        Outcome::Done
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a page");
    for page in ["/short", "/garbage"] {
        let outcome = t.run("curl.getFile", &[&server.url(page), file]);
        assert_eq!(outcome.errno(), "general", "{page}");
    }
    t.set("curl.fail_on_error", "true");
    // The body of an error page would be a file; it is not wanted.
    assert_eq!(
        t.run("curl.getFile", &[&server.url("/missing"), file])
            .errno(),
        "general"
    );
    t.set("curl.timeout", "0.2");
    assert_eq!(
        t.run("curl.getFile", &[&server.url("/hang"), file]).errno(),
        "general"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a page");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, 1, "nothing is left beside it");
    let nowhere = folder.join("no/such/folder");
    let outcome = t.run(
        "curl.getFile",
        &[&server.url("/page"), nowhere.to_str().unwrap()],
    );
    assert_eq!(outcome.errno(), "file");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_does_not_answer_is_a_failure() {
    let (server, mut t) = start();
    t.set("curl.timeout", "0.2");
    assert_eq!(
        t.run("curl.get", &[&server.url("/hang")]).errno(),
        "general"
    );
    assert_eq!(t.var("curl.err"), "no answer in time");
    t.set("curl.timeout", "");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free.local_addr().unwrap();
    drop(free);
    let url = format!("http://user:secret@{closed}/x");
    assert_eq!(t.run("curl.get", &[&url]).errno(), "general");
    let err = t.var("curl.err");
    assert!(
        err.starts_with("no connection") && !err.contains("secret"),
        "{err}"
    );
    for page in ["/garbage", "/short", "/large", "/endless"] {
        assert_eq!(
            t.run("curl.get", &[&server.url(page)]).errno(),
            "general",
            "{page}"
        );
        assert!(!t.has("curl.out"));
    }
    assert!(t.var("curl.err").contains("more than 1048576 bytes"));
    t.run("curl.get", &[&server.url("/latin")]);
    assert_eq!(t.var("curl.out"), "a\u{fffd}b");
}

#[test]
fn what_is_no_request_is_refused() {
    let (_, mut t) = start();
    for url in [
        "",
        "page",
        "ftp://localhost/",
        "http://",
        "http://[::1",
        "file:///etc/passwd",
    ] {
        assert_eq!(t.run("curl.get", &[url]).errno(), "arg", "{url:?}");
        assert!(
            t.var("curl.err").starts_with("no URL"),
            "{}",
            t.var("curl.err")
        );
    }
    for timeout in ["soon", "0", "-1", "1e9", "NaN", "inf"] {
        t.set("curl.timeout", timeout);
        assert_eq!(
            t.run("curl.get", &["http://localhost/"]).errno(),
            "arg",
            "{timeout}"
        );
    }
    t.set("curl.timeout", "1");
    t.set("curl.post_type", "pigeon");
    assert_eq!(
        t.run("curl.post", &["http://localhost/", "a"]).errno(),
        "arg"
    );
}

#[test]
fn a_call_that_hangs_up_takes_its_request_with_it() {
    let (server, mut t) = start();
    assert_eq!(t.begin("curl.get", &[&server.url("/hang")]), None);
    t.hang_up();
    assert_eq!(t.run("curl.get", &[&server.url("/page")]), Outcome::Done);
    assert_eq!(t.begin("curl.get", &[&server.url("/hang")]), None);
    t.end_session();
}

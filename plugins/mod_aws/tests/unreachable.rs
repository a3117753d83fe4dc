//! Services that nobody offers.
#![allow(clippy::disallowed_methods, reason = "the test finds a free port")]

use muleteer_sdk::module::testing::ModuleTest;

#[test]
fn who_is_not_there_is_told_from_who_refuses() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let section = format!(
        r#"{{"access_key":"AK","secret_access_key":"hush",
            "endpoint":"http://{address}","sqs_endpoint":"http://{address}"}}"#
    );
    let mut t = ModuleTest::configured(mod_aws::muleteer_module(), &section);
    t.set("aws.s3.bucket", "b");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    t.set("f_size", "1");
    t.set("f_0", file);
    let never = std::env::temp_dir().join(format!("mod_aws-never-{}", std::process::id()));
    let fetched = never.to_str().expect("a path of text");
    for (action, args) in [
        ("aws.s3.put", &[file, "k"][..]),
        ("aws.s3.putArray", &["f"]),
        ("aws.s3.get", &["k", fetched]),
        ("aws.s3.createBucket", &[]),
    ] {
        let outcome = t.run(action, args);
        let thrown = (outcome.exception("type"), outcome.exception("cause"));
        assert_eq!(thrown, ("aws", "get connection"), "{action}");
        let text = outcome.exception("text");
        assert!(text.starts_with("no connection"), "{text}");
    }
    assert!(!never.exists());
    for (action, args) in [
        ("aws.sqs.createQueue", &["30", "q"][..]),
        ("aws.sqs.deleteQueue", &["q"]),
        ("aws.sqs.sendMessage", &["hi", "q"]),
        ("aws.sqs.receiveMessage", &["q"]),
        ("aws.sqs.deleteMessage", &["h", "q"]),
    ] {
        assert_eq!(t.run(action, args).errno(), "aws_conn", "{action}");
        assert!(
            t.var("aws.ereason").starts_with("no connection"),
            "{action}"
        );
    }
}

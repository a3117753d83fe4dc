//! A module without any key.
#![allow(unsafe_code, reason = "changing the environment")]

use muleteer_sdk::module::testing::ModuleTest;

#[test]
fn without_a_key_nothing_is_sent() {
    // SAFETY: this is the only test of the process, and nothing has read the environment yet.
    unsafe {
        std::env::set_var("HOME", "/nonexistent");
        for name in ["ACCESS_KEY_ID", "SHARED_CREDENTIALS_FILE", "CONFIG_FILE"] {
            std::env::remove_var(format!("AWS_{name}"));
        }
    }
    let mut t = ModuleTest::new(mod_aws::muleteer_module());
    t.set("aws.s3.bucket", "b");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let fetched = std::env::temp_dir().join(format!("mod_aws-{}", std::process::id()));
    let fetched = fetched.to_str().expect("a path of text");
    t.set("f_size", "1");
    t.set("f_0", file);
    for (action, args) in [
        ("aws.s3.put", &[file][..]),
        ("aws.s3.putArray", &["f"]),
        ("aws.s3.get", &["k", fetched]),
        ("aws.s3.createBucket", &["b"]),
    ] {
        let outcome = t.run(action, args);
        let thrown = (outcome.exception("type"), outcome.exception("cause"));
        assert_eq!(thrown, ("aws", "need preload"), "{action}");
        assert!(outcome.exception("text").contains("[module.aws]"));
    }
    let outcome = t.run("aws.sqs.sendMessage", &["hi", "q"]);
    assert_eq!(outcome.errno(), "aws_conn");
    assert!(t.var("aws.ereason").contains("access_key in [module.aws]"));
}

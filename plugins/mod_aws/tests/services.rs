//! What scripts see of `mod_aws`, against services that check signatures.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test makes and looks at files"
)]

mod cloud;

use std::fs;

use cloud::cloud;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};
use tempfile::TempDir;

/// A session, with a bucket of its own if that has a name, and a folder.
fn session(bucket: &str) -> (ModuleTest, TempDir) {
    let section = cloud().section();
    let mut t = ModuleTest::configured(mod_aws::muleteer_module(), &section);
    if !bucket.is_empty() {
        done(&mut t, "aws.s3.createBucket", &[bucket]);
    }
    (t, tempfile::tempdir().expect("a temporary folder"))
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("the folder is ours");
    path.to_str().expect("a path of text").to_owned()
}

fn done(t: &mut ModuleTest, action: &str, args: &[&str]) {
    let outcome = t.run(action, args);
    assert_eq!(
        outcome,
        Outcome::Done,
        "{action} {args:?}: {}",
        t.var("aws.ereason")
    );
    assert_eq!((t.errno(), t.var("strerror")), ("", ""), "{action}");
    assert!(!t.has("aws.ereason"), "{action}");
}

fn fails(t: &mut ModuleTest, action: &str, args: &[&str], errno: &str) -> String {
    assert_eq!(t.run(action, args).errno(), errno, "{action} {args:?}");
    t.var("strerror").to_owned()
}

fn throws(t: &mut ModuleTest, action: &str, args: &[&str], cause: &str) {
    let outcome = t.run(action, args);
    let thrown = (outcome.exception("type"), outcome.exception("cause"));
    assert_eq!(thrown, ("aws", cause), "{action} {args:?}");
}

/// What is stored under a key; empty if nothing is.
fn stored(t: &mut ModuleTest, folder: &TempDir, key: &str) -> Vec<u8> {
    let path = folder.path().join("fetched");
    t.run("aws.s3.get", &[key, path.to_str().expect("a path of text")]);
    let content = fs::read(&path).unwrap_or_default();
    fs::remove_file(&path).ok();
    content
}

#[test]
fn a_file_goes_into_a_bucket_and_comes_back() {
    let (mut t, folder) = session("round");
    assert_eq!(t.var("aws.s3.bucket"), "round");
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let large = file(&folder, "large.wav", &content);
    let empty = file(&folder, "empty", "");
    done(&mut t, "aws.s3.put", &[&large, "calls/2026/ü x+y&z.wav"]);
    done(&mut t, "aws.s3.put", &[&empty, "nothing"]);
    let back = folder.path().join("back.wav");
    let path = back.to_str().expect("a path of text");
    done(&mut t, "aws.s3.get", &["calls/2026/ü x+y&z.wav", path]);
    assert!(fs::read(&back).expect("it came") == content);
    done(&mut t, "aws.s3.get", &["nothing", path]);
    assert_eq!(fs::metadata(&back).expect("it came").len(), 0);
}

#[test]
fn without_a_key_a_file_has_its_own_name() {
    let (mut t, folder) = session("names");
    let path = file(&folder, "m.wav", "message");
    done(&mut t, "aws.s3.put", &[&path]);
    assert_eq!(stored(&mut t, &folder, &path), b"message");
    done(&mut t, "aws.s3.put", &[&path, ""]);
}

#[test]
fn without_a_bucket_or_a_file_an_exception_is_thrown() {
    let (mut t, folder) = session("");
    let path = file(&folder, "m.wav", "message");
    throws(&mut t, "aws.s3.put", &[&path], "empty bucket");
    throws(&mut t, "aws.s3.get", &["k", &path], "empty bucket");
    t.set("aws.s3.bucket", "some");
    throws(&mut t, "aws.s3.put", &["/no/such/file"], "file not found");
    let here = folder.path().to_str().expect("a path of text");
    throws(&mut t, "aws.s3.put", &[here, "k"], "file not found");
    throws(&mut t, "aws.s3.put", &["", "k"], "file not found");
}

#[test]
fn what_the_service_refuses_is_told_and_forgotten() {
    let (mut t, folder) = session("");
    let path = file(&folder, "m.wav", "message");
    t.set("aws.s3.bucket", "nobodys");
    let said = fails(&mut t, "aws.s3.put", &[&path, "k"], "aws_put");
    assert!(
        said.starts_with("NoSuchBucket: The specified bucket"),
        "{said}"
    );
    assert_eq!(t.var("aws.ereason"), said);
    fails(&mut t, "aws.s3.get", &["k", &path], "aws_get");
    assert_eq!(fs::read(&path).expect("it stays"), b"message");
    fails(&mut t, "aws.s3.createBucket", &["No Bucket"], "aws_create");
    assert_eq!(t.var("aws.s3.bucket"), "nobodys");
    done(&mut t, "aws.s3.createBucket", &[]);
    let said = fails(&mut t, "aws.s3.get", &["missing", &path], "aws_get");
    assert!(said.starts_with("NoSuchKey: "), "{said}");
    fails(&mut t, "aws.s3.put", &[&path, "a/../b"], "aws_put");
    done(&mut t, "aws.s3.put", &[&path, "k"]);
    t.set("aws.s3.bucket", "");
    fails(&mut t, "aws.s3.createBucket", &[""], "arg");
}

#[test]
fn a_file_has_a_limit_in_both_directions() {
    let (mut t, folder) = session("limits");
    let path = file(&folder, "huge", "");
    let huge = fs::File::options().write(true).open(&path);
    let grown = huge.and_then(|file| file.set_len(8_388_609));
    grown.expect("a file of holes");
    let said = fails(&mut t, "aws.s3.put", &[&path, "k"], "aws_put");
    assert!(
        said.contains("more than max_file_bytes = 8388608"),
        "{said}"
    );
    // Where nothing can be written, nothing is fetched.
    fails(&mut t, "aws.s3.get", &["k", "/no/such/folder/x"], "file");
}

#[test]
fn arrays_of_files_are_stored() {
    let (mut t, folder) = session("arrays");
    let (one, two) = (file(&folder, "1", "one"), file(&folder, "2", "two"));
    for (name, value) in [
        ("f_size", "2"),
        ("f_0", &*one),
        ("f_1", &*two),
        ("k_size", "2"),
        ("k_0", "first"),
        ("k_1", ""),
    ] {
        t.set(name, value);
    }
    done(&mut t, "aws.s3.putArray", &["f", "k"]);
    assert_eq!(stored(&mut t, &folder, "first"), b"one");
    assert_eq!(stored(&mut t, &folder, &two), b"two");
    done(&mut t, "aws.s3.putArray", &["f"]);
    assert_eq!(stored(&mut t, &folder, &one), b"one");
    for size in ["3", "1", "", "x", "-1", "1001"] {
        t.set("k_size", size);
        fails(&mut t, "aws.s3.putArray", &["f", "k"], "arg");
    }
    t.set("f_1", "");
    fails(&mut t, "aws.s3.putArray", &["f"], "arg");
    fails(&mut t, "aws.s3.putArray", &["unset"], "arg");
    t.set("none_size", "0");
    done(&mut t, "aws.s3.putArray", &["none"]);
    t.set("aws.s3.bucket", "");
    fails(&mut t, "aws.s3.putArray", &["f"], "arg");
}

#[test]
fn of_many_files_no_failure_is_passed_over() {
    let (mut t, folder) = session("failures");
    let good = file(&folder, "good", "good");
    for (name, value) in [
        ("f_size", "3"),
        ("f_0", &*good),
        ("f_1", &*good),
        ("f_2", &*good),
        ("k_size", "3"),
        ("k_0", "a"),
        ("k_1", ".."),
        ("k_2", "c"),
    ] {
        t.set(name, value);
    }
    let said = fails(&mut t, "aws.s3.putArray", &["f", "k"], "aws_put");
    assert!(said.starts_with("..: a key has no parts"), "{said}");
    assert_eq!(t.var("aws.ereason"), said);
    // It went on behind the failure.
    assert_eq!(stored(&mut t, &folder, "c"), b"good");
    // It stops where a file is missing, and what failed before is still told.
    t.set("k_0", "d");
    t.set("f_2", "/no/such/file");
    throws(&mut t, "aws.s3.putArray", &["f", "k"], "file not found");
    assert!(
        t.var("aws.ereason").starts_with("..: "),
        "{}",
        t.var("aws.ereason")
    );
    assert_eq!(stored(&mut t, &folder, "d"), b"good");
}

#[test]
fn a_message_goes_through_a_queue() {
    let (mut t, _) = session("");
    done(&mut t, "aws.sqs.createQueue", &["30", "through"]);
    let url = t.var("aws.sqs.queue").to_owned();
    assert!(url.ends_with("/through"), "{url}");
    // Another one, where this one stays the usual one.
    done(&mut t, "aws.sqs.sendMessage", &["hi"]);
    assert_eq!(t.var("aws.sqs.md5"), "49f68a5c8493ec2c0bf489821c21fc3b");
    assert_eq!(t.var("aws.sqs.url").len(), 36, "{}", t.var("aws.sqs.url"));
    done(&mut t, "aws.sqs.receiveMessage", &[]);
    assert_eq!(t.var("aws.sqs.message"), "hi");
    let handle = t.var("aws.sqs.handle").to_owned();
    assert!(!handle.is_empty());
    // It is hidden now.
    done(&mut t, "aws.sqs.receiveMessage", &[&url, "0"]);
    assert!(t.has("aws.sqs.message") && t.var("aws.sqs.message").is_empty());
    assert_eq!(t.var("aws.sqs.handle"), "");
    done(&mut t, "aws.sqs.deleteMessage", &[&handle, &url]);
    let text = "{\"caller\": \"sip:a@b\", \"text\": \"grüß\\n\"}";
    done(&mut t, "aws.sqs.sendMessage", &[text, &url]);
    done(&mut t, "aws.sqs.receiveMessage", &["", "1"]);
    assert_eq!(t.var("aws.sqs.message"), text);
    done(&mut t, "aws.sqs.deleteMessage", &[]);
    done(&mut t, "aws.sqs.deleteQueue", &[]);
    let said = fails(&mut t, "aws.sqs.sendMessage", &["hi"], "aws_send");
    assert!(said.starts_with("QueueDoesNotExist: "), "{said}");
    assert_eq!(t.var("aws.ereason"), said);
    fails(&mut t, "aws.sqs.receiveMessage", &[], "aws_receive");
    fails(&mut t, "aws.sqs.deleteQueue", &[&url], "aws_delete");
    fails(
        &mut t,
        "aws.sqs.createQueue",
        &["30", "no name"],
        "aws_create",
    );
    assert_eq!(t.var("aws.sqs.queue"), url);
    done(&mut t, "aws.sqs.createQueue", &["0", "again"]);
}

#[test]
fn what_is_no_question_is_not_asked() {
    let (mut t, _) = session("");
    for (action, args) in [
        ("aws.sqs.createQueue", &["30"][..]),
        ("aws.sqs.createQueue", &["soon", "q"]),
        ("aws.sqs.createQueue", &["43201", "q"]),
        ("aws.sqs.createQueue", &["-1", "q"]),
        ("aws.sqs.deleteQueue", &[]),
        ("aws.sqs.sendMessage", &["hi"]),
        ("aws.sqs.sendMessage", &["", "q"]),
        ("aws.sqs.sendMessage", &[&"x".repeat(1_048_577), "q"]),
        ("aws.sqs.receiveMessage", &[]),
        ("aws.sqs.receiveMessage", &["q", "21"]),
        ("aws.sqs.deleteMessage", &["", "q"]),
        ("aws.sqs.deleteMessage", &["h"]),
    ] {
        fails(&mut t, action, args, "arg");
    }
}

//! mod_aws in calls, with S3 and SQS on this machine.

use std::path::Path;

use muleteer::sip::message::StatusCode;

use super::objects::{all, has_no_findings, readme};
use crate::support::audio::{sine, wav_file};
use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

#[path = "../../plugins/mod_aws/tests/cloud/mod.rs"]
mod cloud;

/// Makes what the README expects to be there.
const SETUP: &str = r#"
import(mod_aws)
initial state ON;
transition "up" ON - startup / {
  aws.s3.createBucket(messages); throwOnError();
  aws.s3.createBucket(greetings); throwOnError();
  aws.s3.put(main.wav); throwOnError();
  aws.sqs.createQueue(30, voicemail); throwOnError();
  warn("the queue is $aws.sqs.queue");
  stop(false);
} -> ON;
transition "not up" ON - exception / warn("not up: #type #cause $aws.ereason"); -> ON;
"#;

/// Reads the queue and fetches the message.
const COLLECT: &str = r#"
import(mod_aws)
initial state START;
state END;
transition "collect" START - sessionStart / {
  aws.sqs.receiveMessage($config.queue, 10); throwOnError();
  aws.sqs.deleteMessage("", $config.queue); throwOnError();
  set($aws.s3.bucket=messages);
  aws.s3.get($aws.sqs.message, collected.wav); throwOnError();
  warn("collected $aws.sqs.message");
  stop(true);
} -> END;
transition "nothing" START - exception / { warn("nothing: #type #cause $aws.ereason"); stop(true); } -> END;
transition "they left" (START, END) - hangup / stop(false); -> END;
"#;

#[test]
fn the_diagram_of_the_readme_has_no_findings() {
    has_no_findings(&readme("mod_aws"));
}

#[tokio::test]
async fn a_caller_is_greeted_from_a_bucket_and_leaves_a_message_in_another() {
    let cloud = cloud::cloud();
    let folder = Folder::new(&[
        ("main.dsm", &readme("mod_aws")),
        ("setup.dsm", SETUP),
        ("collect.dsm", COLLECT),
    ]);
    let sounds = Folder::new(&[]);
    sounds.write("main.wav", wav_file(&sine(500.0, 100)));
    let text = |key: &str, value: &str| format!("{key}={value:?}");
    let path = |key: &str, path: &Path| text(key, &path.display().to_string());
    let queue = format!("{}/123456789012/voicemail", cloud.url);
    let settings = [
        folder.as_setting("dsm.path"),
        format!("dsm.modules=[{:?}]", all().display().to_string()),
        "dsm.run_system_dsms=[\"setup\"]".to_owned(),
        "log.level=debug".to_owned(),
        text("module.aws.access_key", &cloud.key),
        text("module.aws.secret_access_key", &cloud.secret),
        text("module.aws.region", "eu-west-1"),
        text("module.aws.endpoint", &cloud.url),
        text("module.aws.sqs_endpoint", &cloud.url),
        path("module.aws.folder", sounds.path()),
        path("audio.record_path", sounds.path()),
        text("application.main.greetings", "greetings"),
        text("application.main.messages", "messages"),
        text("application.main.queue", &queue),
        path("application.main.recordings", sounds.path()),
        text("application.collect.queue", &queue),
    ];
    let arguments: Vec<&str> = settings.iter().flat_map(|text| ["--set", text]).collect();
    let mut server = ServerProcess::start(&arguments);
    server.process.line(&format!("the queue is {queue}"));

    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("said it");
    assert_eq!(caller.bye().await.status, StatusCode::OK);

    let mut owner = Caller::new(server.address, "collect").await;
    assert_eq!(owner.call(40_100).await.status, StatusCode::OK);
    server.process.line("collected main/");
    let collected = sounds.file("collected.wav");
    let message = hound::WavReader::open(collected).expect("a recording");
    assert_eq!(message.spec().sample_rate, 8_000);
    let bye = owner.server_request().await;
    owner.confirm(&bye).await;
    let log = server.stop().text();
    assert!(!log.contains(&cloud.secret), "a secret is in the log");
}

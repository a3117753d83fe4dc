//! The actions on SQS.

use std::time::Duration;

use muleteer_sdk::module::*;
use serde_json::{Value, json};

use crate::client::client;
use crate::problem::Problem;
use crate::queue::{ask, text};
use crate::s3::GRACE;

/// The largest message, in bytes; the service has the same limit.
const MAX_MESSAGE: usize = 1 << 20;
/// The longest that a message stays hidden from other readers, in seconds.
const MAX_HIDDEN: u32 = 43_200;
/// The longest that the service waits for a message, in seconds.
const MAX_WAIT: u32 = 20;

const QUEUE: Parameter = may("queue", Kind::Value);
const SETS: &[&str] = &["$aws.ereason"];

pub const CREATE_QUEUE: Action = action("aws.sqs.createQueue", create_queue)
    .doc(
        "Makes a queue whose messages are hidden from others for so many seconds once they were received; its \
         name is also that of $aws.sqs.queue, which becomes its URL.",
    )
    .parameters(&[need("seconds", Kind::Value), may("name", Kind::Value)])
    .errno(&["arg", "aws_conn", "aws_create"])
    .sets(&["$aws.sqs.queue", "$aws.ereason"])
    .example(Example {
        code: "aws.sqs.createQueue(soon, q)",
        expect: &[("errno", "arg")],
    });

pub const DELETE_QUEUE: Action = action("aws.sqs.deleteQueue", delete_queue)
    .doc("Removes a queue, by its URL, or the queue $aws.sqs.queue.")
    .parameters(&[QUEUE])
    .errno(&["arg", "aws_conn", "aws_delete"])
    .sets(SETS)
    .example(Example {
        code: "aws.sqs.deleteQueue()",
        expect: &[("errno", "arg")],
    });

pub const SEND_MESSAGE: Action = action("aws.sqs.sendMessage", send_message)
    .doc("Sends a text to a queue. $aws.sqs.url is the id of the message, $aws.sqs.md5 the MD5 of its text.")
    .parameters(&[need("text", Kind::Value), QUEUE])
    .errno(&["arg", "aws_conn", "aws_send"])
    .sets(&["$aws.sqs.url", "$aws.sqs.md5", "$aws.ereason"])
    .example(Example {
        code: "aws.sqs.sendMessage(hi)",
        expect: &[("errno", "arg")],
    });

pub const RECEIVE_MESSAGE: Action = action("aws.sqs.receiveMessage", receive_message)
    .doc(
        "Receives one message: $aws.sqs.message, and $aws.sqs.handle to delete it with. Both are empty if there \
         is none, also after waiting so many seconds, 0 to 20.",
    )
    .parameters(&[QUEUE, may("seconds", Kind::Value)])
    .errno(&["arg", "aws_conn", "aws_receive"])
    .sets(&["$aws.sqs.message", "$aws.sqs.handle", "$aws.ereason"])
    .cancellable()
    .example(Example {
        code: "aws.sqs.receiveMessage(q, 21)",
        expect: &[("errno", "arg")],
    });

pub const DELETE_MESSAGE: Action = action("aws.sqs.deleteMessage", delete_message)
    .doc("Deletes a message that was received, by its handle or by $aws.sqs.handle.")
    .parameters(&[may("handle", Kind::Value), QUEUE])
    .errno(&["arg", "aws_conn", "aws_delete"])
    .sets(SETS)
    .example(Example {
        code: "aws.sqs.deleteMessage()",
        expect: &[("errno", "arg")],
    });

/// The argument, or else the variable.
fn chosen(cx: &Context<'_>, argument: &str, variable: &str, what: &str) -> Result<String, Failure> {
    let written = Some(argument.to_owned()).filter(|text| !text.is_empty());
    let kept = || cx.var(variable).filter(|text| !text.is_empty());
    let missing = || Failure::errno("arg", format!("no {what}, and ${variable} is not set"));
    written.or_else(kept).ok_or_else(missing)
}

fn queue(cx: &Context<'_>, argument: &str) -> Result<String, Failure> {
    chosen(cx, argument, "aws.sqs.queue", "queue")
}

fn seconds(args: &Args<'_>, index: usize, most: u32) -> Result<u32, Failure> {
    let seconds = args.number::<u32>(index)?;
    match seconds <= most {
        true => Ok(seconds),
        false => {
            let text = format!("{seconds} seconds are not 0 to {most}");
            Err(Failure::errno("arg", text))
        }
    }
}

/// Variables, and what they become.
type Variables = Vec<(&'static str, String)>;

/// One question to the service.
struct Question {
    operation: &'static str,
    request: Value,
    /// How long the service itself may wait, in seconds.
    waits: u32,
    /// The word for what it refuses.
    errno: &'static str,
    /// What the script gets of the answer.
    take: fn(&Value) -> Result<Variables, Problem>,
}

impl Question {
    fn ask(self, cx: &mut Context<'_>) -> Result<Flow, Failure> {
        let Self { errno, take, .. } = self;
        cx.remove("aws.ereason");
        let client = client().map_err(|problem| problem.of_queue(cx, errno))?;
        let timeout = client.config.timeout + Duration::from_secs(self.waits.into());
        Ok(cx.later(
            Deadline::new(timeout + GRACE).failing(errno, "no answer in time"),
            ask(client, self.operation, self.request, timeout),
            move |cx, answer| match answer.and_then(|said| take(&said)) {
                Ok(variables) => {
                    for (name, value) in variables {
                        cx.set(name, value)?;
                    }
                    Ok(Flow::Next)
                }
                Err(problem) => Err(problem.of_queue(cx, errno)),
            },
        ))
    }
}

fn create_queue(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let hidden = seconds(args, 0, MAX_HIDDEN)?.to_string();
    let name = queue(cx, args.text(1))?;
    let question = Question {
        operation: "AmazonSQS.CreateQueue",
        request: json!({"QueueName": name, "Attributes": {"VisibilityTimeout": hidden}}),
        waits: 0,
        errno: "aws_create",
        take: |said| Ok(vec![("aws.sqs.queue", text(said, "QueueUrl")?)]),
    };
    question.ask(cx)
}

fn delete_queue(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let question = Question {
        operation: "AmazonSQS.DeleteQueue",
        request: json!({"QueueUrl": queue(cx, args.text(0))?}),
        waits: 0,
        errno: "aws_delete",
        take: |_| Ok(Vec::new()),
    };
    question.ask(cx)
}

fn send_message(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let message = args.text(0);
    if message.is_empty() || message.len() > MAX_MESSAGE {
        let text = format!(
            "a message has 1 to {MAX_MESSAGE} bytes, this one {}",
            message.len()
        );
        return Err(Failure::errno("arg", text));
    }
    let question = Question {
        operation: "AmazonSQS.SendMessage",
        request: json!({"QueueUrl": queue(cx, args.text(1))?, "MessageBody": message}),
        waits: 0,
        errno: "aws_send",
        take: |said| {
            let (id, md5) = (text(said, "MessageId")?, text(said, "MD5OfMessageBody")?);
            // The first name is that of the original.
            Ok(vec![("aws.sqs.url", id), ("aws.sqs.md5", md5)])
        },
    };
    question.ask(cx)
}

fn receive_message(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let waits = match args.text(1) {
        "" => 0,
        _ => seconds(args, 1, MAX_WAIT)?,
    };
    let queue = queue(cx, args.text(0))?;
    let question = Question {
        operation: "AmazonSQS.ReceiveMessage",
        request: json!({"QueueUrl": queue, "MaxNumberOfMessages": 1, "WaitTimeSeconds": waits}),
        waits,
        errno: "aws_receive",
        take: |said| {
            let (message, handle) = match &said["Messages"][0] {
                Value::Null => (String::new(), String::new()),
                message => (text(message, "Body")?, text(message, "ReceiptHandle")?),
            };
            Ok(vec![
                ("aws.sqs.message", message),
                ("aws.sqs.handle", handle),
            ])
        },
    };
    question.ask(cx)
}

fn delete_message(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let handle = chosen(cx, args.text(0), "aws.sqs.handle", "handle of a message")?;
    let question = Question {
        operation: "AmazonSQS.DeleteMessage",
        request: json!({"QueueUrl": queue(cx, args.text(1))?, "ReceiptHandle": handle}),
        waits: 0,
        errno: "aws_delete",
        take: |_| Ok(Vec::new()),
    };
    question.ask(cx)
}

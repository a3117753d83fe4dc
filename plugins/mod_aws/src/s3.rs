//! The actions on S3.

use std::time::Duration;

use muleteer_sdk::module::*;

use crate::client::client;
use crate::problem::{Problem, thrown};
use crate::store;

/// The most files of one action.
const MAX_FILES: usize = 1000;
/// The client keeps the deadline; the action only makes sure that it does.
pub const GRACE: Duration = Duration::from_secs(1);

const THROWS: &[&str] = &["aws #cause #text"];
const SETS: &[&str] = &["$aws.ereason"];

pub const PUT: Action = action("aws.s3.put", put)
    .doc("Stores a file in the bucket $aws.s3.bucket, under a key or under its own name.")
    .parameters(&[need("file", Kind::Value), may("key", Kind::Value)])
    .errno(&["aws_put"])
    .throws(THROWS)
    .sets(SETS);

pub const PUT_ARRAY: Action = action("aws.s3.putArray", put_array)
    .doc(
        "Stores the files $NAME_0, $NAME_1 and so on, $NAME_size of them; keys are in a second array, and one \
         that is empty is the name of the file. Goes on after a file that was not stored.",
    )
    .parameters(&[need("files", Kind::NamePrefix), may("keys", Kind::NamePrefix)])
    .errno(&["arg", "aws_put"])
    .throws(THROWS)
    .sets(SETS)
    .example(Example {
        code: "set($aws.s3.bucket=b); aws.s3.putArray(files)",
        expect: &[("errno", "arg")],
    });

pub const GET: Action = action("aws.s3.get", get)
    .doc("Fetches what is under a key in $aws.s3.bucket into a file, which is there only when all of it has come.")
    .parameters(&[need("key", Kind::Value), need("file", Kind::Value)])
    .errno(&["aws_get", "file"])
    .throws(THROWS)
    .sets(SETS)
    .cancellable();

pub const CREATE_BUCKET: Action = action("aws.s3.createBucket", create_bucket)
    .doc("Makes a bucket of this name, or of the name $aws.s3.bucket, which gets the name.")
    .parameters(&[may("name", Kind::Value)])
    .errno(&["arg", "aws_create"])
    .throws(THROWS)
    .sets(&["$aws.s3.bucket", "$aws.ereason"])
    .example(Example {
        code: "aws.s3.createBucket()",
        expect: &[("errno", "arg")],
    });

/// The bucket that the script has chosen. Forgets why an earlier action failed.
fn bucket(cx: &mut Context<'_>) -> Option<String> {
    cx.remove("aws.ereason");
    cx.var("aws.s3.bucket").filter(|name| !name.is_empty())
}

fn no_bucket() -> Failure {
    thrown("empty bucket", "$aws.s3.bucket is not set")
}

fn ended(
    errno: &'static str,
) -> impl FnOnce(&mut Context<'_>, Result<(), Problem>) -> Result<Flow, Failure> {
    move |cx, result| match result {
        Ok(()) => Ok(Flow::Next),
        Err(problem) => Err(problem.of_store(cx, errno)),
    }
}

fn deadline(timeout: Duration, errno: &'static str) -> Deadline {
    Deadline::new(timeout + GRACE).failing(errno, "no answer in time")
}

fn put(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let bucket = bucket(cx).ok_or_else(no_bucket)?;
    let item = Item::new(args.text(0), args.text(1));
    let client = client().map_err(|problem| problem.of_store(cx, "aws_put"))?;
    let timeout = client.config.transfer_timeout;
    Ok(cx.later(
        deadline(timeout, "aws_put"),
        async move { store::put(client, &bucket, &item.key, &item.file, timeout).await },
        ended("aws_put"),
    ))
}

fn get(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let bucket = bucket(cx).ok_or_else(no_bucket)?;
    let (key, file) = (args.text(0).to_owned(), args.text(1).to_owned());
    let client = client().map_err(|problem| problem.of_store(cx, "aws_get"))?;
    let timeout = client.config.transfer_timeout;
    Ok(cx.later(
        deadline(timeout, "aws_get"),
        async move { store::get(client, &bucket, &key, &file, timeout).await },
        ended("aws_get"),
    ))
}

fn create_bucket(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let chosen = bucket(cx);
    let written = Some(args.text(0).to_owned()).filter(|name| !name.is_empty());
    let missing = || {
        Failure::errno(
            "arg",
            "the bucket has no name, and $aws.s3.bucket is not set",
        )
    };
    let name = written.or(chosen).ok_or_else(missing)?;
    let client = client().map_err(|problem| problem.of_store(cx, "aws_create"))?;
    let timeout = client.config.timeout;
    Ok(cx.later(
        deadline(timeout, "aws_create"),
        async move {
            store::create_bucket(client, &name, timeout).await?;
            Ok(name)
        },
        |cx, result: Result<String, Problem>| match result {
            Ok(name) => {
                cx.set("aws.s3.bucket", name)?;
                Ok(Flow::Next)
            }
            Err(problem) => Err(problem.of_store(cx, "aws_create")),
        },
    ))
}

/// A file and the key it gets.
struct Item {
    file: String,
    key: String,
}

impl Item {
    fn new(file: &str, key: &str) -> Self {
        let key = if key.is_empty() { file } else { key };
        Self {
            file: file.to_owned(),
            key: key.to_owned(),
        }
    }
}

fn put_array(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let missing = || Failure::errno("arg", "$aws.s3.bucket is not set");
    let bucket = bucket(cx).ok_or_else(missing)?;
    let items = items(cx, args.text(0), args.text(1))?;
    let client = client().map_err(|problem| problem.of_store(cx, "aws_put"))?;
    let timeout = client.config.transfer_timeout;
    Ok(cx.later(
        deadline(timeout, "aws_put"),
        async move {
            let mut failed = Vec::new();
            let storing = async {
                for Item { file, key } in items {
                    match store::put(client, &bucket, &key, &file, timeout).await {
                        Err(Problem::Service(text)) => failed.push(format!("{key}: {text}")),
                        stored => stored?,
                    }
                }
                Ok(())
            };
            let ended = tokio::time::timeout(timeout, storing).await;
            let ended = ended.unwrap_or_else(|_| {
                let text = "not all files were stored in time";
                Err(Problem::Service(text.to_owned()))
            });
            (failed, ended)
        },
        |cx, (failed, ended)| tell(cx, failed, ended),
    ))
}

/// What became of many files: none of what was not stored is passed over.
fn tell(
    cx: &mut Context<'_>,
    mut failed: Vec<String>,
    ended: Result<(), Problem>,
) -> Result<Flow, Failure> {
    let fatal = match ended {
        Ok(()) => None,
        Err(Problem::Service(text)) => {
            failed.push(text);
            None
        }
        Err(problem) => Some(problem),
    };
    let stored = match failed.is_empty() {
        true => Ok(Flow::Next),
        false => Err(Problem::service(&failed.join("; ")).of_store(cx, "aws_put")),
    };
    match fatal {
        Some(problem) => Err(problem.of_store(cx, "aws_put")),
        None => stored,
    }
}

/// The files and keys of two arrays.
fn items(cx: &Context<'_>, files: &str, keys: &str) -> Result<Vec<Item>, Failure> {
    let size = size(cx, files)?;
    if !keys.is_empty() && self::size(cx, keys)? != size {
        let text = format!("${keys}_size is not ${files}_size");
        return Err(Failure::errno("arg", text));
    }
    let item = |index| {
        let at = |array: &str| cx.var(&format!("{array}_{index}")).unwrap_or_default();
        let key = if keys.is_empty() {
            String::new()
        } else {
            at(keys)
        };
        match at(files) {
            file if file.is_empty() => {
                let text = format!("${files}_{index} is no name of a file");
                Err(Failure::errno("arg", text))
            }
            file => Ok(Item::new(&file, &key)),
        }
    };
    (0..size).map(item).collect()
}

fn size(cx: &Context<'_>, array: &str) -> Result<usize, Failure> {
    let size = cx.number::<usize>(&format!("{array}_size"));
    let text = || format!("${array}_size is no number from 0 to {MAX_FILES}");
    size.filter(|size| *size <= MAX_FILES)
        .ok_or_else(|| Failure::errno("arg", text()))
}

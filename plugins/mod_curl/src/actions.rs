//! The actions.

use std::time::Duration;

use muleteer_http::Aside;
use muleteer_sdk::module::*;
use reqwest::Method;

use crate::client::{Clients, clients};
use crate::request::{Body, Request};
use crate::response::{self, Answer};

const URL: Parameter = need("url", Kind::Value);
const FIELDS: Parameter = need("fields", Kind::Names);
const ERRNO: &[&str] = &["arg", "general"];
const SETS: &[&str] = &["$curl.out", "$curl.status", "$curl.reply.NAME", "$curl.err"];
const SETS_NO_BODY: &[&str] = &["$curl.status", "$curl.reply.NAME", "$curl.err"];
/// The client has the deadline of the script; the action only makes sure that it keeps it.
const GRACE: Duration = Duration::from_secs(1);

const NO_URL: Example = Example {
    code: "curl.get(\"ftp://localhost/x\")",
    expect: &[("errno", "arg")],
};

pub const GET: Action = action("curl.get", |cx, args| {
    let url = args.text(0);
    keeping(cx, Method::GET, url, Body::Nothing)
})
.doc("Fetches a page; its body is $curl.out, its status $curl.status.")
.parameters(&[URL])
.errno(ERRNO)
.sets(SETS)
.cancellable()
.example(NO_URL);

pub const GET_DISCARD_RESULT: Action = action("curl.getDiscardResult", |cx, args| {
    let url = args.text(0);
    discarding(cx, Method::GET, url, Body::Nothing)
})
.doc("Fetches a page and stores its status only.")
.parameters(&[URL])
.errno(ERRNO)
.sets(SETS_NO_BODY)
.cancellable();

pub const GET_FILE: Action = action("curl.getFile", get_file)
    .doc("Fetches a page into a file, which is there only when all of it has come.")
    .parameters(&[URL, need("file", Kind::Value)])
    .errno(&["arg", "file", "general"])
    .sets(SETS_NO_BODY)
    .cancellable();

pub const GET_FORM: Action = action("curl.getForm", |cx, args| {
    let (url, fields) = (args.text(0), args.text(1));
    keeping(cx, Method::GET, url, Body::Query(fields))
})
.doc("Fetches a page with variables as its query: $a;$b becomes ?a=..&b=..")
.parameters(&[URL, FIELDS])
.errno(ERRNO)
.sets(SETS)
.cancellable();

pub const POST: Action = action("curl.post", |cx, args| {
    let (url, fields) = (args.text(0), args.text(1));
    keeping(cx, Method::POST, url, Body::Fields(fields))
})
.doc(
    "Posts variables as the fields of a form, or as $curl.post_type says: urlencoded, json. $curl.body is \
     sent instead, if it is set.",
)
.parameters(&[URL, may("fields", Kind::Names)])
.errno(ERRNO)
.sets(SETS)
.cancellable();

pub const POST_DISCARD_RESULT: Action = action("curl.postDiscardResult", |cx, args| {
    let (url, fields) = (args.text(0), args.text(1));
    discarding(cx, Method::POST, url, Body::Fields(fields))
})
.doc("The same, and stores the status only.")
.parameters(&[URL, may("fields", Kind::Names)])
.errno(ERRNO)
.sets(SETS_NO_BODY)
.cancellable();

pub const PUT: Action = action("curl.put", |cx, args| {
    let (url, fields) = (args.text(0), args.text(1));
    keeping(cx, Method::PUT, url, Body::Fields(fields))
})
.doc("As `curl.post`, with the method PUT.")
.parameters(&[URL, may("fields", Kind::Names)])
.errno(ERRNO)
.sets(SETS)
.cancellable();

pub const DELETE: Action = action("curl.delete", |cx, args| {
    let url = args.text(0);
    keeping(cx, Method::DELETE, url, Body::Nothing)
})
.doc("As `curl.get`, with the method DELETE.")
.parameters(&[URL])
.errno(ERRNO)
.sets(SETS)
.cancellable();

/// Forgets the answer of an earlier request, and reads this one.
fn begin(
    cx: &mut Context<'_>,
    method: Method,
    url: &str,
    body: Body<'_>,
) -> Result<(&'static Clients, Request), Failure> {
    cx.remove("curl.status");
    cx.remove_prefix("curl.reply.");
    let clients = clients()?;
    let request = Request::read(cx, clients, method, url, body);
    Ok((clients, request.map_err(|failure| told(cx, failure))?))
}

/// A failure that `$curl.err` tells as well.
fn told(cx: &mut Context<'_>, failure: Failure) -> Failure {
    if let Failure::Errno { text, .. } = &failure
        && let Err(failure) = cx.set("curl.err", text)
    {
        return failure;
    }
    failure
}

/// Makes `$curl.out` of the body.
fn keeping(
    cx: &mut Context<'_>,
    method: Method,
    url: &str,
    body: Body<'_>,
) -> Result<Flow, Failure> {
    cx.remove("curl.out");
    fetching(cx, method, url, body, |cx, page| match page.is_empty() {
        true => Ok(()),
        false => cx.set("curl.out", page),
    })
}

/// Shows the body to whoever reads the log.
fn discarding(
    cx: &mut Context<'_>,
    method: Method,
    url: &str,
    body: Body<'_>,
) -> Result<Flow, Failure> {
    fetching(cx, method, url, body, |cx, page| {
        cx.log(Level::Debug, &page);
        Ok(())
    })
}

fn fetching(
    cx: &mut Context<'_>,
    method: Method,
    url: &str,
    body: Body<'_>,
    done: fn(&mut Context<'_>, String) -> Result<(), Failure>,
) -> Result<Flow, Failure> {
    let (clients, request) = begin(cx, method, url, body)?;
    let most = clients.config.max_body_bytes;
    Ok(cx.later(
        request.timeout + GRACE,
        Answer::of(request, move |response| response::text(response, most)),
        move |cx, answer| {
            let page = answer.stored(cx)?;
            done(cx, page)?;
            Ok(Flow::Next)
        },
    ))
}

fn get_file(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let path = args.text(1).to_owned();
    let (clients, request) = begin(cx, Method::GET, args.text(0), Body::Nothing)?;
    let most = clients.config.max_file_bytes;
    Ok(cx.later(
        request.timeout + GRACE,
        async move {
            // Before the request: where no file can be made, none need be fetched.
            match Aside::create(&path).await {
                Ok(aside) => {
                    Answer::of(request, move |page| async move {
                        Ok(aside.fill(page, most).await?)
                    })
                    .await
                }
                Err(broken) => Answer {
                    head: None,
                    body: Err(broken.into()),
                },
            }
        },
        |cx, answer| {
            answer.stored(cx)?;
            Ok(Flow::Next)
        },
    ))
}

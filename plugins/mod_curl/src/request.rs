//! What is sent: read from the variables of the session before an action begins to wait.

use std::time::Duration;

use muleteer_sdk::module::*;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;

use crate::client::Clients;

/// What a request may take if the script does not say.
const TIMEOUT_S: f64 = 5.0;
/// The most that a script may wait, in seconds.
const MAX_TIMEOUT_S: f64 = 300.0;
/// The most headers of a request and of its answer.
pub const MAX_HEADERS: usize = 64;

/// A request, ready to be sent.
pub struct Request {
    /// What is sent.
    pub builder: RequestBuilder,
    /// How long all of it may take.
    pub timeout: Duration,
    /// Whether answers from 400 on are failures.
    pub fails_on_error: bool,
}

/// What goes into the body.
pub enum Body<'a> {
    /// Nothing.
    Nothing,
    /// These variables behind the URL.
    Query(&'a str),
    /// These variables, or what `$curl.body` says.
    Fields(&'a str),
}

impl Request {
    /// Reads `$curl.timeout` and the other variables.
    ///
    /// # Errors
    /// The errno `arg`: no URL of HTTP, a bad timeout or header.
    pub fn read(
        cx: &Context<'_>,
        clients: &Clients,
        method: Method,
        url: &str,
        body: Body<'_>,
    ) -> Result<Self, Failure> {
        let url = address(url)?;
        let timeout = timeout(cx)?;
        let follows = cx.var("curl.follow").as_deref() == Some("true");
        let builder = clients.client(follows).request(method, url);
        let builder = builder.timeout(timeout);
        let headers = headers(cx)?;
        let has_type = headers.contains_key(CONTENT_TYPE);
        let builder = match body {
            Body::Nothing => builder,
            Body::Query(list) => builder.query(&fields(cx, list)),
            Body::Fields(list) => filled(cx, builder, list, has_type)?,
        };
        Ok(Self {
            builder: builder.headers(headers),
            timeout,
            fails_on_error: cx.var("curl.fail_on_error").as_deref() == Some("true"),
        })
    }
}

/// Puts the fields into a body, as `$curl.post_type` wants it.
fn filled(
    cx: &Context<'_>,
    builder: RequestBuilder,
    list: &str,
    has_type: bool,
) -> Result<RequestBuilder, Failure> {
    let kind = cx.var("curl.post_type").unwrap_or_default();
    if let Some(body) = cx.var("curl.body") {
        let usual = match kind.as_str() {
            "json" => "application/json",
            "urlencoded" => "application/x-www-form-urlencoded",
            _ => "text/plain; charset=utf-8",
        };
        let builder = match has_type {
            true => builder,
            false => builder.header(CONTENT_TYPE, usual),
        };
        return Ok(builder.body(body));
    }
    let fields = fields(cx, list);
    match kind.as_str() {
        "" | "multipart" => {
            let form = fields
                .into_iter()
                .fold(Form::new(), |form, (name, value)| form.text(name, value));
            Ok(builder.multipart(form))
        }
        "urlencoded" => Ok(builder.form(&fields)),
        "json" => {
            let members = fields.into_iter();
            let object = members.map(|(name, value)| (name, Value::String(value)));
            Ok(builder.json(&Value::Object(object.collect())))
        }
        other => {
            let text = format!("$curl.post_type is {other:?}: multipart, urlencoded or json");
            Err(Failure::errno("arg", text))
        }
    }
}

fn address(text: &str) -> Result<Url, Failure> {
    let bad = |why: &str| Failure::errno("arg", format!("no URL: {why}"));
    let url: Url = text
        .trim()
        .parse()
        .map_err(|error| bad(&format!("{error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(bad(&format!("expected http or https, found {other}"))),
    }
}

fn timeout(cx: &Context<'_>) -> Result<Duration, Failure> {
    let Some(text) = cx.var("curl.timeout").filter(|text| !text.is_empty()) else {
        return Ok(Duration::from_secs_f64(TIMEOUT_S));
    };
    let seconds = text.trim().parse::<f64>();
    match seconds {
        Ok(seconds) if seconds > 0.0 && seconds <= MAX_TIMEOUT_S => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => {
            let expected = format!("expected seconds, above 0 and at most {MAX_TIMEOUT_S}");
            let text = format!("$curl.timeout is {text:?}: {expected}");
            Err(Failure::errno("arg", text))
        }
    }
}

/// The headers that `$curl.header.NAME` says.
fn headers(cx: &Context<'_>) -> Result<HeaderMap, Failure> {
    let members = cx.members("curl.header");
    if members.len() > MAX_HEADERS {
        let text = format!("a request has at most {MAX_HEADERS} headers of a script");
        return Err(Failure::errno("arg", text));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in members {
        let read = HeaderName::from_bytes(name.as_bytes());
        let read = read.ok().zip(HeaderValue::from_str(&value).ok());
        let (header, value) = read.ok_or_else(|| {
            let text = format!("$curl.header.{name} is no header: {value:?}");
            Failure::errno("arg", text)
        })?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// The variables of a list such as `$a;b;struct.`, in its order; one that is not set is empty.
fn fields(cx: &Context<'_>, list: &str) -> Vec<(String, String)> {
    let names = list.split(';').map(str::trim);
    let names = names.map(|name| name.strip_prefix('$').unwrap_or(name));
    let names = names.filter(|name| !name.is_empty());
    names
        .flat_map(|name| match name {
            "var" => cx.with_prefix(""),
            name if name.ends_with('.') => cx.with_prefix(name),
            name => vec![(name.to_owned(), cx.var(name).unwrap_or_default())],
        })
        .collect()
}

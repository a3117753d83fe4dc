//! What is asked of SQS, in its JSON protocol.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use muleteer_http::bytes;
use reqsign_core::hash::hex_sha256;
use reqwest::Body;
use serde_json::Value;

use crate::client::{Client, Service};
use crate::problem::Problem;

/// The largest answer, in bytes: a message of 1 MiB, written with escapes.
const MAX_ANSWER: u64 = 4 << 20;

/// Does one operation, and gives what the service says.
///
/// # Errors
/// [`Problem`].
pub async fn ask(
    client: &Client,
    operation: &'static str,
    request: Value,
    timeout: Duration,
) -> Result<Value, Problem> {
    let body = request.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    headers.insert("x-amz-target", HeaderValue::from_static(operation));
    let digest = HeaderValue::try_from(hex_sha256(body.as_bytes()));
    headers.insert("x-amz-content-sha256", digest.expect("hexadecimal digits"));
    let url = client.config.endpoints.queues();
    let body = Body::from(body);
    let answer = client.send(Service::Sqs, Method::POST, &url, headers, body, timeout);
    let answer = answer.await?;
    let status = answer.status();
    let body = bytes(answer, MAX_ANSWER).await?;
    let said = serde_json::from_slice::<Value>(&body);
    match (status, said) {
        (StatusCode::OK, Ok(said)) => Ok(said),
        // Some operations have nothing to say.
        (StatusCode::OK, Err(_)) if body.is_empty() => Ok(Value::Null),
        (StatusCode::OK, Err(_)) => Err(garbled()),
        (status, Ok(said)) => Err(refusal(&said).unwrap_or_else(|| unsaid(status))),
        (status, Err(_)) => Err(unsaid(status)),
    }
}

/// A text of an answer that has to be there.
///
/// # Errors
/// [`Problem::Service`].
pub fn text(said: &Value, member: &str) -> Result<String, Problem> {
    let text = said[member].as_str();
    text.map(str::to_owned).ok_or_else(garbled)
}

fn garbled() -> Problem {
    Problem::Service("the answer of the service makes no sense".to_owned())
}

fn unsaid(status: StatusCode) -> Problem {
    Problem::service(&format!("the service answers {status}"))
}

/// `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": ".."}`
fn refusal(said: &Value) -> Option<Problem> {
    let code = said["__type"].as_str()?;
    let code = code.rsplit('#').next().unwrap_or(code);
    let message = said["message"]
        .as_str()
        .or_else(|| said["Message"].as_str());
    let message = message.unwrap_or_default();
    Some(Problem::service(&format!("{code}: {message}")))
}

//! What is asked of S3.

use std::path::Path;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use muleteer_http::{Aside, bytes};
use reqwest::{Body, Response};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::client::{Client, Service};
use crate::problem::Problem;

/// The largest answer about a failure that is looked at, in bytes.
const MAX_ERROR: u64 = 64 << 10;
/// How much of a file is in memory at once, in bytes.
const BUFFER: usize = 64 << 10;

/// Stores a file under a key.
///
/// # Errors
/// [`Problem`].
pub async fn put(
    client: &Client,
    bucket: &str,
    key: &str,
    file: &str,
    timeout: Duration,
) -> Result<(), Problem> {
    let url = client.config.endpoints.object(bucket, key)?;
    let path = client.config.path(file);
    let path = path.ok_or_else(|| Problem::NoFile(outside(file)))?;
    let (file, size) = open(&path, client.config.max_file_bytes).await?;
    let mut headers = unsigned_body();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(CONTENT_LENGTH, size.into());
    // A file that still grows is stored as it was.
    let body = Body::wrap_stream(ReaderStream::with_capacity(file.take(size), BUFFER));
    let answer = client.send(Service::S3, Method::PUT, &url, headers, body, timeout);
    accepted(answer.await?).await.map(drop)
}

/// Fetches an object into a file, which is there when all of it has come.
///
/// # Errors
/// [`Problem`].
pub async fn get(
    client: &Client,
    bucket: &str,
    key: &str,
    file: &str,
    timeout: Duration,
) -> Result<(), Problem> {
    let url = client.config.endpoints.object(bucket, key)?;
    // Before the request: where no file can be made, none need be fetched.
    let path = client.config.path(file);
    let path = path.ok_or_else(|| Problem::File(outside(file)))?;
    let aside = Aside::create(&path).await?;
    let (headers, body) = (unsigned_body(), Body::default());
    let answer = client.send(Service::S3, Method::GET, &url, headers, body, timeout);
    let answer = accepted(answer.await?).await?;
    aside.fill(answer, client.config.max_file_bytes).await?;
    Ok(())
}

/// Makes a bucket.
///
/// # Errors
/// [`Problem`].
pub async fn create_bucket(
    client: &Client,
    bucket: &str,
    timeout: Duration,
) -> Result<(), Problem> {
    let url = client.config.endpoints.bucket(bucket)?;
    let region = &client.config.region;
    // The first region of the cloud is the one that must not be named.
    let body = match &**region {
        "us-east-1" => Body::default(),
        region => Body::from(format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )),
    };
    let headers = unsigned_body();
    let answer = client.send(Service::S3, Method::PUT, &url, headers, body, timeout);
    accepted(answer.await?).await.map(drop)
}

/// A body that the signature does not cover, so that it can be sent while it is read.
fn unsigned_body() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-amz-content-sha256",
        HeaderValue::from_static("UNSIGNED-PAYLOAD"),
    );
    headers
}

fn outside(file: &str) -> String {
    format!("{file:?} is not below the folder of [module.aws] folder")
}

/// Opens a file that is to be sent, and tells its size.
async fn open(path: &Path, most: u64) -> Result<(File, u64), Problem> {
    let missing = |what: String| Problem::NoFile(format!("{}: {what}", path.display()));
    let failed = |error: std::io::Error| missing(error.to_string());
    // Before it is opened: a pipe would wait for who writes it.
    if !tokio::fs::metadata(path).await.map_err(failed)?.is_file() {
        return Err(missing("no file".to_owned()));
    }
    let file = File::open(path).await.map_err(failed)?;
    let size = file.metadata().await.map_err(failed)?.len();
    match size {
        size if size > most => Err(Problem::Service(format!(
            "{} has {size} bytes, more than max_file_bytes = {most}",
            path.display()
        ))),
        size => Ok((file, size)),
    }
}

/// What the store says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

/// The answer, if it is the one that was hoped for.
async fn accepted(answer: Response) -> Result<Response, Problem> {
    let status = answer.status();
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let said = bytes(answer, MAX_ERROR).await.ok();
    let said = said.and_then(|body| String::from_utf8(body).ok());
    let refusal = said.and_then(|text| quick_xml::de::from_str::<Refusal>(&text).ok());
    Err(match refusal {
        Some(Refusal { code, message }) => Problem::service(&format!("{code}: {message}")),
        None => Problem::service(&format!("the service answers {status}")),
    })
}

//! What comes back.

use std::ops::Deref;

use muleteer_sdk::module::*;
use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::client::cause;
use crate::request::{MAX_HEADERS, Request};

/// The longest header of an answer that becomes a variable, in bytes.
const MAX_HEADER: usize = 4 << 10;

/// The beginning of an answer.
pub struct Head {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
}

/// An answer, or why there is none.
pub struct Answer<T> {
    /// What began to come.
    pub head: Option<Head>,
    /// What became of the body.
    pub body: Result<T, Broken>,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub enum Broken {
    /// The transfer.
    Transfer(String),
    /// The status.
    Status(u16),
    /// More bytes than allowed.
    TooLarge(u64),
    /// The file that gets it.
    File(String),
}

impl<T> Answer<T> {
    /// Sends a request and has its answer taken.
    pub async fn of<F>(request: Request, take: impl FnOnce(Response) -> F) -> Self
    where
        F: Future<Output = Result<T, Broken>>,
    {
        let response = match request.builder.send().await {
            Ok(response) => response,
            Err(error) => {
                let body = Err(Broken::Transfer(cause(&error)));
                return Self { head: None, body };
            }
        };
        let status = response.status();
        let head = Some(Head {
            status: status.as_u16(),
            headers: response.headers().clone(),
        });
        let body = match status.as_u16() {
            status @ 400.. if request.fails_on_error => Err(Broken::Status(status)),
            _ => take(response).await,
        };
        Self { head, body }
    }

    /// Stores status and headers, and gives the body.
    ///
    /// # Errors
    /// `general` with `$curl.err`, or `file`.
    pub fn stored(self, cx: &mut Context<'_>) -> Result<T, Failure> {
        if let Some(head) = self.head {
            cx.set("curl.status", head.status.to_string())?;
            let headers = head.headers.iter().take(MAX_HEADERS);
            let headers = headers.filter_map(|(name, value)| {
                let value = value
                    .to_str()
                    .ok()
                    .filter(|text| text.len() <= MAX_HEADER)?;
                Some((name.as_str().to_owned(), value.to_owned()))
            });
            cx.set_struct("curl.reply", headers)?;
        }
        match self.body {
            Ok(body) => Ok(body),
            Err(broken) => {
                let (errno, text) = match broken {
                    Broken::Transfer(text) => ("general", text),
                    Broken::Status(status) => ("general", format!("the answer is {status}")),
                    Broken::TooLarge(most) => {
                        ("general", format!("the answer has more than {most} bytes"))
                    }
                    Broken::File(text) => ("file", text),
                };
                cx.set("curl.err", &text)?;
                Err(Failure::errno(errno, text))
            }
        }
    }
}

/// The body as text, if it is not larger than this.
///
/// # Errors
/// [`Broken`].
pub async fn text(mut response: Response, most: u64) -> Result<String, Broken> {
    let mut body = Vec::new();
    while let Some(chunk) = chunk(&mut response).await? {
        if (body.len() + chunk.len()) as u64 > most {
            return Err(Broken::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(match String::from_utf8(body) {
        Ok(text) => text,
        Err(bytes) => String::from_utf8_lossy(bytes.as_bytes()).into_owned(),
    })
}

/// The next part of a body.
///
/// # Errors
/// [`Broken::Transfer`].
pub async fn chunk(
    response: &mut Response,
) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Broken> {
    let chunk = response.chunk().await;
    chunk.map_err(|error| Broken::Transfer(cause(&error)))
}

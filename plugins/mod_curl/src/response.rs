//! What comes back.

use muleteer_http::{Broken, cause};
use muleteer_sdk::module::*;
use reqwest::Response;
use reqwest::header::HeaderMap;

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
    pub body: Result<T, Failed>,
}

/// Why there is none that the script wants.
#[derive(Debug)]
pub enum Failed {
    /// The status.
    Status(u16),
    /// It is not whole.
    Broken(Broken),
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl<T> Answer<T> {
    /// Sends a request and has its answer taken.
    pub async fn of<F>(request: Request, take: impl FnOnce(Response) -> F) -> Self
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let response = match request.builder.send().await {
            Ok(response) => response,
            Err(error) => {
                let body = Err(Broken::Transfer(cause(&error)).into());
                return Self { head: None, body };
            }
        };
        let status = response.status();
        let head = Some(Head {
            status: status.as_u16(),
            headers: response.headers().clone(),
        });
        let body = match status.as_u16() {
            status @ 400.. if request.fails_on_error => Err(Failed::Status(status)),
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
            Err(failed) => {
                let (errno, text) = match failed {
                    Failed::Status(status) => ("general", format!("the answer is {status}")),
                    Failed::Broken(Broken::File(text)) => ("file", text),
                    Failed::Broken(broken) => ("general", broken.to_string()),
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
/// [`Failed::Broken`].
pub async fn text(response: Response, most: u64) -> Result<String, Failed> {
    let body = muleteer_http::bytes(response, most).await?;
    Ok(match String::from_utf8(body) {
        Ok(text) => text,
        Err(bytes) => String::from_utf8_lossy(bytes.as_bytes()).into_owned(),
    })
}

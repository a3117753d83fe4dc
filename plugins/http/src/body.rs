//! The bodies of answers, which are never larger than the one who asks allows.

use std::fmt;
use std::ops::Deref;

use reqwest::Response;

use crate::cause;

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The transfer.
    Transfer(String),
    /// More bytes than allowed.
    TooLarge(u64),
    /// The file that gets it.
    File(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer(text) | Self::File(text) => f.write_str(text),
            Self::TooLarge(most) => write!(f, "the answer has more than {most} bytes"),
        }
    }
}

/// The whole body, if it is not larger than this.
///
/// # Errors
/// [`Broken`].
pub async fn bytes(mut response: Response, most: u64) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while let Some(chunk) = chunk(&mut response).await? {
        if (body.len() + chunk.len()) as u64 > most {
            return Err(Broken::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The next part of a body.
pub(crate) async fn chunk(
    response: &mut Response,
) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Broken> {
    let chunk = response.chunk().await;
    chunk.map_err(|error| Broken::Transfer(cause(&error)))
}

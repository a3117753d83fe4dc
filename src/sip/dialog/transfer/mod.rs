//! Transfers: asking the peer of a dialog to send a request elsewhere, and being asked (RFC 3515).
//!
//! [`Refer`] is what a REFER asks for, read and written. [`Referrals`] are the REFERs that we sent in one
//! dialog, with what their NOTIFYs told; [`Referred`] is one that we took, with the NOTIFYs that we owe for
//! it. Driven by whoever owns the dialog, which sends what is written here, and follows a REFER or not:
//! nothing here places a call.
//!
//! RFC 3515; RFC 3892 (Referred-By, without its signed body); RFC 4488 (no subscription); RFC 3891 §6
//! (Replaces in Refer-To).

mod issuer;
mod recipient;

pub use issuer::{Progress, Referrals, Refused};
pub use recipient::Referred;

use crate::sip::message::header::Replaces;
use crate::sip::message::{
    HeaderName, Method, NameAddr, ParseError, Request, Response, StatusCode, Uri,
};

/// The event package of the subscription that a REFER makes (RFC 3515 §3).
pub const REFER: &str = "refer";
/// The option tag of RFC 4488.
pub const NOREFERSUB: &str = "norefersub";

/// What a REFER asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refer {
    /// Where a request is to be sent, without method and embedded headers.
    pub target: Uri,
    /// Its method, mostly INVITE.
    pub method: Method,
    /// The dialog that the INVITE is to replace: an attended transfer.
    pub replaces: Option<Replaces>,
    /// Who asks.
    pub referred_by: Option<NameAddr>,
    /// Whether NOTIFYs are to tell what becomes of it.
    pub wants_progress: bool,
}

/// Why a REFER is refused: 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRefer {
    /// There is not exactly one Refer-To (RFC 3515 §2.4.2), or one of its headers cannot be read.
    #[error(transparent)]
    Header(#[from] ParseError),
    /// The method that Refer-To names is no token.
    #[error("malformed method in Refer-To")]
    Method,
}

impl BadRefer {
    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

impl Refer {
    /// Asks for a call to `target`, and to be told what becomes of it.
    pub fn to(target: Uri) -> Self {
        Self {
            target,
            method: Method::Invite,
            replaces: None,
            referred_by: None,
            wants_progress: true,
        }
    }

    /// Reads what a REFER asks for. Of the headers that its Refer-To brings along only Replaces is used
    /// (RFC 3261 §19.1.5).
    ///
    /// # Errors
    /// [`BadRefer`] says what to answer.
    pub fn read(request: &Request) -> Result<Self, BadRefer> {
        let headers = &request.headers;
        let mut target = headers.refer_to()?.uri;
        let (mut method, mut replaces) = (Method::Invite, None);
        if let Uri::Sip(uri) = &mut target {
            replaces = uri.embedded_headers().replaces()?;
            if let Some(name) = uri.params.get("method") {
                method = Method::parse(name).ok_or(BadRefer::Method)?;
            }
            uri.params.remove("method");
            uri.headers = None;
        }
        Ok(Self {
            target,
            method,
            replaces,
            referred_by: headers.referred_by()?,
            wants_progress: headers.refer_sub()?.unwrap_or(true),
        })
    }

    /// Writes it into a REFER.
    pub fn write(&self, request: &mut Request) {
        let mut target = self.target.clone();
        if let Uri::Sip(uri) = &mut target {
            if self.method != Method::Invite {
                uri.params.set("method", self.method.as_str());
            }
            if let Some(replaces) = &self.replaces {
                uri.embed_header(&HeaderName::Replaces, &replaces.to_string());
            }
        }
        let headers = &mut request.headers;
        headers.set(HeaderName::ReferTo, NameAddr::new(target).to_string());
        if let Some(referred_by) = &self.referred_by {
            headers.set(HeaderName::ReferredBy, referred_by.to_string());
        }
        if !self.wants_progress {
            headers.set(HeaderName::ReferSub, "false");
            headers.add_token(HeaderName::Supported, NOREFERSUB);
        }
    }
}

/// Whether a 2xx to a REFER says that there is no subscription (RFC 4488 §4).
fn is_without_subscription(response: &Response) -> bool {
    response.headers.refer_sub() == Ok(Some(false))
}

#[cfg(test)]
mod tests;

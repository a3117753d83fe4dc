//! Which application a request is for.

use std::time::Instant;

use super::{Mailbox, Router};
use crate::config::{ApplicationSelector, NoApplication, SelectionInput};
use crate::excerpt::Excerpt;
use crate::session::catalog::Application;
use crate::sip::message::{HeaderName, Request, Uri, to_text};

/// Why no application is selected.
#[derive(Debug, thiserror::Error)]
pub(super) enum SelectError {
    /// The request names none.
    #[error(transparent)]
    NoName(#[from] NoApplication),
    /// There is none of that name.
    #[error("it selects {0:?}, and neither a diagram nor a built-in application has that name")]
    Unknown(String),
}

impl<M: Mailbox> Router<M> {
    /// The application that a call is for.
    pub(super) fn select(&self, request: &Request) -> Result<(String, Application), SelectError> {
        self.select_by(&self.selector, request)
    }

    /// The application that `selector` chooses.
    pub(super) fn select_by(
        &self,
        selector: &ApplicationSelector,
        request: &Request,
    ) -> Result<(String, Application), SelectError> {
        let ruri = to_text(&request.uri);
        let sip = match &request.uri {
            Uri::Sip(sip) => Some(sip),
            _ => None,
        };
        let user = sip.and_then(|sip| sip.user_decoded());
        let header = request.headers.text(&HeaderName::PAppName);
        let input = SelectionInput {
            ruri: &ruri,
            ruri_user: user.as_deref(),
            ruri_app_param: sip.and_then(|sip| sip.params.get("app")),
            app_name_header: header.as_deref(),
        };
        let name = selector.select(&input)?;
        match self.catalog.find(&name) {
            Some(application) => Ok((name, application)),
            None => Err(SelectError::Unknown(Excerpt(&name).to_string())),
        }
    }

    /// Tells the operator of a call to what there is not. Whoever tries names writes no line for each.
    pub(super) fn log_unknown(&mut self, now: Instant, request: &Request, why: &SelectError) {
        let Some(unsaid) = self.unknown.pass(now) else {
            return;
        };
        let there_are = match why {
            SelectError::NoName(_) => String::new(),
            SelectError::Unknown(_) => format!("; there are: {}", self.catalog.names().join(", ")),
        };
        tracing::info!(
            call_id = %Excerpt(request.headers.call_id().unwrap_or("")),
            ruri = %Excerpt(&request.uri),
            unsaid,
            "no application for this request, answered 404: {why}{there_are}"
        );
    }
}

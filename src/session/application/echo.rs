//! The built-in application `echo`: answers at once and sends back what it hears.

use crate::media::{MediaCommand, MediaEvent, Output};
use crate::session::call::{Call, CallEvent};

/// See the module's documentation.
#[derive(Debug)]
pub struct Echo;

impl Echo {
    pub(super) fn handle_event(&mut self, call: &mut Call, event: &CallEvent) {
        match event {
            CallEvent::Invite => call.answer(),
            CallEvent::SessionStart => call.media(MediaCommand::SetOutput(Output::Echo)),
            CallEvent::Shutdown
            | CallEvent::Media(MediaEvent::RtpTimeout | MediaEvent::StreamFailed) => call.hang_up(),
            _ => {}
        }
    }
}

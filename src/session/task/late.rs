//! What comes when a session has ended.

use super::Task;
use crate::session::SessionCore;
use crate::session::event::SessionEvent;
use crate::session::pool::SipCommand;
use crate::sip::dialog::farewell::Farewell;
use crate::sip::dialog::invite_usage::{Command, RequestToken};
use crate::sip::message::{Response, StatusCode};

impl<S: SessionCore> Task<S> {
    /// Lets nothing more in, and answers what nobody has looked at.
    pub(super) async fn answer_late_messages(&mut self) {
        self.mailbox.close();
        while let Ok(event) = self.mailbox.try_recv() {
            let (transaction, request) = match event {
                SessionEvent::Request(transaction, request) => (transaction, request),
                SessionEvent::Replace(takeover) => {
                    (takeover.transaction, Box::new(takeover.invite))
                }
                SessionEvent::Response(token, response) => {
                    self.say_farewell(token, &response).await;
                    continue;
                }
                _ => continue,
            };
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            let response = Box::new(Response::answering(&request, status, None));
            let answer = SipCommand::Dialog {
                session: self.id.clone(),
                command: Command::Respond {
                    transaction,
                    response,
                },
            };
            // Fails only at the very end of the server.
            let _ = self.context.sip.send(answer).await;
        }
    }

    /// A 2xx to an INVITE of ours that came too late is acknowledged and its dialog ended.
    async fn say_farewell(&mut self, invite: RequestToken, response: &Response) {
        if !Farewell::is_due(response) {
            return;
        }
        let Some(Farewell { ack, bye, next_hop }) = Farewell::of(response, None) else {
            return;
        };
        let commands = [
            Command::Ack {
                invite,
                request: Box::new(ack),
                next_hop: Box::new(next_hop.clone()),
            },
            Command::Request {
                token: RequestToken::UNHEARD,
                request: Box::new(bye),
                next_hop: Box::new(next_hop),
            },
        ];
        for command in commands {
            let session = self.id.clone();
            let command = SipCommand::Dialog { session, command };
            // Fails only at the very end of the server.
            let _ = self.context.sip.send(command).await;
        }
    }
}

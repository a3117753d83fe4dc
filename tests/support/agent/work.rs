//! What scripts have done outside their sessions: by the router, on the machine, by other components.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::control::MONITORING;
use muleteer::control::monitoring::MonitoringComponent;
use muleteer::dsm::{self, ActionError, ActionResult, DiCall, Errno};
use muleteer::session::components::Components;
use muleteer::session::monitoring::{self, Monitor, Order, Reply};
use muleteer::session::{ActionToken, Mail, SessionEvent, SessionId, Work};

use super::{Agent, WITNESS};

impl Agent {
    /// Does work that a script waits for.
    pub(super) fn perform(&mut self, now: Instant, id: SessionId, token: ActionToken, work: Work) {
        let result = match work {
            Work::Mail(Mail::Post { to, params }) if &*to.0 == WITNESS => {
                self.witness.push(*params);
                Ok(dsm::Answer::Nothing)
            }
            Work::Mail(mail) => return self.router.handle_mail(&id, token, mail),
            Work::Group(request) => return self.router.handle_group(&id, token, request),
            Work::Room(question) => return self.router.answer_room(&id, token, question),
            Work::Outside(work) => return self.router.handle_outside(now, &id, token, work),
            Work::Local(work) => {
                self.local_work.push((id, token, work));
                if !self.local_is_slow {
                    self.finish_local_work();
                }
                return;
            }
            Work::Ask(question) => Ok(dsm::Answer::Value(match self.ask(*question) {
                Reply::Attribute(Some(value)) => value.into(),
                _ => serde_json::Value::Null,
            })),
            Work::DialOut(call) => match self.router.dial_out(now, *call, 0) {
                Ok(dial) => {
                    let id = dial.id.to_string();
                    self.place(now, dial);
                    Ok(dsm::Answer::Value(id.into()))
                }
                Err(error) => Err(ActionError::errno(Errno::GENERAL, error.to_string())),
            },
            Work::Module(ticket) => ticket.block(),
            Work::Call(call) if call.factory == "never" => return,
            Work::Call(call) if call.factory == MONITORING => self.call_monitoring(*call),
            _ => Err(ActionError::errno(Errno::CONFIG, "not in this test")),
        };
        let done = SessionEvent::Performed(token, result);
        self.router.deliver(&id, done);
    }

    /// An attribute of a record as text.
    pub fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let value = self.monitor.attribute(id, name)?;
        Some(value.text().into_owned())
    }

    /// Asks the monitoring store.
    pub fn ask(&mut self, mut question: monitoring::Question) -> Reply {
        let now = Duration::from_secs(1_700_000_000);
        loop {
            if let Some(reply) = self.monitor.answer(now, &mut question) {
                return reply;
            }
        }
    }

    /// Calls a function of the component that reads and writes the monitoring store.
    fn call_monitoring(&mut self, call: DiCall) -> ActionResult {
        let (orders, mut received) = tokio::sync::mpsc::channel(8);
        let component = MonitoringComponent::new(Monitor::new(orders));
        let components = Components::default().with(MONITORING, Arc::new(component));
        let calling = components.call_for_script(call);
        drop(components);
        let serve = async {
            while let Some(order) = received.recv().await {
                match order {
                    Order::Write(write) => drop(self.monitor.apply(write)),
                    Order::Ask(question, answer) => drop(answer.send(self.ask(question))),
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let (result, ()) = tokio::join!(calling, serve);
            result
        })
    }

    /// Does the work on the machine that waits.
    pub fn do_local_work(&mut self, now: Instant) {
        self.finish_local_work();
        self.settle(now);
    }

    fn finish_local_work(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        for (id, token, work) in std::mem::take(&mut self.local_work) {
            let result = runtime.block_on(self.local.perform(work));
            let done = SessionEvent::Performed(token, result);
            self.router.deliver(&id, done);
        }
    }
}

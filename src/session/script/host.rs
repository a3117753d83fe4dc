//! The host of a script: what every script can do, with the rest left to its surroundings.

use std::time::{Duration, Instant};

use super::dial_out::{self, NotPlaced};
use super::modules::{self, Asked};
use super::outside::{self, BadOrder};
use super::{MAX_TIMERS, Performed, State, Surroundings};
use crate::dsm::module::{MessagePart, Objects};
use crate::dsm::{
    ActionContext, ActionError, ActionOutcome, Answer, ConditionCall, Errno, Exception, HostAction,
    LogLevel, ModuleAction, ModuleCall, ModuleCondition, ObjectAction, Problem, ProblemKind, Trace,
    Values, Verdict,
};
use crate::session::event::{
    ActionToken, GroupRequest, Mail, Params, SessionId, SessionOutput, Work,
};
use crate::session::local::LocalWork;
use crate::session::outside::OutsideWork;

/// The host while an event is being processed.
pub(super) struct Host<'a> {
    pub now: Instant,
    pub state: &'a mut State,
    pub around: &'a mut dyn Surroundings,
}

impl Host<'_> {
    /// Has work done outside; the script goes on when its result comes.
    fn await_work(&mut self, work: Work) -> ActionOutcome {
        self.state.last_token = self.state.last_token.wrapping_add(1);
        let token = ActionToken(self.state.last_token);
        self.state.awaited = Some(token);
        self.around.output(SessionOutput::Perform { token, work });
        ActionOutcome::Pending
    }

    /// Places a call that variables describe. The result is that of [`State::dialled`].
    fn dial_out(&mut self, prefix: &str, variables: &mut Values) -> ActionOutcome {
        let own = self.state.dialled.get(prefix).map(String::as_str);
        let wanted = match dial_out::read(prefix, own, variables) {
            Ok(wanted) => wanted,
            Err(NotPlaced::TooManyValues(error)) => {
                return ActionError::from(Exception::from(error)).into();
            }
            Err(error) => return ActionError::errno(Errno::ARG, error.to_string()).into(),
        };
        let result = format!("{prefix}_ltag");
        if let Err(error) = variables.set(&result, "") {
            return ActionError::from(Exception::from(error)).into();
        }
        self.state.dialling = Some(prefix.into());
        self.await_work(Work::DialOut(Box::new(wanted)))
    }

    /// Does an action of a module. `action` is the same.
    fn module(
        &mut self,
        call: &ModuleCall,
        action: &HostAction,
        variables: &mut Values,
    ) -> ActionOutcome {
        match call.which {
            ModuleAction::Room(it) => self.await_work(Work::Room(modules::room(it, call))),
            ModuleAction::DialOut => self.dial_out(call.argument(0), variables),
            ModuleAction::Message => {
                let own = || self.around.select("local_party");
                self.send(outside::message(call, variables, own))
            }
            ModuleAction::Subscription(it) => self.send(outside::subscription(it, call, variables)),
            ModuleAction::Groups(it) => self.await_work(Work::Group(modules::group(it, call))),
            ModuleAction::Sys(it) => self.await_work(Work::Local(LocalWork::of(it, call))),
            ModuleAction::Monitoring(it) => {
                match modules::monitoring(it, call, self.around.id(), variables) {
                    Asked::Question(question) => self.await_work(Work::Ask(Box::new(question))),
                    Asked::Tell(write) => {
                        self.around.output(SessionOutput::Monitor(write));
                        ActionOutcome::done()
                    }
                }
            }
            ModuleAction::Conference(_)
            | ModuleAction::Dialog(_)
            | ModuleAction::Sbc
            | ModuleAction::Missing(_)
            | ModuleAction::Named => self.around(action, variables),
        }
    }

    /// Has something sent outside the call.
    fn send(&mut self, order: Result<OutsideWork, BadOrder>) -> ActionOutcome {
        match order {
            Ok(work) => self.await_work(Work::Outside(work)),
            Err(why) => ActionError::errno(Errno::ARG, why.to_string()).into(),
        }
    }

    fn around(&mut self, action: &HostAction, variables: &Values) -> ActionOutcome {
        match self.around.perform(action, variables) {
            Performed::Done => ActionOutcome::done(),
            Performed::Value(value) => ActionOutcome::Done(Ok(Answer::Value(value))),
            Performed::Pending => ActionOutcome::Pending,
            Performed::Failed(error, why) => {
                self.state.failure = why;
                error.into()
            }
        }
    }
}

impl ActionContext for Host<'_> {
    fn select(&self, name: &str) -> Option<String> {
        self.around.select(name)
    }

    fn random(&mut self) -> u64 {
        self.state.drawn += 1;
        let session = self.around.select("local_tag").unwrap_or_default();
        self.state.draws.number(&session, self.state.drawn)
    }

    fn headers(&self, name: &str) -> Vec<String> {
        self.around.headers(name)
    }

    fn perform(&mut self, action: &HostAction, variables: &mut Values) -> ActionOutcome {
        match action {
            HostAction::SetTimer { id, seconds } => {
                let at = self.now + Duration::from_secs((*seconds).into());
                if !self.state.set_timer(*id, at) {
                    let text = format!("{MAX_TIMERS} timers are running already");
                    return ActionError::errno(Errno::ARG, text).into();
                }
            }
            HostAction::RemoveTimer { id } => {
                self.state.timers.remove(id);
            }
            HostAction::RemoveTimers => self.state.timers.clear(),
            HostAction::Stop { bye } => {
                self.state.stopped = true;
                if *bye {
                    self.around.hang_up();
                }
            }
            HostAction::PostEvent { session, params } => {
                return self.await_work(Work::Mail(Mail::Post {
                    to: SessionId(session.as_str().into()),
                    params: Box::new(params_of(params)),
                }));
            }
            HostAction::PostToGroup { group, params } => {
                return self.await_work(Work::Group(GroupRequest::Post {
                    group: group.as_str().into(),
                    params: Box::new(params_of(params)),
                }));
            }
            HostAction::RegisterEventQueue { name } => {
                return self.await_work(Work::Mail(Mail::Register(name.as_str().into())));
            }
            HostAction::UnregisterEventQueue { name } => {
                return self.await_work(Work::Mail(Mail::Unregister(name.as_str().into())));
            }
            HostAction::Wait(ticket) => {
                self.state.work = Some(ticket.handle);
                return self.await_work(Work::Module(ticket.clone()));
            }
            HostAction::Object(action, name) => {
                let known = match action {
                    ObjectAction::Free => self.state.objects.remove(name),
                    // The session owns its objects anyway.
                    ObjectAction::Track | ObjectAction::Release => {
                        self.state.objects.get(name).is_some()
                    }
                };
                if !known {
                    let text = format!("there is no object '{name}'");
                    return ActionError::errno(Errno::ARG, text).into();
                }
            }
            HostAction::Di(call) => return self.await_work(Work::Call(Box::new(call.clone()))),
            HostAction::CreateSystemDsm {
                configuration,
                diagram,
            } => {
                return self.await_work(Work::StartSystem {
                    configuration: configuration.as_str().into(),
                    diagram: diagram.as_str().into(),
                });
            }
            HostAction::Module(call) => return self.module(call, action, variables),
            other => return self.around(other, variables),
        }
        ActionOutcome::done()
    }

    fn objects(&mut self) -> Option<&mut Objects> {
        Some(&mut self.state.objects)
    }

    fn message(&self, part: MessagePart<'_>) -> Option<String> {
        match (part, &self.state.notified) {
            (MessagePart::Body("SipSubscriptionBody"), body) => body.clone(),
            (MessagePart::Body(""), Some(body)) => Some(body.clone()),
            (part, _) => self.around.message(part),
        }
    }

    fn test(&mut self, condition: &ConditionCall, _: &mut Values) -> Verdict {
        let argument = condition.argument(0);
        match condition.which {
            ModuleCondition::Sys(it) => {
                self.await_work(Work::Local(LocalWork::asked(it, argument)));
                Verdict::Pending
            }
            ModuleCondition::Dialog(it) => Verdict::Known(self.around.test(it, argument)),
            ModuleCondition::Sbc | ModuleCondition::Named => Verdict::Known(false),
        }
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        match level {
            LogLevel::Error => tracing::error!(target: "dsm", "{text}"),
            LogLevel::Warning => tracing::warn!(target: "dsm", "{text}"),
            LogLevel::Info => tracing::info!(target: "dsm", "{text}"),
            LogLevel::Debug => tracing::debug!(target: "dsm", "{text}"),
        }
    }

    fn trace(&mut self, step: Trace<'_>) {
        let around = &mut self.around;
        let write = |write| around.output(SessionOutput::Monitor(write));
        match (step, &mut self.state.follow) {
            (Trace::Transition(transition), follow) => {
                self.state.moved = true;
                if let Some(follow) = follow {
                    follow.took(transition.name, write);
                }
            }
            (Trace::State { diagram, state } | Trace::Return { diagram, state }, Some(follow)) => {
                follow.entered(diagram, state, write);
            }
            _ => {}
        }
        tracing::debug!(target: "dsm", ?step);
    }

    fn problem(&mut self, problem: &Problem) {
        match (&problem.kind, &self.state.failure) {
            (ProblemKind::UnhandledException(_), Some(failure)) => {
                tracing::warn!(target: "dsm", "{problem}: {failure}");
            }
            _ => tracing::warn!(target: "dsm", "{problem}"),
        }
    }
}

fn params_of(values: &Values) -> Params {
    let param = |(name, value): (&str, &str)| (name.into(), value.into());
    values.iter().map(param).collect()
}

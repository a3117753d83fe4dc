//! What an action left to the engine: to ask the host, to go to another diagram or back, to say what was wrong.

use std::mem;
use std::sync::Arc;

use super::run::{ListEnd, Run, Waiting, scope, work};
use super::{Caller, Engine, MAX_CALLERS, MAX_STEPS, Position, initial};
use crate::dsm::action::{Outcome, Then, set_errno};
use crate::dsm::host::{
    ActionContext, ActionError, ActionOutcome, ActionResult, Answer, Exception, HostAction,
    ProblemKind, Trace,
};
use crate::dsm::list::Cursor;
use crate::dsm::module::Past;
use crate::dsm::program::Action;
use crate::dsm::registry::Signature;

impl Engine {
    /// Does what an action left to the engine; `None` if the list goes on.
    pub(super) fn outcome(
        &mut self,
        outcome: Outcome,
        action: &Arc<Action>,
        run: &mut Run,
        host: &mut dyn ActionContext,
    ) -> Result<Option<ListEnd>, Exception> {
        let mut next = Some(outcome);
        while let Some(outcome) = next {
            next = match outcome {
                Outcome::Next => None,
                Outcome::Repost => {
                    run.repost |= run.repost_counts();
                    None
                }
                Outcome::Break => {
                    if !run.list.leave_loop(&mut self.variables)? {
                        return Ok(Some(ListEnd::Left));
                    }
                    None
                }
                Outcome::Jump(diagram) => return self.jump(&diagram, None, run, host),
                Outcome::Call(diagram) => {
                    if self.callers.len() >= MAX_CALLERS {
                        self.problem(ProblemKind::TooManyCallers(MAX_CALLERS), run, host);
                        return Err(Exception::core("too many diagrams wait for a return"));
                    }
                    return self.jump(&diagram, Some(self.at), run, host);
                }
                Outcome::Return => match self.callers.pop() {
                    Some(caller) => return self.go_back(caller, run, host).map(Some),
                    None => {
                        self.problem(ProblemKind::NoCaller, run, host);
                        None
                    }
                },
                Outcome::Fail(errno, text) => {
                    set_errno(&errno, &text, &mut self.variables)?;
                    None
                }
                Outcome::Complain(text) => {
                    self.complain(&action.signature, text, run, host);
                    None
                }
                Outcome::PerformDespite(text, asked, then) => {
                    self.complain(&action.signature, text, run, host);
                    Some(Outcome::Perform(asked, then))
                }
                Outcome::Perform(asked, then) => {
                    self.stopped |= matches!(asked, HostAction::Stop { .. });
                    // An action of a module may have gone on to one of the host, which then waits for
                    // its own results and brings them whether anybody wants them or not.
                    let cancellable = action.signature.cancellable && asked.can_be_given_up();
                    match host.perform(&asked, &mut self.variables) {
                        ActionOutcome::Done(result) => self.settle(then, result)?,
                        ActionOutcome::Pending => {
                            return Ok(Some(ListEnd::Pending(Waiting::Action {
                                then,
                                action: action.clone(),
                                cancellable,
                            })));
                        }
                    }
                }
                Outcome::Resume(past, resumption) => {
                    run.steps = run.steps.saturating_add(1);
                    if run.steps > MAX_STEPS {
                        return Ok(Some(ListEnd::OutOfSteps));
                    }
                    let mut scope = scope(
                        &mut self.variables,
                        run.kind,
                        &mut self.event,
                        &mut run.exception,
                        &mut run.verdicts,
                        host,
                    );
                    let outcome = resumption.resume(&past, &mut scope);
                    run.steps = run.steps.saturating_add(work(&scope));
                    Some(outcome?)
                }
            };
        }
        Ok(None)
    }

    /// What follows the result of the host: `None` if the list goes on.
    pub(super) fn settle(
        &mut self,
        then: Then,
        result: ActionResult,
    ) -> Result<Option<Outcome>, Exception> {
        let (then, resumption) = match (then, result) {
            (_, Ok(Answer::Resume(resumption))) => {
                return Ok(Some(Outcome::Resume(Past::Worked, resumption)));
            }
            (Then::Resume(then, resumption), result) => ((*then, result), resumption),
            (then, result) => {
                return then.finish(result, &mut self.variables).map(|()| None);
            }
        };
        let (then, result) = then;
        let failed = match &result {
            Err(ActionError::Errno { errno, text }) => {
                Some(Past::Failed(errno.clone(), text.clone()))
            }
            _ => None,
        };
        let past = match then.finish(result, &mut self.variables) {
            Ok(()) => failed.unwrap_or(Past::Worked),
            Err(exception) => Past::Thrown(exception),
        };
        Ok(Some(Outcome::Resume(past, resumption)))
    }

    /// Goes back to the diagram that called the current one.
    fn go_back(
        &mut self,
        caller: Caller,
        run: &mut Run,
        host: &mut dyn ActionContext,
    ) -> Result<ListEnd, Exception> {
        while run.list.leave_loop(&mut self.variables)? {}
        self.at = caller.at;
        let (diagram, state) = (self.diagram().name(), self.state_name());
        host.trace(Trace::Return { diagram, state });
        run.go_on(caller.rest);
        Ok(ListEnd::Moved)
    }

    fn complain(&self, of: &Signature, text: String, run: &Run, host: &mut dyn ActionContext) {
        let action = of.name.to_string();
        self.problem(ProblemKind::BadArgument { action, text }, run, host);
    }

    /// Goes to the initial state of another diagram; `caller` is where a return comes back to.
    fn jump(
        &mut self,
        name: &str,
        caller: Option<Position>,
        run: &mut Run,
        host: &mut dyn ActionContext,
    ) -> Result<Option<ListEnd>, Exception> {
        let Some(at) = initial(&self.diagrams, name) else {
            self.problem(ProblemKind::UnknownDiagram(name.to_owned()), run, host);
            return Ok(None);
        };
        match caller {
            Some(at) => self.callers.push(Caller {
                at,
                rest: mem::take(&mut run.list),
            }),
            None => while run.list.leave_loop(&mut self.variables)? {},
        }
        self.at = at;
        self.trace_state(host);
        run.go_on(Cursor::new(self.state().enter.clone()));
        Ok(Some(ListEnd::Moved))
    }
}

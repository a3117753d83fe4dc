//! A place in an action list, and how it moves on through `if` and `for`.

use std::sync::Arc;
use std::vec;

use super::condition::all_hold;
use super::event::EventKind;
use super::expr::{Expr, Scope};
use super::program::{Action, Code, Instruction, Loop};
use super::value::{MAX_VALUE_BYTES, TooManyValues, Values, signed};

/// What is left of an action list: the code, the next instruction, and the loops around it.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    code: Code,
    next: usize,
    loops: Vec<Frame>,
}

/// A loop that is running.
#[derive(Clone, Debug)]
struct Frame {
    /// First instruction of the body.
    body: usize,
    /// The instruction behind the loop.
    end: usize,
    items: Items,
    /// Bytes of what it visits.
    bytes: usize,
    /// The loop variables and what they were before.
    variables: Vec<(Box<str>, Option<String>)>,
}

/// What a loop still has to visit; read completely before the first turn.
#[derive(Clone, Debug)]
enum Items {
    /// Counts towards `end`, which is not reached.
    Range {
        next: i64,
        end: i64,
    },
    Values(vec::IntoIter<String>),
    Members(vec::IntoIter<(String, String)>),
}

/// What the next instruction is.
#[derive(Debug)]
pub enum Step {
    Action(Arc<Action>),
    /// Something that changes only the place.
    Moved,
    /// A condition has to be waited for; then the same instruction comes again.
    Pending,
    /// A loop that is skipped because this is no bound.
    BadBound(String),
    End,
}

impl Cursor {
    pub fn new(code: Code) -> Self {
        Self {
            code,
            next: 0,
            loops: Vec::new(),
        }
    }

    /// The number of the next instruction.
    pub fn place(&self) -> usize {
        self.next
    }

    /// Bytes of what the running loops visit.
    pub fn bytes(&self) -> usize {
        self.loops.iter().map(|frame| frame.bytes).sum()
    }

    /// Takes the next instruction. `others` are the bytes that loops of other lists of the session
    /// visit.
    ///
    /// # Errors
    /// [`TooManyValues`] if all loops together would visit more than [`MAX_VALUE_BYTES`].
    pub fn step(
        &mut self,
        kind: EventKind,
        scope: &mut Scope<'_>,
        others: usize,
    ) -> Result<Step, TooManyValues> {
        let code = self.code.clone();
        let Some(instruction) = code.get(self.next) else {
            return Ok(Step::End);
        };
        self.next += 1;
        match instruction {
            Instruction::Action(action) => return Ok(Step::Action(action.clone())),
            Instruction::Unless(conditions, skipped) => {
                scope.verdicts.rewind();
                let Some(holds) = all_hold(conditions, kind, scope) else {
                    self.next -= 1;
                    return Ok(Step::Pending);
                };
                scope.verdicts.clear();
                if !holds {
                    self.next += *skipped as usize;
                }
            }
            Instruction::Skip(skipped) => self.next += *skipped as usize,
            Instruction::Loop(head, length) => {
                let body = self.next;
                let end = body + *length as usize;
                let items = match items(head, scope) {
                    Ok(items) => items,
                    Err(bound) => {
                        self.next = end;
                        return Ok(Step::BadBound(bound));
                    }
                };
                let bytes = items.bytes();
                scope.spend(bytes);
                if others + self.bytes() + bytes > MAX_VALUE_BYTES {
                    return Err(TooManyValues);
                }
                let before = |name: &str| scope.variables.get(name).map(str::to_owned);
                let variables = head
                    .variables()
                    .map(|name| (name.clone(), before(name)))
                    .collect();
                self.loops.push(Frame {
                    body,
                    end,
                    items,
                    bytes,
                    variables,
                });
                self.turn(scope.variables)?;
            }
            Instruction::Next => self.turn(scope.variables)?,
        }
        Ok(Step::Moved)
    }

    /// Begins the next turn of the innermost loop, or leaves it.
    fn turn(&mut self, variables: &mut Values) -> Result<(), TooManyValues> {
        let Some(frame) = self.loops.last_mut() else {
            return Ok(());
        };
        let body = frame.body;
        if frame.assign_next(variables)? {
            self.next = body;
        } else {
            self.leave_loop(variables)?;
        }
        Ok(())
    }

    /// Goes on behind the innermost loop; false if there is none. The loop variables get back what
    /// they were.
    pub fn leave_loop(&mut self, variables: &mut Values) -> Result<bool, TooManyValues> {
        let Some(frame) = self.loops.pop() else {
            return Ok(false);
        };
        self.next = frame.end;
        for (name, value) in frame.variables {
            match value {
                Some(value) => variables.set(&name, value)?,
                None => drop(variables.remove(&name)),
            }
        }
        Ok(true)
    }
}

impl Items {
    fn bytes(&self) -> usize {
        const EACH: usize = size_of::<String>();
        match self {
            Items::Range { .. } => 0,
            Items::Values(values) => values.as_slice().iter().map(|one| one.len() + EACH).sum(),
            Items::Members(members) => {
                let members = members.as_slice().iter();
                members
                    .map(|(name, value)| name.len() + value.len() + 2 * EACH)
                    .sum()
            }
        }
    }
}

impl Frame {
    /// Assigns the loop variables for the next turn; false if there is none.
    fn assign_next(&mut self, variables: &mut Values) -> Result<bool, TooManyValues> {
        let names = &self.variables;
        match &mut self.items {
            Items::Range { next, end } if next == end => return Ok(false),
            Items::Range { next, end } => {
                variables.set(&names[0].0, next.to_string())?;
                *next += if *next < *end { 1 } else { -1 };
            }
            Items::Values(values) => match values.next() {
                Some(value) => variables.set(&names[0].0, value)?,
                None => return Ok(false),
            },
            Items::Members(members) => match members.next() {
                Some((key, value)) => {
                    variables.set(&names[0].0, key)?;
                    variables.set(&names[1].0, value)?;
                }
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// What a loop visits; the error is a bound that is no number.
fn items(head: &Loop, scope: &Scope<'_>) -> Result<Items, String> {
    let bound = |bound: &Expr| {
        let text = bound.eval(scope);
        signed(&text).ok_or_else(|| text.into_owned())
    };
    Ok(match head {
        Loop::Range { from, to, .. } => Items::Range {
            next: bound(from)?,
            end: bound(to)?,
        },
        Loop::Never => Items::Range { next: 0, end: 0 },
        Loop::Array { array, .. } => {
            let elements: Vec<_> = scope.variables.elements(array).map(str::to_owned).collect();
            Items::Values(elements.into_iter())
        }
        Loop::Struct { structure, .. } => {
            let members = scope.variables.members(structure);
            let members: Vec<_> = members
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            Items::Members(members.into_iter())
        }
    })
}

impl Loop {
    fn variables(&self) -> impl Iterator<Item = &Box<str>> {
        let (first, second) = match self {
            Loop::Never => (None, None),
            Loop::Range { variable, .. } | Loop::Array { variable, .. } => (Some(variable), None),
            Loop::Struct { key, value, .. } => (Some(key), Some(value)),
        };
        first.into_iter().chain(second)
    }
}

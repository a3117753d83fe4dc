//! Actions of the server that a module does, or that its own action ends as.

use std::ffi::c_void;
use std::sync::LazyLock;

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Code};

use super::super::code::Given;
use super::super::host::lent;
use super::{Call, Place, texts, with};
use crate::dsm::module::{MemoryFile, Past};
use crate::dsm::{
    ActionError, ActionOutcome, Argument, Arguments, Outcome, Registry, Signature, given,
};

/// The largest file that is played from memory.
const MAX_AUDIO_BYTES: usize = 64 << 20;

/// What is to be done once the module has answered that its outcome is that of another action.
pub struct Tail {
    pub action: TailAction,
    pub given: Option<Given>,
}

pub enum TailAction {
    Server(&'static Signature, Box<[Argument]>),
    Play {
        file: MemoryFile,
        looped: bool,
        front: bool,
    },
}

impl Call<'_, '_> {
    /// Does an action of the server at once.
    fn perform(&mut self, name: &str, texts: &[&str]) -> Code {
        let Some(signature) = action_of_server(name) else {
            return abi::UNKNOWN;
        };
        let Some(list) = given(signature, texts) else {
            return abi::INVALID;
        };
        let arguments = Arguments {
            signature,
            list: &list,
        };
        let past = match (signature.run())(&arguments, self.scope) {
            Ok(Outcome::Next) => Past::Worked,
            Ok(Outcome::Fail(errno, text)) => Past::Failed(errno, text),
            Ok(Outcome::Perform(action, then) | Outcome::PerformDespite(_, action, then)) => {
                if action.waits() {
                    return abi::WAITS;
                }
                match self.scope.host.perform(&action, self.scope.variables) {
                    ActionOutcome::Pending => return abi::WAITS,
                    ActionOutcome::Done(result) => {
                        let failed = match &result {
                            Err(ActionError::Errno { errno, text }) => {
                                Past::Failed(errno.clone(), text.clone())
                            }
                            _ => Past::Worked,
                        };
                        match then.finish(result, self.scope.variables) {
                            Ok(()) => failed,
                            Err(exception) => Past::Thrown(exception),
                        }
                    }
                }
            }
            Ok(_) => return abi::WAITS,
            Err(exception) => Past::Thrown(exception),
        };
        let code = match past {
            Past::Worked => abi::OK,
            _ => abi::UNSUCCESSFUL,
        };
        self.told().past = Some(past);
        code
    }

    fn set_tail(&mut self, action: TailAction, given: Option<Given>) -> Code {
        if self.place != Place::Action {
            return abi::NOT_HERE;
        }
        self.told().tail = Some(Tail { action, given });
        abi::OK
    }
}

/// An action of the core, or of a module that is compiled in.
fn action_of_server(name: &str) -> Option<&'static Signature> {
    static SERVER: LazyLock<Registry> = LazyLock::new(Registry::core);
    SERVER.anywhere(name)
}

pub unsafe extern "C" fn perform(
    call: *mut abi::Call,
    action: Text,
    args: *const Text,
    count: usize,
) -> Code {
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, abi::INVALID, |call| {
            match lent(action).zip(texts(args, count)) {
                Some((action, args)) => call.perform(action, &args),
                None => abi::INVALID,
            }
        })
    }
}

pub unsafe extern "C" fn tail(
    call: *mut abi::Call,
    action: Text,
    args: *const Text,
    count: usize,
    resume: Option<abi::Resume>,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> Code {
    let data = Given::new(resume, data, drop);
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some((name, args)) = lent(action).zip(texts(args, count)) else {
                return abi::INVALID;
            };
            let Some(signature) = action_of_server(name) else {
                return abi::UNKNOWN;
            };
            match given(signature, &args) {
                Some(list) => call.set_tail(TailAction::Server(signature, list), data),
                None => abi::INVALID,
            }
        })
    }
}

pub unsafe extern "C" fn play(
    call: *mut abi::Call,
    audio: *const abi::Audio,
    resume: Option<abi::Resume>,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> Code {
    let data = Given::new(resume, data, drop);
    // SAFETY: the module gives its live call, and lends the audio.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some(audio) = audio.as_ref() else {
                return abi::INVALID;
            };
            let whole = audio.size as usize >= size_of::<abi::Audio>();
            let Some(name) = lent(audio.name).filter(|_| whole) else {
                return abi::INVALID;
            };
            if audio.len > MAX_AUDIO_BYTES || (audio.bytes.is_null() && audio.len > 0) {
                return abi::INVALID;
            }
            let bytes = match audio.len {
                0 => &[],
                len => std::slice::from_raw_parts(audio.bytes, len),
            };
            let file = MemoryFile {
                name: name.into(),
                bytes: bytes.into(),
            };
            let action = TailAction::Play {
                file,
                looped: audio.flags & abi::AUDIO_LOOPED != 0,
                front: audio.flags & abi::AUDIO_FRONT != 0,
            };
            call.set_tail(action, data)
        })
    }
}

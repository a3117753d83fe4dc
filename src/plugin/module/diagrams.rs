//! The diagrams that a module brings: applications that are chosen like those of files.

use std::ffi::c_void;

use muleteer_sdk::abi::{Message, Text};
use muleteer_sdk::module::abi;

use super::code::{MAX_FINDING, said};
use super::host::lent;

/// Names and texts of the diagrams that a hook gives.
///
/// # Errors
/// What the module says is wrong with them, or what we do.
pub(super) fn offered_by(
    diagrams: abi::Diagrams,
    this: *mut c_void,
) -> Result<Vec<(String, String)>, String> {
    let mut offered = Offered::default();
    let mut text = [0; MAX_FINDING];
    let mut problem = Message {
        ptr: text.as_mut_ptr(),
        capacity: text.len(),
        len: 0,
    };
    let user = (&raw mut offered).cast();
    // SAFETY: the function is that of the table; the sink gets the list that it expects, and nobody else
    // has it; the message has the buffer that it names.
    match unsafe { diagrams(this, offer, user, &mut problem) } {
        abi::OK => offered.problem.map_or(Ok(offered.list), Err),
        _ => Err(said(&text, problem.len, "it does not give its diagrams")),
    }
}

/// The diagrams that a module has given so far.
#[derive(Default)]
struct Offered {
    list: Vec<(String, String)>,
    problem: Option<String>,
}

impl Offered {
    fn take(&mut self, name: &str, text: &str) -> Result<(), String> {
        if self.list.len() >= abi::MAX_ENTRIES {
            return Err(format!("more than {} diagrams", abi::MAX_ENTRIES));
        }
        if name.is_empty() || name.contains(['/', ':']) || name.contains(char::is_control) {
            return Err(format!("{name:?} is no name for a diagram"));
        }
        if self.list.iter().any(|(known, _)| known == name) {
            return Err(format!("two diagrams {name}"));
        }
        self.list.push((name.to_owned(), text.to_owned()));
        Ok(())
    }
}

unsafe extern "C" fn offer(user: *mut c_void, name: Text, text: Text) -> bool {
    // SAFETY: `diagrams` gives its list, and the module lends the texts for this call.
    let (offered, given) = unsafe {
        let offered = &mut *user.cast::<Offered>();
        (offered, lent(name).zip(lent(text)))
    };
    let taken = match given {
        Some((name, text)) => offered.take(name, text),
        None => Err("a diagram that is no text".to_owned()),
    };
    offered.problem = taken.err();
    offered.problem.is_none()
}

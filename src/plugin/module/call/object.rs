//! Objects that a module keeps in a session.

use std::ffi::c_void;
use std::sync::Arc;

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Code};

use super::super::host::lent;
use super::super::loader::Loaded;
use super::with;

/// An object of a module, dropped by the module.
struct Held {
    module: &'static Loaded,
    object: *mut c_void,
    tag: u64,
    drop: Option<abi::Drop>,
}

// SAFETY: the contract lets any thread drop an object; it is only lent to the module itself.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the object is the module's, and this happens once.
            unsafe { drop(self.object) }
        }
    }
}

pub unsafe extern "C" fn object_set(
    call: *mut abi::Call,
    name: Text,
    object: *mut c_void,
    tag: u64,
    drop: Option<abi::Drop>,
) -> Code {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, abi::INVALID, |call| {
            let held = Arc::new(Held {
                module: call.module,
                object,
                tag,
                drop,
            });
            let Some(name) = lent(name) else {
                return abi::INVALID;
            };
            match call.scope.host.objects().map(|all| all.set(name, held)) {
                Some(Ok(())) => abi::OK,
                Some(Err(_)) => abi::TOO_MANY,
                None => abi::NOT_HERE,
            }
        })
    }
}

pub unsafe extern "C" fn object_get(call: *mut abi::Call, name: Text, tag: u64) -> *mut c_void {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, std::ptr::null_mut(), |call| {
            let found = lent(name).and_then(|name| call.scope.host.objects()?.get(name));
            let held = found.and_then(|object| object.downcast_ref::<Held>());
            held.filter(|held| std::ptr::eq(held.module, call.module) && held.tag == tag)
                .map_or(std::ptr::null_mut(), |held| held.object)
        })
    }
}

pub unsafe extern "C" fn object_remove(call: *mut abi::Call, name: Text) -> Code {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some(name) = lent(name) else {
                return abi::INVALID;
            };
            match call.scope.host.objects().map(|all| all.remove(name)) {
                Some(true) => abi::OK,
                Some(false) => abi::UNKNOWN,
                None => abi::NOT_HERE,
            }
        })
    }
}

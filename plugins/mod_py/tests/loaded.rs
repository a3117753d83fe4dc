//! The object as the server loads it: its symbols, and those of libpython, are its own. Nothing here may
//! use the crate itself, which would bring libpython to all.
#![allow(unsafe_code, reason = "an object is opened")]

use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use muleteer_sdk::module::abi::{Entry, Module};
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

fn module() -> &'static Module {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        let tests = std::env::current_exe().expect("a path");
        let object = tests.with_file_name("libmod_py.so");
        // SAFETY: what runs when it is opened is ours.
        unsafe { Library::open(Some(object), RTLD_NOW | RTLD_LOCAL) }.expect("the object")
    });
    // SAFETY: the function is of this type, and its table lives for ever.
    unsafe {
        &*library
            .get::<Entry>("muleteer_mod_py")
            .expect("its function")()
    }
}

#[test]
fn extensions_in_c_find_python() {
    // SAFETY: only whether it is there is looked at.
    let global = unsafe { Library::this().get::<fn()>("Py_IsInitialized") };
    assert!(global.is_err(), "libpython is here without the module");
    let mut t = ModuleTest::new(module());
    let code = "#\nimport _json, _ssl, _decimal, math, ssl, sqlite3\n\
                import decimal, json\nsession.setvar('sum', decimal.Decimal('0.1') * 3)\n\
                session.setvar('json', json.loads('[1]')[0])\n\
                session.setvar('file', _json.__file__)";
    assert_eq!(t.run("py", &[code]), Outcome::Done);
    assert_eq!((t.var("sum"), t.var("json")), ("0.3", "1"));
    assert!(t.var("file").ends_with(".so"), "it is no part of libpython");
}

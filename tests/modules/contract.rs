//! The contract is the same in C and in Rust.

use std::mem::offset_of;

use libloading::os::unix::Library;
use muleteer_sdk::abi::{Message, Text};
use muleteer_sdk::module::abi::{self, *};

use super::objects::{compile, source};
use crate::support::process::Folder;

/// As `muleteer_layout` in `bad.c`.
fn layout() -> Vec<usize> {
    let code = |code: Code| -code as usize;
    let mut layout = vec![
        size_of::<Text>(),
        size_of::<Message>(),
        size_of::<Pair>(),
        size_of::<Parameter>(),
        size_of::<Example>(),
        size_of::<Action>(),
        size_of::<Condition>(),
        size_of::<Event>(),
        size_of::<Hooks>(),
        size_of::<Module>(),
        size_of::<Audio>(),
        size_of::<Host>(),
        size_of::<Finding>(),
    ];
    macro_rules! offsets {
        ($($structure:ident: $($member:ident)*;)*) => {
            layout.extend([$($(offset_of!(abi::$structure, $member)),*),*]);
        };
    }
    offsets! {
        Parameter: kind flags;
        Example: expect expect_count;
        Action: separator flags name doc parameters throws errnos sets examples this run check;
        Condition: separator name doc parameters this test check;
        Finding: argument at;
        Event: name doc parameters;
        Hooks: this load session_start invite request reply before_destroy sdp_offer sdp_answer
            diagrams;
        Module: abi_major abi_minor name version doc actions conditions events hooks;
        Audio: flags name bytes len;
        Host: abi_major abi_minor config log complete post raise_event get set remove remove_prefix
            each resolve fail raise_exception flow pend perform tail play object_set object_get
            object_remove replace_sdp;
    }
    layout.extend([ABI_MAJOR, ABI_MINOR].map(usize::from));
    let statuses = [
        DONE, TRUE, FALSE, PENDING, TAIL, FAILED, THROWN, BREAK, REPOST, RETURN, JUMP, CALL,
    ];
    layout.extend(statuses.map(|status| status as usize));
    let codes = [
        OK,
        UNKNOWN,
        TOO_MANY,
        NOT_HERE,
        WAITS,
        UNSUCCESSFUL,
        INVALID,
    ];
    layout.extend(codes.map(code));
    let numbers = [
        &[VARIABLE, PARAM, SELECT, HEADER, BODY, OUTCOME, FACT][..],
        &[
            KIND_VALUE,
            KIND_NAME,
            KIND_NAME_VALUE,
            KIND_NAME_PREFIX,
            KIND_LITERAL,
            KIND_TEMPLATE,
            KIND_RAW,
            KIND_SQL,
            KIND_FLAG,
            KIND_AUDIO_FILE,
            KIND_NEW_FILE,
            KIND_NAMES,
            KIND_COLLECTION,
            KIND_CODE,
        ],
        &[PARAMETER_REQUIRED, PARAMETER_REPEATED],
        &[
            SEPARATOR_NONE,
            SEPARATOR_EQUALS,
            SEPARATOR_COMMAS,
            SEPARATOR_EVERY_COMMA,
        ],
        &[
            ACTION_SETS_ERRNO,
            ACTION_CANCELLABLE,
            ACTION_ASSIGNS_ANY,
            ACTION_ESCAPES,
        ],
        &[AUDIO_LOOPED, AUDIO_FRONT],
        &[LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG],
    ];
    layout.extend(numbers.concat().iter().map(|number| *number as usize));
    layout
}

#[test]
fn the_header_has_the_layout_of_the_rust_definitions() {
    let folder = Folder::new(&[]);
    let object = folder.file("layout.so");
    compile(&source("bad.c"), &object, &[]);
    // SAFETY: the object has no start-up code; its symbols are an array and its length.
    let of_c = unsafe {
        let library = Library::new(&object).unwrap();
        let len = **library.get::<*const usize>("muleteer_layout_len").unwrap();
        let values = *library.get::<*const usize>("muleteer_layout").unwrap();
        std::slice::from_raw_parts(values, len).to_vec()
    };
    assert_eq!(of_c, layout());
}

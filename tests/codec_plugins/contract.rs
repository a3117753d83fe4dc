//! The contract is the same in C and in Rust.

use std::mem::offset_of;
use std::process::Command;

use libloading::os::unix::Library;
use muleteer::codec::Variant;
use muleteer_sdk::abi::{self, Codec, CodecTable, Message, Packing, Text};

use super::objects::{compile, compile_program, files, load_from, source};
use crate::support::audio::{level, sine};
use crate::support::process::Folder;

/// As `muleteer_layout` in `linear8.c`.
fn layout() -> Vec<usize> {
    vec![
        size_of::<Text>(),
        size_of::<Message>(),
        size_of::<Packing>(),
        size_of::<Codec>(),
        size_of::<CodecTable>(),
        offset_of!(Message, capacity),
        offset_of!(Message, len),
        offset_of!(Packing, unit_samples),
        offset_of!(Packing, unit_bytes),
        offset_of!(Packing, max_frames),
        offset_of!(Codec, clock_rate),
        offset_of!(Codec, sample_rate),
        offset_of!(Codec, static_payload_type),
        offset_of!(Codec, channels),
        offset_of!(Codec, encoding_name),
        offset_of!(Codec, fmtp),
        offset_of!(Codec, variant),
        offset_of!(Codec, packing),
        offset_of!(Codec, answer),
        offset_of!(Codec, samples_in),
        offset_of!(Codec, request_in),
        offset_of!(Codec, encoder_new),
        offset_of!(Codec, encode),
        offset_of!(Codec, encoder_request),
        offset_of!(Codec, encoder_free),
        offset_of!(Codec, decoder_new),
        offset_of!(Codec, decode),
        offset_of!(Codec, conceal),
        offset_of!(Codec, decoder_free),
        offset_of!(CodecTable, abi_major),
        offset_of!(CodecTable, abi_minor),
        offset_of!(CodecTable, codec_count),
        offset_of!(CodecTable, codecs),
        abi::ABI_MAJOR.into(),
        abi::ABI_MINOR.into(),
        abi::MAX_PACKET_MS as usize,
        abi::MAX_PAYLOAD_BYTES,
        -abi::REFUSED as usize,
        -abi::BUFFER_TOO_SMALL as usize,
        -abi::FAILED as usize,
        abi::PACKING_SAMPLES as usize,
        abi::PACKING_FRAMES as usize,
    ]
}

#[test]
fn the_header_has_the_layout_of_the_rust_definitions() {
    let folder = Folder::new(&[]);
    let object = folder.file("layout.so");
    compile(&source("linear8.c"), &object, &[]);
    // SAFETY: the object has no start-up code; its symbols are an array and its length.
    let of_c = unsafe {
        let library = Library::new(&object).unwrap();
        let len = **library.get::<*const usize>("muleteer_layout_len").unwrap();
        let values = *library.get::<*const usize>("muleteer_layout").unwrap();
        std::slice::from_raw_parts(values, len).to_vec()
    };
    assert_eq!(of_c, layout());
}

#[test]
fn a_codec_in_c_is_loaded_and_heard() {
    let folder = Folder::new(&[]);
    let object = folder.file("libcodec_linear8.so");
    compile(&source("linear8.c"), &object, &[]);
    let codecs = load_from(folder.path(), &["linear8"]).unwrap();
    let [codec] = codecs[..] else {
        panic!("one codec")
    };
    assert_eq!((codec.encoding_name(), &*codec.fmtp(None)), ("L8", ""));
    let variant = Variant::default();
    let mut encoder = codec.encoder(variant).unwrap();
    let mut decoder = codec.decoder(variant).unwrap();
    let pcm = sine(1_000.0, 100);
    let (mut payload, mut heard) = ([0; 800], [0; 800]);
    assert_eq!(encoder.encode(&pcm, &mut payload), 800);
    assert_eq!(encoder.encode(&pcm, &mut payload[..799]), 0);
    assert_eq!(decoder.decode(&payload, &mut heard), Ok(800));
    assert!((9_500.0..10_500.0).contains(&level(&heard, 1_000.0)));
    // It conceals nothing itself: the server does.
    let mut lost = [0; 160];
    assert_eq!(decoder.conceal(&mut lost), 160);
    assert!(level(&lost[..80], 1_000.0) > 5_000.0);
}

/// The libraries behind the codecs included, of whose memory our own allocator knows nothing.
#[test]
fn no_coder_allocates_while_it_runs() {
    let folder = Folder::new(&[]);
    let program = folder.file("allocation");
    compile_program(&source("allocation.c"), &program, &["-ldl"]);
    let output = Command::new(&program).args(files()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.lines().count(), 19, "{text}");
    assert!(text.lines().all(|line| line.ends_with(" 0")), "{text}");
}

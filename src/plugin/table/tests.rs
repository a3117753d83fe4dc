use std::ffi::c_void;
use std::ptr::{null, null_mut};

use super::*;

unsafe extern "C" fn packing_of(_: u64, packing: *mut abi::Packing) {
    // SAFETY: the test gives a place.
    unsafe {
        *packing = abi::Packing {
            kind: abi::PACKING_FRAMES,
            unit_samples: 160,
            unit_bytes: 33,
            max_frames: 6,
        }
    }
}

/// A packing that is made of the numbers in the variant functions below.
macro_rules! packs {
    ($kind:expr, $samples:expr, $bytes:expr, $frames:expr) => {{
        unsafe extern "C" fn packing_of(_: u64, packing: *mut abi::Packing) {
            // SAFETY: the test gives a place.
            unsafe {
                *packing = abi::Packing {
                    kind: $kind,
                    unit_samples: $samples,
                    unit_bytes: $bytes,
                    max_frames: $frames,
                }
            }
        }
        Some(packing_of as abi::PackingOf)
    }};
}

unsafe extern "C" fn samples_in(_: u64, _: *const u8, _: usize) -> i32 {
    160
}

unsafe extern "C" fn new(_: u64) -> *mut c_void {
    null_mut()
}

unsafe extern "C" fn free(_: *mut c_void) {}

unsafe extern "C" fn encode(_: *mut c_void, _: *const i16, _: usize, _: *mut u8, _: usize) -> i32 {
    0
}

unsafe extern "C" fn decode(_: *mut c_void, _: *const u8, _: usize, _: *mut i16, _: usize) -> i32 {
    0
}

/// A codec without a fault.
fn codec() -> abi::Codec {
    abi::Codec {
        size: size_of::<abi::Codec>() as u32,
        clock_rate: 8_000,
        sample_rate: 8_000,
        static_payload_type: 3,
        channels: 1,
        reserved: 0,
        encoding_name: Text::new("GSM"),
        fmtp: Text::new(""),
        variant: None,
        packing: Some(packing_of),
        answer: None,
        samples_in: Some(samples_in),
        request_in: None,
        encoder_new: Some(new),
        encode: Some(encode),
        encoder_request: None,
        encoder_free: Some(free),
        decoder_new: Some(new),
        decode: Some(decode),
        conceal: None,
        decoder_free: Some(free),
    }
}

/// Reads a table of one codec.
fn read_one(codec: &abi::Codec) -> Result<Vec<Facts>, TableError> {
    let list = [std::ptr::from_ref(codec)];
    let table = abi::CodecTable {
        codecs: list.as_ptr(),
        ..abi::CodecTable::new(&[])
    };
    // SAFETY: the table and what it points to are here.
    unsafe {
        read(&abi::CodecTable {
            codec_count: 1,
            ..table
        })
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut abi::Codec)) -> String {
    let mut codec = codec();
    change(&mut codec);
    match read_one(&codec) {
        Ok(_) => panic!("this was not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_table_without_a_fault_gives_its_facts() {
    let facts = read_one(&codec()).unwrap();
    let [facts] = &facts[..] else {
        panic!("one codec")
    };
    assert_eq!(facts.encoding_name, "GSM");
    assert_eq!(facts.static_payload_type, PayloadType::new(3));
    assert_eq!(
        facts.packing,
        Packing::Frames {
            packet_ms: &[20, 40, 60],
            max_bytes: 198
        }
    );
}

#[test]
fn a_table_of_another_version_or_cut_short_is_refused() {
    let codec = codec();
    let list = [std::ptr::from_ref(&codec)];
    let good = abi::CodecTable {
        codec_count: 1,
        codecs: list.as_ptr(),
        ..abi::CodecTable::new(&[])
    };
    // SAFETY: what the tables say about themselves is wrong, but their memory is there.
    let refused = |table: abi::CodecTable| unsafe { read(&table) }.err().unwrap();
    assert_eq!(
        refused(abi::CodecTable {
            abi_major: 2,
            ..good
        }),
        TableError::Version { major: 2, ours: 1 }
    );
    assert!(matches!(
        refused(abi::CodecTable { size: 8, ..good }),
        TableError::Size { size: 8, .. }
    ));
    for codec_count in [0, 33, u32::MAX] {
        let table = abi::CodecTable {
            codec_count,
            ..good
        };
        assert!(matches!(refused(table), TableError::Count { .. }));
    }
    let table = abi::CodecTable {
        codecs: null(),
        ..good
    };
    assert!(matches!(refused(table), TableError::Pointer { .. }));
    let list = [null()];
    let table = abi::CodecTable {
        codecs: list.as_ptr(),
        ..good
    };
    assert!(matches!(refused(table), TableError::Pointer { .. }));
}

#[test]
fn a_codec_that_is_cut_short_is_refused() {
    let message = refused(|codec| codec.size -= 8);
    assert!(message.starts_with("a structure of "), "{message}");
}

#[test]
fn a_codec_that_cannot_be_named_in_sdp_is_refused() {
    for name in [
        "",
        "G SM",
        "GSM/8000",
        "GSM\r\n",
        "Gsm\u{e9}",
        &"x".repeat(33),
    ] {
        let message = refused(|codec| codec.encoding_name = Text::new(name));
        assert!(message.contains("its encoding name"), "{message}");
    }
    let no_text = Text {
        ptr: null(),
        len: 3,
    };
    refused(|codec| codec.encoding_name = no_text);
    refused(|codec| codec.fmtp = Text::new("mode=1\r\na=inactive"));
}

#[test]
fn numbers_that_the_media_threads_cannot_use_are_refused() {
    let expect = |message: String, part: &str| assert!(message.contains(part), "{message}");
    for rate in [0, 7_999, 90_000] {
        expect(refused(|codec| codec.clock_rate = rate), "clock rate");
    }
    for rate in [0, 11_025, 96_000] {
        expect(refused(|codec| codec.sample_rate = rate), "sample rate");
    }
    expect(refused(|codec| codec.channels = 0), "channel count");
    for number in [-2, 96, 127, 128] {
        let message = refused(|codec| codec.static_payload_type = number);
        expect(message, "static payload type");
    }
    expect(
        refused(|codec| codec.static_payload_type = 0),
        "payload type 0 belongs to PCMU",
    );
    for packing in [
        packs!(2, 160, 33, 6),
        packs!(abi::PACKING_FRAMES, 0, 33, 6),
        packs!(abi::PACKING_FRAMES, 161, 33, 6),
        packs!(abi::PACKING_FRAMES, 200, 33, 6),
        packs!(abi::PACKING_FRAMES, 160, 0, 6),
        packs!(abi::PACKING_FRAMES, 160, 33, 0),
        packs!(abi::PACKING_FRAMES, 160, 33, 7),
        packs!(abi::PACKING_FRAMES, 160, 33, u32::MAX),
        packs!(abi::PACKING_FRAMES, 160, u32::MAX, 6),
        packs!(abi::PACKING_SAMPLES, 0, 1, 0),
        packs!(abi::PACKING_SAMPLES, 7, 1, 0),
        packs!(abi::PACKING_SAMPLES, 1, 0, 0),
        packs!(abi::PACKING_SAMPLES, 1, u32::MAX, 0),
    ] {
        expect(refused(|codec| codec.packing = packing), "is not possible");
    }
}

#[test]
fn a_codec_without_one_of_its_functions_is_refused() {
    let missing = |change: fn(&mut abi::Codec)| {
        let message = refused(change);
        assert!(
            message.starts_with("GSM: there is no function"),
            "{message}"
        );
    };
    missing(|codec| codec.packing = None);
    missing(|codec| codec.samples_in = None);
    missing(|codec| codec.encoder_new = None);
    missing(|codec| codec.encode = None);
    missing(|codec| codec.encoder_free = None);
    missing(|codec| codec.decoder_new = None);
    missing(|codec| codec.decode = None);
    missing(|codec| codec.decoder_free = None);
    missing(|codec| codec.request_in = Some(samples_in));
}

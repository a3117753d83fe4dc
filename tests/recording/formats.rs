//! The formats and options of recordings, with a real server and phone.

use super::server;
use crate::support::audio;
use crate::support::process::{Folder, Process, muleteer};

/// Says a file, and records both sides of that meanwhile in the format that it was called by.
const SCRIBE: &str = r#"
initial state START;
state TALK;
state END;
transition "go" START - sessionStart / {
  sets($file="@(user)");
  recordFile($file, "both=stereo; max=2");
  playFile("digits/1.wav");
} -> TALK;
transition "end" TALK - recordEnd / {
  warn("ended: #(cause) #(length)");
  stop(true);
} -> END;
transition "trouble" (START, TALK) - exception / { warn("trouble #(type)"); stop(true); } -> END;
transition "gone" (START, TALK, END) - hangup / stop(false) -> END;
"#;

/// Calls the server as `name` and says a tone.
fn called(name: &str) -> (Folder, Vec<u8>) {
    let folder = Folder::new(&[("scribe.dsm", SCRIBE)]);
    folder.write("tone.wav", audio::wav_file(&audio::sine(440.0, 4_000)));
    let mut server = server(&folder, &["--set", "app.application=scribe"]);
    let mut call = muleteer();
    call.arg("call").arg(server.uri(&name.replace('|', "%7C")));
    call.arg("--play").arg(folder.file("tone.wav"));
    call.args(["--duration", "30", "--codec", "PCMU"]);
    let call = Process::start(&mut call);
    server.process.line("ended: length 2000");
    call.ended().expect_code(0).expect("the other side hung up");
    server.stop();
    let file = name.split('|').next().expect("a name");
    let bytes = std::fs::read(folder.file("recordings").join(file)).expect("a file");
    (folder, bytes)
}

/// One channel of a WAV file of ours with 58 bytes of header and a byte a sample.
fn channel(bytes: &[u8], number: usize) -> Vec<i16> {
    let mut file = bytes[..58].to_vec();
    (file[22], file[32]) = (1, 1);
    file.extend(bytes[58..].iter().skip(number).step_by(2));
    let length = (file.len() - 58) as u32;
    file[54..58].copy_from_slice(&length.to_le_bytes());
    audio::wav_sound(file).expect("a WAV file").pcm
}

#[test]
fn both_sides_are_in_a_file_of_a_law() {
    let (_folder, bytes) = called("a.wav|A-Law");
    assert_eq!((bytes[20], bytes[22]), (6, 2));
    assert_eq!(bytes.len(), 58 + 2 * 16_000);
    let (left, right) = (channel(&bytes, 0), channel(&bytes, 1));
    assert!(audio::ms_of(&left, 440.0) > 1_000);
    assert!(audio::ms_of(&right, 440.0) < 100);
    let prompt = audio::wav(&crate::support::server::project_root().join("audio/digits/1.wav"));
    assert!(audio::position_of(&prompt, &right) < 0.5);
}

#[test]
fn both_sides_are_in_a_file_of_opus() {
    let (_folder, bytes) = called("c.opus");
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(&bytes));
    let head = reader.read_packet_expected().expect("a packet");
    assert_eq!((&head.data[..8], head.data[9]), (&b"OpusHead"[..], 2));
    let pre_skip = u64::from(u16::from_le_bytes([head.data[10], head.data[11]]));
    let mut last = head;
    while let Some(packet) = reader.read_packet().expect("whole pages") {
        last = packet;
    }
    assert!(last.last_in_stream());
    assert_eq!(last.absgp_page(), pre_skip + 2 * 48_000);
}

//! What is left of recordings when a server is killed.

use std::path::Path;
use std::time::{Duration, Instant};

use muleteer::sip::message::StatusCode;
use rustix::process::Signal;
use tokio::time::sleep;

use super::{files, server};
use crate::support::audio;
use crate::support::caller::Caller;
use crate::support::process::Folder;

/// Records for as long as the call lasts.
const KEEPER: &str = r#"
initial state START;
state TALK;
state END;
transition "go" START - sessionStart / {
  sets($file="@(user)");
  recordFile($file);
  warn("recording $(file)");
} -> TALK;
transition "gone" (START, TALK) - hangup / stop(false) -> END;
"#;

/// Waits until a file is as long as this; nobody tells when it is.
async fn grown(path: &Path, bytes: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::metadata(path).map_or(0, |found| found.len()) < bytes {
        assert!(
            Instant::now() < deadline,
            "{} does not grow",
            path.display()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_killed_server_leaves_playable_files_and_the_next_one_completes_them() {
    let folder = Folder::new(&[("keeper.dsm", KEEPER)]);
    let mut first = server(&folder, &["--set", "app.application=keeper"]);
    let recordings = folder.file("recordings");
    let names = ["box/a.wav", "b.wav%7CA-Law", "c.opus"];
    let files_named = ["box/a.wav", "b.wav", "c.opus"];
    for name in names {
        let mut caller = Caller::new(first.address, &name.replace('/', "%2f")).await;
        assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
        first.process.line("recording ");
    }
    grown(&recordings.join("box/a.wav"), 2 * 16_000 + 44).await;
    grown(&recordings.join("b.wav"), 2 * 8_000 + 58).await;
    grown(&recordings.join("c.opus"), 2 * 1_000).await;
    let stored = files_named.map(|name| std::fs::read(recordings.join(name)).expect("a file"));
    first.process.signal(Signal::KILL);
    first.process.ended();

    let seconds = |name: &str| {
        let bytes = std::fs::read(recordings.join(name)).expect("a file");
        let sound = audio::wav_sound(bytes).expect("a WAV file");
        sound.pcm.len() / sound.sample_rate as usize
    };
    for name in &files_named[..2] {
        assert!(seconds(name) >= 1, "{name}");
    }
    let mut opus = std::fs::read(recordings.join("c.opus")).expect("a file");
    opus.extend(b"OggS\0half a page");
    std::fs::write(recordings.join("c.opus"), &opus).expect("written");
    assert_eq!(files(&recordings.join(".running")).len(), 3);

    let second = server(&folder, &[]);
    second.stop();
    // Nothing that was there before is missing: no whole sample, no whole packet.
    for (name, stored) in files_named.iter().zip(&stored) {
        let bytes = std::fs::read(recordings.join(name)).expect("a file");
        match name.ends_with(".opus") {
            true => assert!(packets(&bytes) >= packets(stored), "{name}"),
            false => assert_eq!(bytes[58..stored.len() & !1], stored[58..stored.len() & !1]),
        }
    }
    assert_eq!(files(&recordings.join(".running")).len(), 0);
    for name in &files_named[..2] {
        let bytes = std::fs::read(recordings.join(name)).expect("a file");
        assert!(seconds(name) >= 2, "{name}");
        let riff = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes"));
        assert_eq!(riff as usize + 8, bytes.len(), "{name}");
    }
    let opus = std::fs::read(recordings.join("c.opus")).expect("a file");
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(&opus));
    while let Some(_packet) = reader.read_packet().expect("whole pages") {}
}

/// How many can be read.
fn packets(opus: &[u8]) -> usize {
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(opus));
    std::iter::from_fn(|| reader.read_packet().ok().flatten()).count()
}

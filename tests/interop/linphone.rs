//! Linphone, whose SIP stack (belle-sip) and media (mediastreamer2) have nothing in common with those of
//! baresip, calls and is called; what either side hears is checked. It plays and records files, so no
//! sound card is needed.

use super::dialogue::{Dialogue, SPOKEN, prompt};
use super::tool;
use crate::support::audio;
use crate::support::process::{Folder, Process, ServerProcess, free_port};
use crate::support::server::project_root;

/// What the phone says, from the beginning of a call.
const SAID: &str = "demo/menu.wav";

/// Numbers of its list of codecs.
const OPUS: u8 = 0;
const PCMU: u8 = 3;

struct Linphone {
    process: Process,
    folder: Folder,
    /// Where it can be called.
    uri: String,
}

impl Linphone {
    /// Speaks only `codec`; answers by itself.
    fn start(codec: u8) -> Self {
        let folder = Folder::new(&[]);
        // Without the folder of its database it does not come up.
        std::fs::create_dir_all(folder.file(".local/share/linphone")).expect("made");
        let (sip, rtp) = (free_port(), free_port());
        folder.write(
            "linphonerc",
            format!(
                "[sip]\nsip_port={sip}\nsip_tcp_port=0\nsip_tls_port=0\nguess_hostname=0\nuse_ipv6=0\n\
                 contact=\"me\" <sip:me@127.0.0.1>\n[rtp]\naudio_rtp_port={rtp}\n\
                 audio_jitt_comp=180\naudio_adaptive_jitt_comp_enabled=0\n"
            ),
        );
        let mut command = tool("linphonec", "linphone-cli");
        command.arg("-a").arg("-c").arg(folder.file("linphonerc"));
        command.env("HOME", folder.path());
        let mut process = Process::start_to_talk_to(&mut command);
        process.tell("soundcard use files");
        process.line("Using wav files");
        let said = project_root().join("audio").join(SAID);
        process.tell(&format!("play {}", said.display()));
        let heard = folder.file("heard.wav");
        process.tell(&format!("record {}", heard.display()));
        process.tell("codec disable all");
        process.tell(&format!("codec enable {codec}"));
        process.line(") enabled");
        let uri = format!("sip:me@127.0.0.1:{sip}");
        Self {
            process,
            folder,
            uri,
        }
    }

    fn call(&mut self, uri: &str) {
        self.process.tell(&format!("call {uri}"));
        self.process.line("Media streams established");
    }

    /// Waits until the other side has hung up, and ends; what it heard.
    fn heard(mut self) -> Vec<i16> {
        self.process.line("ended (No error)");
        self.process.tell("quit");
        self.process.ended().expect_code(0);
        audio::wav(&self.folder.file("heard.wav"))
    }
}

/// Both heard the other; on a machine that is slow, perhaps half of it.
fn check(phone: Linphone, dialogue: Dialogue) {
    let heard = phone.heard();
    let share = audio::share_of(&prompt(SPOKEN), &heard);
    assert!(share >= 0.5, "the phone heard {share}");
    let heard = dialogue.heard();
    let mut said = audio::wav(&project_root().join("audio").join(SAID));
    // The server hangs up before it is over.
    said.truncate(heard.len() - audio::SAMPLE_RATE as usize);
    let share = audio::share_of(&said, &heard);
    assert!(share >= 0.5, "the server heard {share}");
}

#[test]
fn calls_and_both_sides_hear_each_other() {
    for codec in [PCMU, OPUS] {
        let mut phone = Linphone::start(codec);
        let dialogue = Dialogue::answers();
        phone.call(&dialogue.uri());
        check(phone, dialogue);
    }
}

#[test]
fn is_called_and_both_sides_hear_each_other() {
    for codec in [PCMU, OPUS] {
        let phone = Linphone::start(codec);
        let dialogue = Dialogue::calls(&phone.uri);
        check(phone, dialogue);
    }
}

#[test]
fn pauses_and_resumes_the_call_and_hangs_up() {
    let server = ServerProcess::start(&[]);
    let mut phone = Linphone::start(PCMU);
    phone.call(&server.uri("echo"));
    phone.process.tell("pause");
    phone.process.line("paused");
    phone.process.tell("resume 1");
    phone.process.line("Media streams established");
    phone.process.tell("terminate");
    phone.heard();
    server.stop();
}

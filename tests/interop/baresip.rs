//! baresip, an independent phone, calls; what it hears is checked.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::dialogue::{Dialogue, SPOKEN, prompt};
use super::tool;
use crate::support::audio;
use crate::support::process::{Folder, PATIENCE, Process, ServerProcess, free_port, muleteer};

/// How long a caller stays who has nothing to wait for.
const TALK: Duration = Duration::from_secs(2);

const PCMU: &str = "PCMU/8000/1";
const OPUS: &str = "opus/48000/2";
const TONE_HZ: f64 = 440.0;

/// A running baresip, told what to do over its control connection.
struct Baresip {
    process: Process,
    control: BufReader<TcpStream>,
    folder: Folder,
    /// Where it can be called.
    uri: String,
}

impl Baresip {
    /// Offers only `codec` and says a tone.
    fn start(codec: &str) -> Self {
        Self::start_with(codec, "")
    }

    /// The same with more parameters of its account.
    fn start_with(codec: &str, parameters: &str) -> Self {
        let folder = Folder::new(&[("contacts", "")]);
        let (port, sip_port) = (free_port(), free_port());
        let account = format!("<sip:me@127.0.0.1>;regint=0;audio_codecs={codec}{parameters}\n");
        folder.write("accounts", account);
        folder.write(
            "config",
            configuration(codec, port, sip_port, folder.path()),
        );
        let tone = audio::sine(TONE_HZ, 20_000);
        folder.write("tone.wav", audio::wav_file(&tone));

        let mut command = tool("baresip", "baresip-core");
        let mut process = Process::start(command.arg("-f").arg(folder.path()));
        process.line("baresip is ready");
        let control = TcpStream::connect(("127.0.0.1", port)).expect("the control port");
        control.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let control = BufReader::new(control);
        Self {
            process,
            control,
            folder,
            uri: format!("sip:me@127.0.0.1:{sip_port}"),
        }
    }

    fn command(&mut self, command: &str, parameters: &str) {
        let message = json!({"command": command, "params": parameters}).to_string();
        let netstring = format!("{}:{message},", message.len());
        self.control
            .get_mut()
            .write_all(netstring.as_bytes())
            .expect("it listens");
    }

    /// The next event of this type; others are skipped.
    fn event(&mut self, kind: &str) -> Value {
        let mut skipped = Vec::new();
        loop {
            let message = read_netstring(&mut self.control)
                .unwrap_or_else(|error| panic!("no {kind}: {error}; but {skipped:#?}"));
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            if message["type"] == kind {
                return message;
            }
            skipped.push(message);
        }
    }

    /// Dials and waits for the answer.
    fn call(&mut self, uri: &str) {
        self.command("dial", uri);
        self.event("CALL_ESTABLISHED");
    }

    /// Ends the program; what it heard.
    fn heard(mut self) -> Vec<i16> {
        self.command("quit", "");
        self.process.ended().expect_code(0);
        let files = fs::read_dir(self.folder.path()).expect("its folder");
        let mut paths = files.map(|file| file.expect("its folder").path());
        let decoded = paths.find(|path| path.to_string_lossy().ends_with("-dec.wav"));
        audio::wav(&decoded.expect("a recording"))
    }
}

/// `aubridge` plays to nobody; `sndfile` records what is heard and said.
fn configuration(codec: &str, control_port: u16, sip_port: u16, folder: &Path) -> String {
    let folder = folder.display();
    // The sine source knows only 48 kHz.
    let source = match codec {
        OPUS => format!("ausine,{TONE_HZ}"),
        _ => format!("aufile,{folder}/tone.wav"),
    };
    let rtp = free_port();
    let modules: String = [
        "g711", "opus", "srtp", "aubridge", "aufile", "ausine", "sndfile",
    ]
    .iter()
    .map(|name| format!("module {name}.so\n"))
    .collect();
    format!(
        "sip_listen 127.0.0.1:{sip_port}\nnet_interface 127.0.0.1\nrtp_ports {rtp}-{}\n\
         audio_source {source}\naudio_player aubridge,nobody\naudio_alert aubridge,nobody\n\
         audio_path {folder}\nsnd_path {folder}\nmodule_path /usr/lib/baresip/modules\n{modules}\
         module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
         ctrl_tcp_listen 127.0.0.1:{control_port}\n",
        rtp + 1,
    )
}

/// `LENGTH:BYTES,`
fn read_netstring(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = 0;
    let mut byte = [0];
    loop {
        from.read_exact(&mut byte)?;
        match byte[0] {
            b':' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length + 1];
    from.read_exact(&mut message)?;
    message.pop();
    Ok(message)
}

fn hears_the_announcement_until_the_server_hangs_up(codec: &str) {
    let server = ServerProcess::start(&[]);
    let mut phone = Baresip::start(codec);
    phone.call(&server.uri("welcome"));
    let closed = phone.event("CALL_CLOSED");
    // baresip's words for a BYE.
    assert_eq!(closed["param"], "Connection reset by peer");
    let at = audio::position_of(&prompt("welcome.wav"), &phone.heard());
    assert!(at < 0.5, "{at}");
    server.stop();
}

#[test]
fn hears_the_announcement_in_pcmu_until_the_server_hangs_up() {
    hears_the_announcement_until_the_server_hangs_up(PCMU);
}

#[test]
fn hears_the_announcement_in_opus_until_the_server_hangs_up() {
    hears_the_announcement_until_the_server_hangs_up(OPUS);
}

fn hears_itself(codec: &str) {
    let server = ServerProcess::start(&[]);
    let mut phone = Baresip::start(codec);
    phone.call(&server.uri("echo"));
    phone.event("CALL_RTPESTAB");
    thread::sleep(TALK);
    phone.command("hangup", "");
    phone.event("CALL_CLOSED");
    let heard = phone.heard();
    let tone_ms = audio::ms_of(&heard, TONE_HZ);
    assert!(tone_ms > 1_500, "{tone_ms} of {} ms", heard.len() / 8);
    server.stop();
}

#[test]
fn hears_itself_in_pcmu() {
    hears_itself(PCMU);
}

#[test]
fn hears_itself_in_opus() {
    hears_itself(OPUS);
}

/// `mandatory` offers RTP/SAVP or RTP/SAVPF, `srtp` RTP/AVP with keys (RFC 8643).
#[test]
fn hears_itself_encrypted() {
    for mode in ["srtp-mand", "srtp-mandf", "srtp"] {
        let server = ServerProcess::start(&["--set", "rtp.srtp=required"]);
        let mut phone = Baresip::start_with(PCMU, &format!(";mediaenc={mode}"));
        phone.call(&server.uri("echo"));
        phone.event("CALL_RTPESTAB");
        thread::sleep(TALK);
        phone.command("hangup", "");
        phone.event("CALL_CLOSED");
        let heard = phone.heard();
        let tone_ms = audio::ms_of(&heard, TONE_HZ);
        assert!(
            tone_ms > 1_500,
            "{mode}: {tone_ms} of {} ms",
            heard.len() / 8
        );
        let log = server.stop().text();
        assert!(!log.contains("encryption=\"none\""), "{mode}: {log}");
        assert!(log.contains("encryption="), "{mode}: {log}");
    }
}

#[test]
fn answers_our_encrypted_call_and_is_heard() {
    let phone = Baresip::start_with(PCMU, ";answermode=auto;mediaenc=srtp-mand");
    let folder = Folder::new(&[]);
    let heard = folder.file("heard.wav");
    let mut call = muleteer();
    call.args([
        "call",
        &phone.uri,
        "--srtp",
        "--codec",
        "PCMU",
        "--duration",
        "3",
    ]);
    call.arg("--record").arg(&heard);
    Process::start(&mut call)
        .ended()
        .expect_code(0)
        .expect("answered, PCMU, A");
    let heard = audio::wav(&heard);
    let tone_ms = audio::ms_of(&heard, TONE_HZ);
    assert!(tone_ms > 1_500, "{tone_ms} of {} ms", heard.len() / 8);
    phone.heard();
}

#[test]
fn is_called_and_both_sides_hear_each_other() {
    for codec in [PCMU, OPUS] {
        let mut phone = Baresip::start_with(codec, ";answermode=auto");
        let dialogue = Dialogue::calls(&phone.uri);
        phone.event("CALL_ESTABLISHED");
        phone.event("CALL_CLOSED");
        let heard = dialogue.heard();
        let tone_ms = audio::ms_of(&heard, TONE_HZ);
        assert!(
            tone_ms > 4_000,
            "{codec}: {tone_ms} of {} ms",
            heard.len() / 8
        );
        let at = audio::position_of(&prompt(SPOKEN), &phone.heard());
        assert!(at < 1.0, "{codec}: {at}");
    }
}

#[test]
fn presses_9_in_the_menu_and_hears_goodbye() {
    let server = ServerProcess::start(&[]);
    let mut phone = Baresip::start(PCMU);
    phone.call(&server.uri("demo"));
    phone.event("CALL_RTPESTAB");
    phone.command("sndcode", "9");
    phone.event("CALL_CLOSED");
    audio::position_of(&prompt("demo/goodbye.wav"), &phone.heard());
    server.stop();
}

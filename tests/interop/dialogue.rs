//! A call in which the server and a phone speak at the same time, and both keep what they hear.

use crate::support::audio;
use crate::support::process::{Folder, ServerProcess};
use crate::support::server::project_root;

/// What the server says; then it hangs up.
pub const SPOKEN: &str = "welcome.wav";

/// Answers calls, and as a system diagram places one.
const DIAGRAM: &str = r#"
import(mod_dlg);
initial state START;
state TALK;
state END;
transition "call somebody" START - startup / {
  set($a_caller=muleteer);
  set($a_callee=me);
  set($a_domain=$config.domain);
  set($a_app=dialogue);
  dlg.dialout(a);
  throwOnError();
} -> START;
transition "up" START - sessionStart / { recordFile(heard.wav); playFile(welcome.wav); } -> TALK;
transition "all is said" TALK - noAudio / { stopRecord(); stop(true); } -> END;
transition "nobody" START - failed / stop(false) -> END;
transition "gone" (START, TALK) - hangup / stop(false) -> END;
transition "end of the server" START - system(#type == ServerShutdown) / stop(false) -> END;
"#;

/// The server's side of the call.
pub struct Dialogue {
    server: ServerProcess,
    folder: Folder,
}

impl Dialogue {
    /// Waits for a call to [`Self::uri`].
    pub fn answers() -> Self {
        Self::start(&[])
    }

    /// Calls somebody, whose URI this is.
    pub fn calls(uri: &str) -> Self {
        let (_, place) = uri.split_once('@').expect("a user");
        let domain = format!("application.dialogue.domain={place:?}");
        let runs = "dsm.run_system_dsms=[\"dialogue\"]";
        Self::start(&["--set", &domain, "--set", runs])
    }

    fn start(more: &[&str]) -> Self {
        let folder = Folder::new(&[("dialogue.dsm", DIAGRAM)]);
        let record_path = format!("audio.record_path={:?}", folder.path());
        let diagrams = folder.as_setting("dsm.path");
        let mut arguments = vec!["--set", &diagrams, "--set", &record_path];
        arguments.extend(more);
        let server = ServerProcess::start(&arguments);
        Self { server, folder }
    }

    pub fn uri(&self) -> String {
        self.server.uri("dialogue")
    }

    /// Stops the server; what it heard.
    pub fn heard(self) -> Vec<i16> {
        self.server.stop();
        audio::wav(&self.folder.file("heard.wav"))
    }
}

/// What has to be heard of a prompt after which the server hangs up: what is in the phone's jitter
/// buffer, up to ten packets, is lost when the BYE comes.
pub fn prompt(name: &str) -> Vec<i16> {
    const JITTER_BUFFER_SAMPLES: usize = 10 * 160;
    let mut pcm = audio::wav(&project_root().join("audio").join(name));
    pcm.truncate(pcm.len() - JITTER_BUFFER_SAMPLES);
    pcm
}

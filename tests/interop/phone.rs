//! The call that the README promises.

use crate::support::audio;
use crate::support::process::{Folder, Process, ServerProcess, muleteer};
use crate::support::server::project_root;

#[test]
fn key_1_of_the_demo_leads_to_the_announcement() {
    let server = ServerProcess::start(&[]);
    let folder = Folder::new(&[]);
    let heard = folder.file("heard.wav");
    let mut call = muleteer();
    call.arg("call").arg(server.uri("demo"));
    call.arg("--record").arg(&heard);
    // The menu, the silence after it, the announcement, and a second to spare.
    call.args(["--dtmf", "1", "--duration", "17"]);
    Process::start(&mut call)
        .ended()
        .expect_code(0)
        .expect("answered, opus")
        .expect("pressed 1")
        .expect("recorded");

    let heard = audio::wav(&heard);
    let prompt = |name: &str| audio::wav(&project_root().join("audio/demo").join(name));
    let menu = prompt("menu.wav");
    // After the announcement the menu begins again.
    let (first, rest) = heard.split_at(menu.len() + audio::SAMPLE_RATE as usize / 2);
    let menu_at = audio::position_of(&menu, first);
    assert!(menu_at < 0.5, "{menu_at}");
    audio::position_of(&prompt("announcement.wav"), rest);
    server.stop();
}

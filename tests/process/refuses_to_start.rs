//! What is wrong at start is told at once, with where it stands and what to do.

use std::net::UdpSocket;

use crate::support::process::{Ended, Folder, Process, free_port, muleteer, serve};

fn serve_with(arguments: &[&str]) -> Ended {
    let address = format!("127.0.0.1:{}", free_port());
    Process::start(serve(&address).args(arguments)).ended()
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let holder = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = holder.local_addr().expect("its address").to_string();
    let ended = Process::start(&mut serve(&address)).ended();
    ended
        .expect_code(2)
        .expect(&format!("cannot listen on udp:{address}"))
        .expect("another program uses this port")
        .expect("[sip] listen");
}

#[test]
fn an_address_of_another_machine_is_named_with_its_setting() {
    let ended = Process::start(&mut serve("192.0.2.200:5060")).ended();
    ended
        .expect_code(2)
        .expect("udp:192.0.2.200:5060")
        .expect("this machine does not have that address")
        .expect("[sip] listen");
}

#[test]
fn a_folder_of_diagrams_that_is_not_there_is_named() {
    let ended = serve_with(&["--set", "dsm.path=[\"/nowhere/dsm\"]"]);
    ended
        .expect_code(2)
        .expect("cannot read the diagrams in /nowhere/dsm")
        .expect("[dsm] path");
}

#[test]
fn a_diagram_with_an_error_is_shown_with_file_line_and_column() {
    let broken = "initial state START;\nstate END;\n\
                  transition \"x\" START - sessionStart / playFiel(\"a.wav\"); -> END;\n";
    let folder = Folder::new(&[("broken.dsm", broken)]);
    let ended = serve_with(&["--set", &folder.as_setting("dsm.path")]);
    ended
        .expect_code(1)
        .expect("broken.dsm:3:39: error")
        .expect("playFile")
        .expect("[dsm] path");
}

#[test]
fn a_diagram_that_is_no_text_is_an_error_and_no_panic() {
    let folder = Folder::new(&[]);
    folder.write("noise.dsm", [0xff, 0xfe, 0x00, 0x80, b'\n', 0xc3]);
    let ended = serve_with(&["--set", &folder.as_setting("dsm.path")]);
    ended.expect_code(1).expect("noise.dsm");
}

#[test]
fn a_broken_expression_in_the_mapping_is_shown_with_file_and_line() {
    let folder = Folder::new(&[("map.conf", "# rules\n^sip:a@=>demo\n^sip:(b@=>demo\n")]);
    let mapping = format!("app.mapping={}", folder.file("map.conf").display());
    let ended = serve_with(&["--set", &mapping]);
    ended
        .expect_code(1)
        .expect("map.conf:3")
        .expect("unclosed group");
}

#[test]
fn a_mapping_that_is_not_there_is_named() {
    let ended = serve_with(&["--set", "app.mapping=/nowhere/map.conf"]);
    ended
        .expect_code(2)
        .expect("/nowhere/map.conf")
        .expect("[app] mapping");
}

#[test]
fn all_mistakes_of_a_configuration_are_shown_at_once() {
    let text = "[sip]\nt1_ms = \"fast\"\n\n[rtp]\nports = \"20000\"\n\n[log]\nlevle = \"info\"\n";
    let folder = Folder::new(&[("muleteer.toml", text)]);
    let mut command = muleteer();
    command
        .arg("serve")
        .arg("--config")
        .arg(folder.file("muleteer.toml"));
    let ended = Process::start(&mut command).ended();
    ended
        .expect_code(1)
        .expect("muleteer.toml:2:")
        .expect("sip.t1_ms")
        .expect("muleteer.toml:5:")
        .expect("rtp.ports")
        .expect("muleteer.toml:8:")
        .expect("level");
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let mut command = muleteer();
    command.args(["serve", "--config", "/nowhere/muleteer.toml"]);
    let ended = Process::start(&mut command).ended();
    ended.expect_code(2).expect("/nowhere/muleteer.toml");
}

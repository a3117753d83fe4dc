//! Messages to another machine.
#![allow(
    clippy::disallowed_types,
    reason = "the test is the reader of the socket"
)]

use std::net::UdpSocket;

use mod_log::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

#[test]
fn messages_to_another_machine_are_those_of_rfc5424() {
    let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
    reader
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .unwrap();
    let target = format!("udp:{}", reader.local_addr().unwrap());
    let config = serde_json::json!({ "target": target }).to_string();
    let mut t = ModuleTest::configured(muleteer_module(), &config);
    assert_eq!(t.run("log.write", &["2", "héllo"]), Outcome::Done);
    let mut buffer = [0; 2_048];
    let length = reader.recv(&mut buffer).unwrap();
    let message = std::str::from_utf8(&buffer[..length]).unwrap();
    let words: Vec<&str> = message.split(' ').collect();
    assert_eq!(words[0], "<134>1");
    assert!(words[1].ends_with('Z') && words[1].len() == 24, "{message}");
    assert_eq!(words[3], "muleteer");
    assert_eq!(words[4], std::process::id().to_string());
    assert_eq!(words[5..], ["-", "-", "héllo"]);
}

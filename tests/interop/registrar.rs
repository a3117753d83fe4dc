//! The server's accounts at a real registrar: Kamailio, which asks for the password.

use muleteer::sip::message::{HeaderName, StatusCode};
use rustix::process::Signal;

use super::tool;
use crate::support::caller::Caller;
use crate::support::process::{Folder, Process, ServerProcess, free_port};

/// Registers alice, and tells everybody who asks with OPTIONS where she is.
const REGISTRAR: &str = r#"#!KAMAILIO
debug=1
log_stderror=yes
children=1
disable_tcp=yes
alias="example.test"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "algorithm", ALGORITHM)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
modparam("auth", "one_time_nonce", 1)
modparam("registrar", "min_expires", 60)
request_route {
  if (is_method("OPTIONS")) {
    if (lookup("location")) {
      append_to_reply("Contact: <$ru>\r\n");
      sl_send_reply("200", "Here");
    } else {
      sl_send_reply("404", "Not Here");
    }
    exit;
  }
  if (!is_method("REGISTER")) {
    sl_send_reply("405", "Method Not Allowed");
    exit;
  }
  if (!pv_www_authenticate("example.test", "wonderland", "0")) {
    www_challenge("example.test", "1");
    exit;
  }
  if (!save("location")) sl_reply_error();
}
"#;

/// Where the registrar says that alice is.
async fn whereabouts(registrar: std::net::SocketAddr) -> Option<String> {
    let mut caller = Caller::new(registrar, "alice").await;
    let options = caller.request("OPTIONS", "");
    let response = loop {
        caller.send(&options).await;
        // It repeats what it sends before the registrar listens.
        let answer = tokio::time::timeout(
            std::time::Duration::from_millis(500),
            caller.final_response(),
        );
        if let Ok(response) = answer.await {
            break response;
        }
    };
    match response.status {
        StatusCode::OK => response.headers.text(&HeaderName::Contact).map(Into::into),
        _ => None,
    }
}

async fn registers(algorithm: &str, realm: &str, expected: bool) {
    let folder = Folder::new(&[("kamailio.cfg", REGISTRAR)]);
    let port = free_port();
    let mut kamailio = tool("kamailio", "kamailio");
    kamailio.arg("-f").arg(folder.file("kamailio.cfg"));
    kamailio.args(["-DD", "-E", "-m", "32", "-M", "8", "-Y"]);
    kamailio.arg(folder.path());
    kamailio.args(["-A", &format!("ALGORITHM=\"{algorithm}\"")]);
    kamailio.args(["-l", &format!("udp:127.0.0.1:{port}")]);
    let registrar = Process::start_with_children(&mut kamailio);
    let address = ([127, 0, 0, 1], port).into();
    assert_eq!(whereabouts(address).await, None);
    let account = format!(
        "registration=[{{ domain = \"127.0.0.1:{port}\", user = \"alice\", password = \"wonderland\"{realm} }}]"
    );
    let mut server = ServerProcess::start(&["--set", &account]);
    match expected {
        true => {
            server.process.line("registered");
            let contact = format!("<sip:alice@{}>", server.address);
            assert_eq!(whereabouts(address).await, Some(contact));
        }
        false => {
            server
                .process
                .line("no credentials are configured for realm");
        }
    }
    server.process.signal(Signal::TERM);
    server.process.ended().expect_code(0);
    assert_eq!(whereabouts(address).await, None);
    drop(registrar);
}

#[tokio::test]
async fn an_account_is_registered_with_md5() {
    registers("MD5", ", realm = \"example.test\"", true).await;
}

#[tokio::test]
async fn an_account_is_registered_with_sha_256() {
    registers("SHA-256", ", realm = \"example.test\"", true).await;
}

#[tokio::test]
async fn a_registrar_of_another_realm_gets_no_digest() {
    registers("MD5", "", false).await;
}

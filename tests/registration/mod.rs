//! The server keeps accounts registered.

use std::net::SocketAddr;
use std::path::Path;

use muleteer::config::Config;
use muleteer::sip::message::{HeaderName, Message, Request, Response, StatusCode};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::support::caller::PATIENCE;
use crate::support::process::{Folder, Process, ServerProcess, serve};

/// A registrar that answers as it is told.
struct Registrar {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Registrar {
    async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a UDP socket");
        let address = socket.local_addr().expect("its address");
        Self { socket, address }
    }

    /// The next REGISTER with this CSeq; what is repeated is passed.
    async fn register(&self, cseq: u32) -> (Request, SocketAddr) {
        let mut buffer = vec![0; 65_535];
        loop {
            let received = timeout(PATIENCE, self.socket.recv_from(&mut buffer)).await;
            let (length, source) = received.expect("a REGISTER").expect("received");
            let datagram = buffer[..length].to_vec();
            let Ok(Message::Request(request)) = Message::parse_datagram(datagram.into()) else {
                panic!("a request")
            };
            if request.headers.cseq().expect("a CSeq").number == cseq {
                return (request, source);
            }
        }
    }

    async fn answer(
        &self,
        (request, to): (Request, SocketAddr),
        code: u16,
        lines: &[(HeaderName, String)],
    ) {
        let status = StatusCode::new(code).expect("a status");
        let mut response = Response::answering(&request, status, Some("t"));
        for (name, value) in lines {
            response.headers.push(name.clone(), value.clone());
        }
        let sent = self.socket.send_to(&response.to_bytes(), to).await;
        sent.expect("sent");
    }

    /// Accepts what a REGISTER asks for.
    async fn accept(&self, (request, to): (Request, SocketAddr)) {
        let contact = text(&request, HeaderName::Contact);
        self.answer((request, to), 200, &[(HeaderName::Contact, contact)])
            .await;
    }
}

fn text(request: &Request, name: HeaderName) -> String {
    request.headers.text(&name).unwrap_or_default().into_owned()
}

fn account(registrar: &Registrar, more: &str) -> String {
    format!(
        "registration=[{{ domain = \"{}\", user = \"alice\", {more} }}]",
        registrar.address
    )
}

#[tokio::test]
async fn an_account_is_registered_from_the_start_and_taken_back_at_the_end() {
    let registrar = Registrar::new().await;
    let folder = Folder::new(&[("password", "wonderland\n")]);
    let file = folder.file("password").display().to_string();
    let account = account(
        &registrar,
        &format!("password_file = {file:?}, display_name = \"A\""),
    );
    let mut server = ServerProcess::start(&["--set", &account]);
    let first = registrar.register(1).await;
    assert_eq!(text(&first.0, HeaderName::Expires), "3600");
    let contact = format!("<sip:alice@{}>;expires=3600", server.address);
    assert_eq!(text(&first.0, HeaderName::Contact), contact);
    assert!(text(&first.0, HeaderName::UserAgent).starts_with("Muleteer"));
    let ask = "Digest realm=\"127.0.0.1\", nonce=\"n\", qop=\"auth\"".to_owned();
    registrar
        .answer(first, 401, &[(HeaderName::WwwAuthenticate, ask)])
        .await;
    let second = registrar.register(2).await;
    assert!(text(&second.0, HeaderName::Authorization).contains("username=\"alice\""));
    registrar.accept(second).await;
    server.process.line("registered");
    server.process.signal(rustix::process::Signal::TERM);
    let last = registrar.register(3).await;
    let contact = format!("<sip:alice@{}>;expires=0", server.address);
    assert_eq!(text(&last.0, HeaderName::Contact), contact);
    assert_eq!(text(&last.0, HeaderName::Expires), "0");
    registrar.accept(last).await;
    let ended = server
        .process
        .ended()
        .expect_code(0)
        .expect("no longer registered");
    assert!(!ended.text().contains("wonderland"));
}

#[tokio::test]
async fn a_server_ends_although_its_registrar_is_silent() {
    let registrar = Registrar::new().await;
    let account = account(&registrar, "password = \"wonderland\"");
    let server = ServerProcess::start(&["--set", &account]);
    registrar.register(1).await;
    let ended = server.stop();
    assert!(!ended.text().contains("wonderland"));
}

/// Registers, and takes the registration back when it is told that it holds.
const CLERK: &str = r#"
initial state OPEN;
transition "up" OPEN - startup / {
  set($me=@local_tag);
  DIgetResult(registrar_client, createRegistration, $config.registrar, bob, Bob, auth, pass, $me, "", "", mine);
  warn("handle $(DI_res)");
} -> OPEN;
transition "registered" OPEN - event(#event == 0) / {
  warn("clerk hears #class #event #handle #code #reason");
  DIgetResultArray(registrar_client, getRegistrationState, #handle);
  warn("state $(DI_res[0]) $(DI_res[1]) $(DI_res[2])");
  DI(registrar_client, removeRegistration, #handle);
  DIgetResultArray(registrar_client, getRegistrationState, nobody);
  warn("nobody $(DI_res[0])");
} -> OPEN;
transition "end" OPEN - system(#type == ServerShutdown) / stop(false) -> OPEN;
"#;

#[tokio::test]
async fn a_diagram_registers_hears_of_it_and_takes_it_back() {
    let registrar = Registrar::new().await;
    let folder = Folder::new(&[("clerk.dsm", CLERK)]);
    let address = format!("application.clerk.registrar=\"{}\"", registrar.address);
    let mut server = ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.run_system_dsms=[\"clerk\"]",
        "--set",
        &address,
    ]);
    server.process.line("handle mine");
    let first = registrar.register(1).await;
    assert!(text(&first.0, HeaderName::From).starts_with("\"Bob\" <sip:bob@127.0.0.1>"));
    registrar.accept(first).await;
    server
        .process
        .line("clerk hears SIP registration event 0 mine 200 OK");
    server.process.line("state 1 1 3");
    server.process.line("nobody 0");
    let last = registrar.register(2).await;
    assert_eq!(text(&last.0, HeaderName::Expires), "0");
    registrar.accept(last).await;
    server.process.line("no longer registered");
    server.stop();
}

#[test]
fn a_wrong_account_is_told_with_its_place_and_without_its_password() {
    let told = |text: &str, overrides: &[String]| {
        let errors = Config::parse(text, Path::new("m.toml"), overrides).unwrap_err();
        errors.to_string()
    };
    let account = "\n[[registration]]\n";
    let secret = "password = \"topsecret\"";
    for (keys, expected) in [
        (
            format!("user = \"a\"\n{secret}"),
            "m.toml:2:1: registration.domain: expected a host name",
        ),
        (
            format!("domain = \"h\"\nuser = \"a@b\"\n{secret}"),
            "m.toml:4:8: registration.user: expected the user of a SIP URI",
        ),
        (
            "domain = \"h\"\nuser = \"a\"".to_owned(),
            "expected `password` or `password_file`, found neither",
        ),
        (
            "domain = \"h\"\nuser = \"a\"\npassword = 4711".to_owned(),
            "m.toml:5:12: registration.password: expected a string",
        ),
    ] {
        let error = told(&format!("{account}{keys}\n"), &[]);
        assert!(error.contains(expected), "{error}");
        assert!(
            !error.contains("topsecret") && !error.contains("4711"),
            "{error}"
        );
    }
    let error = told(
        "",
        &[format!("registration=[{{ user = \"a\", {secret} }}]")],
    );
    assert!(
        error.starts_with("--set registration=...: expected"),
        "{error}"
    );
}

#[test]
fn a_server_does_not_start_without_a_password_file() {
    let mut command = serve("127.0.0.1:0");
    let account = "registration=[{ domain = \"h\", user = \"a\", password_file = \"/none\" }]";
    command.args(["--set", account]);
    let ended = Process::start(&mut command).ended();
    ended.expect_code(2).expect("/none: No such file");
}

/// Calls as alice as soon as she is registered.
const CALLS: &str = r#"
import(mod_dlg);
initial state OPEN;
transition "up" OPEN - startup / registerEventQueue(caller) -> OPEN;
transition "call" OPEN - system(#type == User1) / {
  set(c_caller=alice); set(c_callee=bob); set(c_domain=$config.host); set(c_app=echo); dlg.dialout(c);
} -> OPEN;
transition "end" OPEN - system(#type == ServerShutdown) / stop(false) -> OPEN;
"#;

#[tokio::test]
async fn calls_of_an_account_go_as_its_registrar_says() {
    let registrar = Registrar::new().await;
    let folder = Folder::new(&[("calls.dsm", CALLS)]);
    let instance = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let account = account(
        &registrar,
        &format!("password = \"wonderland\", instance = {instance:?}"),
    );
    let mut server = ServerProcess::start(&[
        "--set",
        &account,
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.run_system_dsms=[\"calls\"]",
        "--set",
        "application.calls.host=\"127.0.0.1\"",
    ]);
    let register = registrar.register(1).await;
    let contact = text(&register.0, HeaderName::Contact);
    assert!(contact.contains(&format!("+sip.instance=\"<{instance}>\"")));
    let route = format!("<sip:{};lr>", registrar.address);
    let gruu = "sip:alice@127.0.0.1;gr=here";
    let lines = [
        (
            HeaderName::Contact,
            format!("{contact};pub-gruu=\"{gruu}\""),
        ),
        (HeaderName::ServiceRoute, route.clone()),
    ];
    registrar.answer(register, 200, &lines).await;
    server.process.line("registered");
    server.process.signal(rustix::process::Signal::USR1);
    let mut buffer = vec![0; 65_535];
    let received = timeout(PATIENCE, registrar.socket.recv_from(&mut buffer)).await;
    let (length, source) = received.expect("an INVITE").expect("received");
    let datagram = buffer[..length].to_vec();
    let Ok(Message::Request(invite)) = Message::parse_datagram(datagram.into()) else {
        panic!("a request")
    };
    assert_eq!(invite.method.as_str(), "INVITE");
    assert_eq!(invite.uri.to_string(), "sip:bob@127.0.0.1");
    assert_eq!(text(&invite, HeaderName::Route), route);
    assert_eq!(text(&invite, HeaderName::Contact), format!("<{gruu}>"));
    registrar.answer((invite, source), 486, &[]).await;
    server.process.signal(rustix::process::Signal::TERM);
    let last = registrar.register(2).await;
    registrar.accept(last).await;
    server.process.ended().expect_code(0);
}

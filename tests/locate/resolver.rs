//! The real resolver against a small name server.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use muleteer::config::NameServer;
use muleteer::net::{Dns, Resolver};
use muleteer::session::SessionId;
use muleteer::sip::locate::{Answer, MAX_RECORDS, Question, RecordType, Records};
use muleteer::sip::message::{Message, Request};

use crate::agent::outgoing::phone;
use crate::support::server::{TestServer, config, listen};

const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// What a name server says: to a name and type, the data of each record. `None`: nothing at all.
type Zone = Box<dyn Fn(&str, u16) -> Option<Vec<Vec<u8>>> + Send>;

/// A name server on a free loopback port.
struct NameServerThread {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServerThread {
    fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let wait = Some(Duration::from_millis(20));
        socket.set_read_timeout(wait).unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer)
                    && let Some(answer) = respond(&buffer[..length], &zone)
                {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for NameServerThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// RFC 1035 §4.1: the header, the question as it came, and the records, each with the question's name.
fn respond(query: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let length = usize::from(query[at]);
        let label = &query[at + 1..=at + length];
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let records = zone(&labels.join("."), kind)?;
    let mut out = query[..2].to_vec();
    out.extend([0x81, 0x80, 0, 1]);
    out.extend((records.len() as u16).to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(&query[12..at + 5]);
    for data in records {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> = labels
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    out.push(0);
    out
}

fn srv(priority: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, 10, port].map(u16::to_be_bytes).concat();
    [numbers, name(target)].concat()
}

fn naptr(order: u16, service: &str, replacement: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let numbers = [order, 10].map(u16::to_be_bytes).concat();
    [
        numbers,
        text("s"),
        text(service),
        text(""),
        name(replacement),
    ]
    .concat()
}

fn ask(servers: &[SocketAddr], text: &str, kind: RecordType) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let question = Question {
        name: text.into(),
        kind,
    };
    runtime.block_on(async { Dns::new(servers).ask(&question).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_a_domain_is_found_by_naptr_srv_and_address() {
    let callee = callee();
    let port = callee.local_addr().unwrap().port();
    let dns = NameServerThread::start(Box::new(move |name, kind| {
        Some(match (name, kind) {
            ("sip.test", NAPTR) => vec![
                naptr(10, "SIPS+D2S", "_sips._sctp.sip.test"),
                naptr(20, "SIP+D2U", "_sip._udp.sip.test"),
            ],
            ("_sip._udp.sip.test", SRV) => vec![srv(1, port, "host.sip.test")],
            ("host.sip.test", A) => vec![vec![127, 0, 0, 1]],
            _ => Vec::new(),
        })
    }));
    let mut config = config();
    config.dns.servers = vec![NameServer(dns.address)];
    let server = TestServer::with(config).await;
    let invite = invited(&server, "bob@sip.test", callee).await;
    assert_eq!(invite.uri.to_string(), "sip:bob@sip.test");
    let via = invite.headers.via().unwrap();
    assert_eq!(via.port, Some(server.udp.port()));
    let contact = invite.headers.contacts().unwrap().remove(0);
    assert_eq!(contact.uri.to_string(), format!("sip:{}", server.udp));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_sockets_the_one_on_the_way_is_used() {
    let callee = callee();
    let to = format!("bob@{}", callee.local_addr().unwrap());
    let mut config = config();
    // The system reaches 127.0.0.1 from 127.0.0.1.
    config.sip.listen = vec![listen("udp:127.0.0.2:0"), listen("udp:127.0.0.1:0")];
    let server = TestServer::with(config).await;
    let invite = invited(&server, &to, callee).await;
    let (_, local) = server.server.listening()[1];
    let via = invite.headers.via().unwrap();
    assert_eq!(
        (via.host.ip(), via.port),
        (Some(local.ip()), Some(local.port()))
    );
    let contact = invite.headers.contacts().unwrap().remove(0);
    assert_eq!(contact.uri.to_string(), format!("sip:{local}"));
    server.stop().await;
}

fn callee() -> UdpSocket {
    let callee = UdpSocket::bind("127.0.0.1:0").unwrap();
    let wait = Some(Duration::from_secs(20));
    callee.set_read_timeout(wait).unwrap();
    callee
}

/// Calls `to`, and what the callee gets.
async fn invited(server: &TestServer, to: &str, callee: UdpSocket) -> Request {
    let (mut dial, _reports) = phone(to, Vec::new());
    dial.call_id = "call-by-name".to_owned();
    dial.id = SessionId("call-by-name".into());
    server.server.dial(dial).await;
    let received = tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 4096];
        let (length, _) = callee.recv_from(&mut buffer).expect("an INVITE");
        buffer[..length].to_vec()
    });
    let bytes = received.await.unwrap();
    match Message::parse_datagram(bytes.into()) {
        Ok(Message::Request(invite)) => invite,
        other => panic!("expected an INVITE, got {other:?}"),
    }
}

#[test]
fn a_name_server_that_never_answers_fails_in_time() {
    let silent = NameServerThread::start(Box::new(|_, _| None));
    let answer = ask(&[silent.address], "a.test", RecordType::A);
    assert_eq!(answer.records, Records::Failed);
}

#[test]
fn rubbish_of_a_name_server_fails() {
    let rubbish = NameServerThread::start(Box::new(|_, kind| {
        let data = match kind {
            A => vec![1, 2, 3],
            _ => vec![0xff; 40],
        };
        Some(vec![data])
    }));
    for kind in [RecordType::A, RecordType::Srv, RecordType::Naptr] {
        let answer = ask(&[rubbish.address], "a.test", kind);
        assert_eq!(answer.records, Records::Failed, "{kind:?}");
    }
}

#[test]
fn thousands_of_records_are_cut_short() {
    let many = NameServerThread::start(Box::new(|_, _| {
        let address = |n: u32| Ipv4Addr::from(0x0a00_0000 + n).octets().to_vec();
        Some((0..4000).map(address).collect())
    }));
    let answer = ask(&[many.address], "a.test", RecordType::A);
    match answer.records {
        Records::Addresses(addresses) => assert_eq!(addresses.len(), MAX_RECORDS),
        other => assert_eq!(other, Records::Failed),
    }
}

#[test]
fn rfc6761_localhost_is_this_machine_without_any_name_server() {
    let silent = NameServerThread::start(Box::new(|_, _| None));
    let answer = ask(&[silent.address], "localhost", RecordType::A);
    let Records::Addresses(addresses) = answer.records else {
        panic!("{answer:?}")
    };
    assert_eq!(addresses.to_vec(), [Ipv4Addr::LOCALHOST]);
    for (text, kind) in [
        ("localhost", RecordType::Naptr),
        ("_sip._udp.localhost", RecordType::Srv),
    ] {
        let answer = ask(&[silent.address], text, kind);
        assert_eq!(answer.records, Records::None, "{text}");
    }
}

#[test]
fn what_a_name_server_does_not_have_is_no_failure() {
    let empty = NameServerThread::start(Box::new(|_, _| Some(Vec::new())));
    for kind in [
        RecordType::A,
        RecordType::Aaaa,
        RecordType::Srv,
        RecordType::Naptr,
    ] {
        let answer = ask(&[empty.address], "a.test", kind);
        assert_eq!(answer.records, Records::None, "{kind:?}");
    }
}

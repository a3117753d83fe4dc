//! Somebody who sends as many messages as he likes, each a new one, and counts what comes back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use muleteer::sip::message::Message;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::support::caller::{Caller, PATIENCE};

/// Bytes that are sent before it is waited for the server to have read them: no socket loses any of them.
const AT_ONCE: usize = 20_000;

/// Who asks whether a flood was read: from another address than any attacker's.
pub const WITNESS: &str = "127.0.0.99";

pub struct Attacker {
    socket: UdpSocket,
    server: SocketAddr,
    local: SocketAddr,
    number: u32,
    /// How many final responses came, by status.
    pub answers: BTreeMap<u16, usize>,
}

impl Attacker {
    /// At an address of loopback.
    pub async fn at(ip: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.expect("a UDP socket");
        let local = socket.local_addr().expect("its address");
        Self {
            socket,
            server,
            local,
            number: 0,
            answers: BTreeMap::new(),
        }
    }

    pub async fn new(server: SocketAddr) -> Self {
        Self::at("127.0.0.1", server).await
    }

    /// A request with a branch, a Call-ID and a From tag that were not there before; `more` header lines.
    pub fn request(&mut self, method: &str, user: &str, to_tag: &str, more: &str) -> String {
        self.number += 1;
        let Self {
            number,
            local,
            server,
            ..
        } = self;
        let id = format!("{number}-{}", local.port());
        let body = match method {
            "INVITE" => format!(
                "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
                 m=audio 9 RTP/AVP 0\r\n",
                ip = local.ip()
            ),
            _ => String::new(),
        };
        let content_type = match body.is_empty() {
            true => "",
            false => "Content-Type: application/sdp\r\n",
        };
        format!(
            "{method} sip:{user}@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:evil@{local}>;tag={id}\r\nTo: <sip:{user}@{server}>{to_tag}\r\n\
             Call-ID: {id}@evil\r\nCSeq: {number} {method}\r\nContact: <sip:evil@{local}>\r\n\
             {more}{content_type}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// How many requests it has made.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Sends `count` messages that `make` makes. When it returns the server has dealt with all of them, and all
    /// of its answers are counted.
    pub async fn flood(&mut self, count: usize, mut make: impl FnMut(&mut Self) -> String) {
        let mut witness = Attacker::at(WITNESS, self.server).await;
        let mut unread = 0;
        for sent in 1..=count {
            let text = make(self);
            self.send(&text).await;
            // A datagram takes more room than it is long.
            unread += text.len() + 500;
            if unread > AT_ONCE || sent == count {
                witness.sees_that_all_was_read().await;
                self.count_answers().await;
                unread = 0;
            }
        }
    }

    /// Sends messages as fast as the socket takes them.
    pub async fn burst(&mut self, count: usize, mut make: impl FnMut(&mut Self) -> String) {
        for _ in 0..count {
            let text = make(self);
            self.send(&text).await;
        }
    }

    /// Sends `count` INVITEs to the echo before the server has a chance to read one, and each again until it
    /// is answered.
    pub async fn call_at_once(&mut self, count: usize) {
        let first = self.number + 1;
        let invites = (0..count).map(|_| self.request("INVITE", "echo", "", ""));
        let mut open: BTreeMap<u32, String> = (first..).zip(invites.collect::<Vec<_>>()).collect();
        let mut buffer = vec![0; 65_536];
        const ROUNDS: u32 = 50;
        for _ in 0..ROUNDS {
            self.socket.writable().await.expect("a socket");
            for text in open.values() {
                // What does not fit is sent in the next round.
                let _ = self.socket.try_send_to(text.as_bytes(), self.server);
            }
            let patience = PATIENCE / ROUNDS;
            while let Ok(received) = timeout(patience, self.socket.recv(&mut buffer)).await {
                let bytes = Bytes::copy_from_slice(&buffer[..received.expect("a datagram")]);
                let Ok(Message::Response(response)) = Message::parse_datagram(bytes) else {
                    continue;
                };
                let number = response.headers.cseq().expect("CSeq").number;
                if response.status.is_final() && open.remove(&number).is_some() {
                    *self.answers.entry(response.status.code()).or_default() += 1;
                }
                if open.is_empty() {
                    return;
                }
            }
        }
        panic!("{} INVITEs without an answer", open.len());
    }

    async fn send(&self, text: &str) {
        let sent = self.socket.send_to(text.as_bytes(), self.server);
        sent.await.expect("sent");
    }

    /// The server reads a socket in order: who is answered last was heard last.
    async fn sees_that_all_was_read(&mut self) {
        let mut buffer = vec![0; 65_536];
        let first = self.number + 1;
        const TRIES: u32 = 20;
        for _ in 0..TRIES {
            let options = self.request("OPTIONS", "echo", "", "");
            self.send(&options).await;
            let patience = PATIENCE / TRIES;
            while let Ok(received) = timeout(patience, self.socket.recv(&mut buffer)).await {
                let bytes = Bytes::copy_from_slice(&buffer[..received.expect("a datagram")]);
                // Not an answer that came too late the last time.
                if let Ok(Message::Response(response)) = Message::parse_datagram(bytes)
                    && response
                        .headers
                        .cseq()
                        .is_ok_and(|cseq| cseq.number >= first)
                {
                    return;
                }
            }
        }
        panic!("the server does not answer");
    }

    /// Waits for the answers that have not come yet, until there are so many.
    pub async fn has_answers(&mut self, count: usize) {
        while self.answers.values().sum::<usize>() < count {
            assert!(self.count_answer(PATIENCE).await, "{:?}", self.answers);
        }
    }

    async fn count_answers(&mut self) {
        /// Long enough for the runtime to look at the socket: what is there was sent before.
        const LOOK: Duration = Duration::from_millis(1);
        while self.count_answer(LOOK).await {}
    }

    /// Counts what comes next, if it is a final response. False: nothing came.
    async fn count_answer(&mut self, patience: Duration) -> bool {
        let mut buffer = vec![0; 65_536];
        let Ok(Ok(count)) = timeout(patience, self.socket.recv(&mut buffer)).await else {
            return false;
        };
        let bytes = Bytes::copy_from_slice(&buffer[..count]);
        if let Ok(Message::Response(response)) = Message::parse_datagram(bytes)
            && response.status.is_final()
        {
            *self.answers.entry(response.status.code()).or_default() += 1;
        }
        true
    }
}

/// A call to the echo that speaks and listens.
pub struct Talker {
    pub caller: Caller,
    rtp: UdpSocket,
    to: SocketAddr,
    sequence: u16,
    /// Packets that came back.
    pub heard: usize,
}

impl Talker {
    pub async fn call(server: SocketAddr) -> Self {
        let rtp = UdpSocket::bind("127.0.0.1:0").await.expect("a UDP socket");
        let mut caller = Caller::new(server, "echo").await;
        let answer = caller
            .call(rtp.local_addr().expect("its address").port())
            .await;
        assert_eq!(answer.status.code(), 200);
        let body = String::from_utf8(answer.body.to_vec()).expect("text");
        let port = body.split("m=audio ").nth(1).expect("audio");
        let port = port.split(' ').next().expect("a port").parse();
        Self {
            caller,
            rtp,
            to: SocketAddr::new(server.ip(), port.expect("a number")),
            sequence: 0,
            heard: 0,
        }
    }

    /// Speaks until so many packets have come back.
    pub async fn talk(&mut self, packets: usize) {
        let enough = self.heard + packets;
        let talking = async {
            let mut buffer = [0; 2000];
            while self.heard < enough {
                self.sequence += 1;
                let mut packet = vec![0x80, 0];
                packet.extend(self.sequence.to_be_bytes());
                packet.extend((u32::from(self.sequence) * 160).to_be_bytes());
                packet.extend(77u32.to_be_bytes());
                packet.extend([0x55; 160]);
                self.rtp.send_to(&packet, self.to).await.expect("sent");
                tokio::time::sleep(Duration::from_millis(20)).await;
                while let Ok(count) = self.rtp.try_recv(&mut buffer) {
                    // Silence before the first packet is heard is something else.
                    self.heard += usize::from(buffer[12..count].contains(&0x55));
                }
            }
        };
        timeout(6 * PATIENCE, talking)
            .await
            .expect("what was said comes back");
    }

    pub async fn bye(mut self) {
        assert_eq!(self.caller.bye().await.status.code(), 200);
    }
}

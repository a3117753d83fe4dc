//! An HTTP server for one test: it answers as the path says, and keeps what it was sent.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the server of the test"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A request as it came: the first line and headers, in lower case but for the first line, and the body.
pub struct Seen {
    pub head: Vec<String>,
    pub body: String,
}

pub struct Server {
    pub address: SocketAddr,
    seen: Receiver<Seen>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, sender) = (stream.unwrap(), sender.clone());
                thread::spawn(move || {
                    let reader = stream.try_clone().unwrap();
                    serve(reader, stream, &sender);
                });
            }
        });
        Self { address, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request that came.
    pub fn seen(&self) -> Seen {
        self.seen
            .recv_timeout(std::time::Duration::from_secs(30))
            .unwrap()
    }
}

/// Answers the requests of one connection.
pub fn serve(reader: impl Read, mut stream: impl Write, sender: &Sender<Seen>) {
    let mut reader = BufReader::new(reader);
    while let Some(request) = read(&mut reader) {
        let path = request.head[0].split(' ').nth(1).unwrap().to_owned();
        let answer = match path.split('?').next().unwrap() {
            "/hang" => {
                // Until the other side gives up.
                let mut rest = Vec::new();
                let _ = reader.read_to_end(&mut rest);
                return;
            }
            "/empty" => answer("200 OK", "", ""),
            "/missing" => answer("404 Not Found", "X-Why: gone\r\n", "no such page"),
            "/broken" => answer("500 Internal Server Error", "", "broken"),
            "/moved" => answer("302 Found", "Location: /page\r\n", "elsewhere"),
            "/round" => answer("302 Found", "Location: /round\r\n", ""),
            "/large" => answer("200 OK", "", &"x".repeat(3 << 20)),
            "/latin" => b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xe9b".to_vec(),
            "/short" => b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nonly this".to_vec(),
            "/garbage" => b"220 smtp.example.org ESMTP\r\n".to_vec(),
            "/endless" => {
                let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                let _ = stream.write_all(head);
                while stream.write_all(chunk.as_bytes()).is_ok() {}
                return;
            }
            _ => answer("200 OK", "Content-Type: text/plain\r\n", "a page"),
        };
        let _ = sender.send(request);
        if stream.write_all(&answer).is_err() || path == "/short" || path == "/garbage" {
            return;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn read(reader: &mut impl BufRead) -> Option<Seen> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        head.push(match head.is_empty() {
            true => line.to_owned(),
            false => line.to_lowercase(),
        });
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Seen { head, body })
}

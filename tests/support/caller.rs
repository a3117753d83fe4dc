//! A bare SIP caller on a UDP socket: writes text, reads messages. Only [`Caller::call`] and
//! [`Caller::bye`] repeat what got no answer, as UDP asks for; all else is sent once, so that a test
//! decides what the server gets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use muleteer::sip::message::{Headers, Message, Request, Response};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Longest wait for something that has to come. Far more than needed, so that a slow machine passes.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Caller {
    pub socket: UdpSocket,
    pub server: SocketAddr,
    pub local: SocketAddr,
    pub call_id: String,
    pub cseq: u32,
    pub to_tag: Option<String>,
    pub user: String,
    /// Header lines added to each request, each with its line end.
    pub extra: String,
    branches: u32,
}

impl Caller {
    pub async fn new(server: SocketAddr, user: &str) -> Self {
        let any = if server.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).await.expect("a UDP socket");
        let local = socket.local_addr().expect("its address");
        // Ports come again while the transactions of an earlier call linger.
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        Self {
            call_id: format!("call-{number}-{}-{user}", local.port()),
            socket,
            server,
            local,
            cseq: 1,
            to_tag: None,
            user: user.to_owned(),
            extra: String::new(),
            branches: 0,
        }
    }

    /// A PCMU offer with telephone events towards `port` of this host.
    pub fn offer(&self, port: u16) -> String {
        let ip = self.local.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        )
    }

    /// A request with its own branch; `cseq` is used as it stands.
    pub fn request(&mut self, method: &str, body: &str) -> String {
        self.branches += 1;
        self.request_on_branch(method, body, self.branches)
    }

    pub fn request_on_branch(&self, method: &str, body: &str, branch: u32) -> String {
        let Self {
            local,
            call_id,
            cseq,
            user,
            extra,
            server,
            ..
        } = self;
        let to_tag = self
            .to_tag
            .as_ref()
            .map(|tag| format!(";tag={tag}"))
            .unwrap_or_default();
        let content_type = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let length = body.len();
        format!(
            "{method} sip:{user}@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{call_id}-{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:caller@{local}>;tag=from\r\n\
             To: <sip:{user}@{server}>{to_tag}\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:caller@{local}>\r\n\
             {extra}{content_type}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    pub async fn send(&self, text: impl AsRef<[u8]>) {
        self.socket
            .send_to(text.as_ref(), self.server)
            .await
            .expect("sent");
    }

    pub async fn receive(&self) -> Message {
        let mut buffer = vec![0; 65_536];
        let (count, _) = timeout(PATIENCE, self.socket.recv_from(&mut buffer))
            .await
            .expect("a message in time")
            .expect("a datagram");
        Message::parse_datagram(Bytes::copy_from_slice(&buffer[..count])).expect("a SIP message")
    }

    /// The next final response; provisional ones are skipped.
    pub async fn final_response(&self) -> Response {
        loop {
            if let Message::Response(response) = self.receive().await
                && response.status.is_final()
            {
                return response;
            }
        }
    }

    /// Sends `request`, again every half a second, until its final response comes.
    ///
    /// What answers something else is skipped: a repeated response, or one to an earlier owner of the
    /// port.
    async fn transact(&self, request: &str) -> Response {
        let request_bytes = Bytes::copy_from_slice(request.as_bytes());
        let Ok(Message::Request(sent)) = Message::parse_datagram(request_bytes) else {
            panic!("no request: {request}");
        };
        let names = |headers: &Headers| {
            let call_id = headers.call_id().expect("Call-ID").to_owned();
            (call_id, headers.cseq().expect("CSeq").to_string())
        };
        let answer = async || loop {
            let response = self.final_response().await;
            if names(&response.headers) == names(&sent.headers) {
                return response;
            }
        };
        const T1: Duration = Duration::from_millis(500);
        for _ in 0..PATIENCE.as_millis() / T1.as_millis() {
            self.send(request).await;
            if let Ok(response) = timeout(T1, answer()).await {
                return response;
            }
        }
        panic!("no final response to {request}");
    }

    /// The next request of the server; responses are skipped.
    pub async fn server_request(&self) -> Request {
        loop {
            if let Message::Request(request) = self.receive().await {
                return request;
            }
        }
    }

    /// Answers a request of the server with 200.
    pub async fn confirm(&self, request: &Request) {
        use muleteer::sip::message::StatusCode;
        let response = Response::answering(request, StatusCode::OK, None);
        self.send(&response.to_bytes()).await;
    }

    /// Calls and acknowledges; the answer.
    pub async fn call(&mut self, rtp_port: u16) -> Response {
        let offer = self.offer(rtp_port);
        let invite = self.request("INVITE", &offer);
        let response = self.transact(&invite).await;
        let tag = response.headers.to().expect("To").tag().map(str::to_owned);
        self.to_tag = tag;
        let ack = self.request("ACK", "");
        self.send(ack).await;
        response
    }

    /// Hangs up and waits for the 200.
    pub async fn bye(&mut self) -> Response {
        self.cseq += 1;
        let bye = self.request("BYE", "");
        self.transact(&bye).await
    }
}

//! A bare SIP phone on a connection: writes text, reads messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use muleteer::sip::message::{Message, Request, Response, StatusCode};
use muleteer::sip::transport::{Frame, StreamFramer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message as WsMessage};

use crate::support::caller::PATIENCE;

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub enum Wire {
    Stream(Box<dyn Duplex>, StreamFramer),
    WebSocket(Box<WebSocketStream<Box<dyn Duplex>>>),
}

pub struct Phone {
    pub wire: Wire,
    /// Our end of the connection.
    pub local: SocketAddr,
    /// As Via names the transport.
    pub transport: &'static str,
    /// Host and port of Via.
    pub sent_by: String,
    /// Parameters of Via, each with its semicolon.
    pub via_params: String,
    /// URI of the Contact.
    pub contact: String,
    pub user: String,
    pub call_id: String,
    pub cseq: u32,
    pub to_tag: Option<String>,
    branches: u32,
}

/// A TCP connection, and its own end.
pub async fn connect(server: SocketAddr) -> (TcpStream, SocketAddr) {
    let stream = TcpStream::connect(server).await.expect("connected");
    let local = stream.local_addr().expect("its address");
    (stream, local)
}

/// A TLS connection to `localhost`.
pub async fn connect_tls(
    server: SocketAddr,
    config: Arc<ClientConfig>,
) -> std::io::Result<(tokio_rustls::client::TlsStream<TcpStream>, SocketAddr)> {
    let (stream, local) = connect(server).await;
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok((stream, local))
}

impl Phone {
    pub async fn tcp(server: SocketAddr) -> Self {
        let (stream, local) = connect(server).await;
        Self::on(stream, local, "TCP")
    }

    pub async fn tls(server: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let (stream, local) = connect_tls(server, config).await.expect("a handshake");
        Self::on(stream, local, "TLS")
    }

    pub fn on(stream: impl Duplex + 'static, local: SocketAddr, transport: &'static str) -> Self {
        let wire = Wire::Stream(Box::new(stream), StreamFramer::default());
        Self::with(wire, local, transport)
    }

    /// A WebSocket over `stream` that offers `protocol` and names `origin`.
    pub async fn websocket(
        stream: impl Duplex + 'static,
        local: SocketAddr,
        protocol: Option<&'static str>,
        origin: Option<&'static str>,
    ) -> Result<Self, Error> {
        let mut request = "ws://localhost/".into_client_request()?;
        let headers = request.headers_mut();
        if let Some(protocol) = protocol {
            let value = HeaderValue::from_static(protocol);
            headers.insert("Sec-WebSocket-Protocol", value);
        }
        if let Some(origin) = origin {
            headers.insert("Origin", HeaderValue::from_static(origin));
        }
        let stream: Box<dyn Duplex> = Box::new(stream);
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        let mut phone = Self::with(Wire::WebSocket(Box::new(socket)), local, "WS");
        phone.sent_by = "df7jal23ls0d.invalid".to_owned();
        phone.contact = "sip:phone@df7jal23ls0d.invalid;transport=ws".to_owned();
        Ok(phone)
    }

    fn with(wire: Wire, local: SocketAddr, transport: &'static str) -> Self {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let named = transport.to_lowercase();
        Self {
            wire,
            local,
            transport,
            sent_by: local.to_string(),
            via_params: String::new(),
            contact: format!("sip:phone@{local};transport={named}"),
            user: "echo".to_owned(),
            call_id: format!("stream-{number}-{}", local.port()),
            cseq: 1,
            to_tag: None,
            branches: 0,
        }
    }

    /// A request of a new branch with the next CSeq number, but ACK with that of the INVITE.
    pub fn request(&mut self, method: &str, body: &str) -> String {
        self.branches += 1;
        self.cseq += u32::from(method != "ACK");
        let Self {
            transport,
            sent_by,
            via_params,
            contact,
            user,
            call_id,
            cseq,
            branches,
            ..
        } = self;
        let tag = self.to_tag.as_ref();
        let tag = tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
        let content_type = match body {
            "" => "",
            _ => "Content-Type: application/sdp\r\n",
        };
        format!(
            "{method} sip:{user}@localhost SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {sent_by};branch=z9hG4bK{call_id}-{branches}{via_params}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:phone@localhost>;tag=from\r\n\
             To: <sip:{user}@localhost>{tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <{contact}>\r\n{content_type}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        match &mut self.wire {
            Wire::Stream(stream, _) => {
                stream.write_all(text).await.expect("written");
                stream.flush().await.expect("flushed");
            }
            Wire::WebSocket(socket) => {
                let text = String::from_utf8(text.to_vec()).expect("text");
                socket.send(WsMessage::text(text)).await.expect("sent");
            }
        }
    }

    /// The next message; `None` when the server has closed the connection.
    pub async fn next(&mut self) -> Option<Message> {
        let bytes = timeout(PATIENCE, self.next_bytes()).await;
        let bytes = bytes.expect("in time")?;
        Some(Message::parse_datagram(bytes).expect("a SIP message"))
    }

    async fn next_bytes(&mut self) -> Option<Bytes> {
        match &mut self.wire {
            Wire::Stream(stream, framer) => loop {
                match framer.next_frame().expect("framed") {
                    Some(Frame::Message(bytes)) => return Some(bytes),
                    Some(Frame::Ping) => continue,
                    None => {}
                }
                let mut chunk = [0; 4096];
                let count = stream.read(&mut chunk).await.unwrap_or(0);
                if count == 0 {
                    return None;
                }
                framer.push(&chunk[..count]);
            },
            Wire::WebSocket(socket) => loop {
                match socket.next().await?.ok()? {
                    WsMessage::Text(text) => return Some(text.into()),
                    WsMessage::Binary(bytes) => return Some(bytes),
                    WsMessage::Close(_) => return None,
                    _ => {}
                }
            },
        }
    }

    /// Reads until the server closes the connection.
    pub async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    pub async fn final_response(&mut self) -> Response {
        loop {
            match self.next().await.expect("still connected") {
                Message::Response(response) if response.status.is_final() => return response,
                _ => {}
            }
        }
    }

    /// The next request of the server.
    pub async fn server_request(&mut self) -> Request {
        loop {
            if let Message::Request(request) = self.next().await.expect("still connected") {
                return request;
            }
        }
    }

    pub async fn confirm(&mut self, request: &Request) {
        let response = Response::answering(request, StatusCode::OK, None);
        self.send(response.to_bytes()).await;
    }

    /// Asks whether somebody is there.
    pub async fn options(&mut self) {
        let options = self.request("OPTIONS", "");
        self.send(options).await;
        assert_eq!(self.final_response().await.status, StatusCode::OK);
    }

    /// Calls, and acknowledges the answer.
    pub async fn call(&mut self) -> Response {
        let answer = self.invite().await;
        let ack = self.request("ACK", "");
        self.send(ack).await;
        answer
    }

    /// Calls, and takes the answer without acknowledging it.
    pub async fn invite(&mut self) -> Response {
        let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
        let invite = self.request("INVITE", offer);
        self.send(invite).await;
        let answer = self.final_response().await;
        assert_eq!(answer.status, StatusCode::OK);
        self.to_tag = answer.headers.to().unwrap().tag().map(str::to_owned);
        answer
    }

    pub async fn bye(&mut self) {
        let bye = self.request("BYE", "");
        self.send(bye).await;
        assert_eq!(self.final_response().await.status, StatusCode::OK);
    }
}

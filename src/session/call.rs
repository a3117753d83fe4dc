//! The call an application works on: its SIP side, its offer and answer, its audio.
//!
//! [`Call`] is what built-in applications and the diagram host share. It turns what an application
//! wants ("answer", "hang up", "play this") into outputs of the session, and what SIP says into
//! [`CallEvent`]s. It knows no application.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::digits::{DigitReport, Digits};
use super::dtmf_info::{self, DTMF_RELAY};
use super::event::{
    ActionToken, AudioFile, Params, PromptError, RecordError, SessionId, SessionOutput,
};
use super::room::{InRoom, InRoomError, Room, RoomAnswer};
use crate::audio::playlist::{PlaylistItem, RoomId};
use crate::audio::recorder::{RecordingEnded, RecordingMeter};
use crate::codec::{CodecId, Codecs, Encoding};
use crate::config::{DigitDetection, DigitSending, Dtmf};
use crate::dsm::{ActionResult, RecordOptions};
use crate::media::{MediaCommand, MediaEvent, MediaFormat, RtcpParameters, StreamParameters};
use crate::rtp::srtp::SrtpSuite;
use crate::rtp::{ClockRate, Digit, DigitSource, PayloadType, SourceRule};
use crate::sdp::{
    AudioFormat, Capabilities, Direction, NegotiatedAudio, NegotiationError, OfferAnswer,
    SrtpPolicy,
};
use crate::sip::dialog::invite_usage::{Event as UsageEvent, InviteUsage, SDP};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Method, Request, StatusCode, body};

/// What an application is told.
#[derive(Debug)]
pub enum CallEvent {
    /// The session begins.
    Start,
    /// The caller's INVITE waits for an answer.
    Invite,
    /// A provisional response to our INVITE.
    Ringing {
        /// Its status.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
    },
    /// Our INVITE was refused, or the offer that came with the caller's.
    Failed {
        /// Status of the final response.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
    },
    /// No final response to our INVITE came.
    NoResponse {
        /// What stands for one: 408, or 503 if it could not be sent.
        status: StatusCode,
    },
    /// Offer and answer are complete and the call is established.
    SessionStart,
    /// The peer hung up or cancelled; `headers` are those of its request.
    Hangup {
        /// Header lines of the request.
        headers: String,
    },
    /// Nobody acknowledged our answer; the call is being ended.
    NoAck,
    /// A request of the peer in the dialog, for an application that wants to look at them first. It has
    /// been [admitted](InviteUsage::admit).
    Request(TransactionId, Box<Request>),
    /// Audio.
    Media(MediaEvent),
    /// The prompt that was asked for.
    Prompt(Result<PlaylistItem, PromptError>),
    /// The recording that was asked for has begun, or cannot.
    RecordingBegun(Result<RecordingMeter, RecordError>),
    /// A recording is complete.
    RecordingEnded(RecordingEnded),
    /// What came of a request about conference rooms.
    Room(RoomAnswer),
    /// What came of an act in a room, and which room that is to media threads.
    InRoom(Result<RoomId, InRoomError>),
    /// An event of another session.
    Posted(Params),
    /// What became of work outside.
    Performed(ActionToken, ActionResult),
    /// The server is shutting down.
    Shutdown,
    /// The operator sent the signal with this number, SIGUSR1 or SIGUSR2.
    User(u8),
    /// The SIP side is over; nothing can be sent any more.
    Ended,
}

/// How streams treat their peers, as the operator wants it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RtpPolicy {
    /// How long nothing may be heard from a peer that should send; None: for ever.
    pub timeout: Option<Duration>,
    /// Only the host that a session description names is listened to and sent to.
    pub strict_source: bool,
    /// Audio goes to the port of the session description, see [`SourceRule::asymmetric`].
    pub asymmetric: bool,
    /// RTCP is sent and received.
    pub rtcp: bool,
    /// Whether audio is encrypted.
    pub srtp: SrtpPolicy,
    /// The keys to it may be agreed on by signalling that is not encrypted.
    pub srtp_without_tls: bool,
}

/// What a call is given at its beginning.
#[derive(Debug, Clone)]
pub struct CallSetup {
    /// Name of the session.
    pub id: SessionId,
    /// Where our RTP socket is bound.
    pub media: SocketAddr,
    /// What we can send and receive, in our order.
    pub capabilities: Arc<Capabilities>,
    /// How the stream treats its peer.
    pub rtp: RtpPolicy,
    /// Where the peer's signalling comes from, as far as that is known.
    pub signalling_host: Option<IpAddr>,
    /// Nobody on the way reads the signalling.
    pub secure_signalling: bool,
    /// How keys are heard and sent.
    pub dtmf: Dtmf,
    /// How long a diagram may work on after a handled hang-up.
    pub linger: Duration,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Call {
    setup: CallSetup,
    usage: InviteUsage,
    negotiation: OfferAnswer,
    audio: Option<NegotiatedAudio>,
    /// What audio is sent as, once negotiated.
    encoding: Option<Encoding>,
    digits: Digits,
    /// Keys are wanted.
    detects_digits: bool,
    /// Changes made to the stream's playlist.
    playlist_version: u32,
    /// Whether `SessionStart` has been told.
    started: bool,
    /// Our offer is out in a 2xx; the ACK has to bring the answer.
    awaits_answer_in_ack: bool,
    ended: bool,
    outputs: VecDeque<SessionOutput>,
    events: VecDeque<CallEvent>,
}

impl Call {
    /// A call over `usage`.
    pub fn new(setup: CallSetup, usage: InviteUsage, negotiation: OfferAnswer) -> Self {
        Self {
            setup,
            usage,
            negotiation,
            audio: None,
            encoding: None,
            digits: Digits::default(),
            detects_digits: true,
            playlist_version: 0,
            started: false,
            awaits_answer_in_ack: false,
            ended: false,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Name of the session.
    pub fn id(&self) -> &SessionId {
        &self.setup.id
    }

    /// The SIP side.
    pub fn usage(&self) -> &InviteUsage {
        &self.usage
    }

    /// The INVITE that began the call.
    pub fn invite(&self) -> &Request {
        self.usage.invite()
    }

    /// How long an application may work on after a handled hang-up.
    pub fn linger(&self) -> Duration {
        self.setup.linger
    }

    /// The codec audio is sent with, once negotiated.
    pub fn codec(&self) -> Option<CodecId> {
        self.encoding.map(|encoding| encoding.codec)
    }

    /// What audio is encrypted with, if it is.
    pub fn suite(&self) -> Option<SrtpSuite> {
        let keys = self.audio.as_ref()?.srtp.as_ref()?;
        Some(keys.send.suite())
    }

    /// Whether nothing can be sent on the dialog any more.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// Whether the INVITE of the caller still waits for its answer.
    pub fn is_pending(&self) -> bool {
        self.usage.is_pending()
    }

    /// Answers the pending INVITE with 200 and a session description; refuses it with 488 or 400
    /// if that cannot be.
    pub fn answer(&mut self) {
        let invite = self.usage.invite();
        let Ok(offer) = body::part(&invite.headers, &invite.body, SDP) else {
            return self.refuse_body();
        };
        match self.describe(&offer) {
            Ok(body) => {
                self.usage.accept(body, &[]);
                self.pump();
                if !self.awaits_answer_in_ack {
                    self.start();
                }
            }
            Err(error) => self.refuse_offer(&error),
        }
    }

    /// Tells the caller that the call is being worked on.
    pub fn ring(&mut self) {
        self.usage.progress(StatusCode::RINGING);
        self.pump();
    }

    /// Refuses the pending INVITE.
    pub fn reject(&mut self, status: StatusCode, reason: Option<&str>) {
        self.usage.reject(status, reason, &[]);
        self.pump();
    }

    /// Ends the call in the way its state asks for.
    pub fn hang_up(&mut self) {
        self.usage.hang_up();
        self.pump();
    }

    /// Does what an [admitted](InviteUsage::admit) request asks for.
    pub fn handle_admitted(&mut self, now: Instant, transaction: TransactionId, request: Request) {
        let key = match request.method {
            Method::Info if !self.usage.is_terminated() => {
                dtmf_info::read(&request.headers, &request.body)
            }
            _ => None,
        };
        match key {
            Some(Ok((digit, duration))) => {
                self.usage.confirm(transaction, &request);
                let source = DigitSource::Info;
                self.take_digit(
                    now,
                    DigitReport {
                        digit,
                        duration,
                        source,
                    },
                );
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "this INFO is refused");
                self.usage.refuse_malformed(transaction, &request);
            }
            None => self.usage.handle_admitted(transaction, request),
        }
    }

    /// Takes a key that the peer has pressed; the application is told once, whoever tells of it.
    pub fn take_digit(&mut self, now: Instant, report: DigitReport) {
        if self.detects_digits && self.digits.is_new(now, report) {
            let DigitReport {
                digit,
                duration,
                source,
            } = report;
            let event = MediaEvent::Digit {
                digit,
                duration,
                source,
            };
            self.events.push_back(CallEvent::Media(event));
        }
    }

    /// Whether the application wants to be told of keys.
    pub fn detect_digits(&mut self, wanted: bool) {
        self.detects_digits = wanted;
        self.media(MediaCommand::DetectDigits(wanted));
    }

    /// Presses a key for the peer to hear.
    pub fn send_digit(&mut self, digit: Digit, duration: Duration) {
        if self.setup.dtmf.send == DigitSending::Info {
            let body = dtmf_info::write(digit, duration);
            self.usage.send_info(DTMF_RELAY, body.into());
            return self.pump();
        }
        self.media(MediaCommand::SendDigit { digit, duration });
    }

    /// Sends a command to the stream.
    pub fn media(&mut self, command: MediaCommand) {
        if let MediaCommand::Append(_) | MediaCommand::Prepend(_) | MediaCommand::Flush = command {
            self.playlist_version = self.playlist_version.wrapping_add(1);
        }
        self.outputs.push_back(SessionOutput::Media(command));
    }

    /// Has the stream do something in a conference room.
    pub fn in_room(&mut self, room: &Arc<Room>, act: InRoom) {
        if let InRoom::Take(_) | InRoom::Leave = act {
            self.playlist_version = self.playlist_version.wrapping_add(1);
        }
        self.outputs
            .push_back(SessionOutput::InRoom(room.clone(), act));
    }

    /// The latest [`InRoom::Take`] did not come about: the playlist is as it was before.
    pub fn take_failed(&mut self) {
        self.playlist_version = self.playlist_version.wrapping_sub(1);
    }

    /// Changes made to the stream's playlist so far. An end of the playlist that comes with another
    /// version is past: something has been put in, or all taken out, since.
    pub fn playlist_version(&self) -> u32 {
        self.playlist_version
    }

    /// Asks for a prompt in the call's encoding, to be played once or `looped` without end. Before
    /// negotiation: in PCMU.
    pub fn load_prompt(&mut self, file: AudioFile, looped: bool) {
        let encoding = self.encoding.unwrap_or(CodecId::PCMU.into());
        let output = SessionOutput::LoadPrompt {
            file,
            encoding,
            looped,
        };
        self.outputs.push_back(output);
    }

    /// Asks for what is heard to be recorded, at the rate of the call's codec; before negotiation: of
    /// PCMU.
    pub fn record(&mut self, file: AudioFile, options: RecordOptions) {
        let sample_rate = self.codec().unwrap_or(CodecId::PCMU).sample_rate();
        self.outputs.push_back(SessionOutput::Record {
            file,
            options,
            sample_rate,
        });
    }

    /// Any other output.
    pub fn output(&mut self, output: SessionOutput) {
        self.outputs.push_back(output);
    }

    /// The SIP side, to feed it; [`pump`](Self::pump) afterwards.
    pub fn usage_mut(&mut self) -> &mut InviteUsage {
        &mut self.usage
    }

    /// Moves what the SIP side wants and says to outputs and events.
    pub fn pump(&mut self) {
        loop {
            while let Some(command) = self.usage.poll_command() {
                self.outputs.push_back(SessionOutput::Sip(command));
            }
            match self.usage.poll_event() {
                Some(event) => self.on_usage_event(event),
                None => return,
            }
        }
    }

    /// Next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// Next thing the application has to know.
    pub fn poll_event(&mut self) -> Option<CallEvent> {
        self.events.pop_front()
    }

    fn on_usage_event(&mut self, event: UsageEvent) {
        match event {
            UsageEvent::Reinvite { offer, .. } => self.on_reinvite(&offer),
            UsageEvent::Acknowledged { body } => self.on_acknowledged(&body),
            UsageEvent::Progress { response } => {
                let (status, reason) = (response.status, response.reason);
                self.events.push_back(CallEvent::Ringing { status, reason });
            }
            UsageEvent::Answered { response } => {
                let answer = body::part(&response.headers, &response.body, SDP);
                self.on_answer(&answer.unwrap_or_default());
            }
            UsageEvent::Refused { status, reason } => {
                self.events.push_back(CallEvent::Failed { status, reason });
            }
            UsageEvent::NoResponse { status } => {
                self.events.push_back(CallEvent::NoResponse { status });
            }
            UsageEvent::RemoteHangup { headers } => {
                self.events.push_back(CallEvent::Hangup { headers });
            }
            UsageEvent::Cancelled => {
                self.events.push_back(CallEvent::Hangup {
                    headers: String::new(),
                });
            }
            UsageEvent::NoAck => self.events.push_back(CallEvent::NoAck),
            UsageEvent::Ended => {
                self.ended = true;
                self.events.push_back(CallEvent::Ended);
            }
        }
    }

    /// A re-INVITE: hold, resume, another address or codec. Answered at once (RFC 3261 §14.2).
    fn on_reinvite(&mut self, offer: &Bytes) {
        match self.describe(offer) {
            Ok(body) => self.usage.accept(body, &[]),
            Err(error) => {
                tracing::info!(%error, "a new offer was refused, the call goes on as it was");
                self.usage
                    .reject(status_of(&error), None, &warning_of(&error));
            }
        }
    }

    fn on_acknowledged(&mut self, body: &Bytes) {
        if !std::mem::take(&mut self.awaits_answer_in_ack) {
            return;
        }
        match self.negotiation.accept_answer(body) {
            Ok(audio) => {
                self.use_audio(audio);
                self.start();
            }
            Err(error) => {
                tracing::info!(%error, "the ACK brought no usable answer: hanging up");
                self.usage.hang_up();
            }
        }
    }

    fn on_answer(&mut self, answer: &Bytes) {
        match self.negotiation.accept_answer(answer) {
            Ok(audio) => {
                self.use_audio(audio);
                self.start();
            }
            Err(error) => {
                tracing::info!(%error, "the answer is not usable: hanging up");
                self.usage.hang_up();
            }
        }
    }

    /// Our answer to `offer`, or our offer if there is none.
    fn describe(&mut self, offer: &Bytes) -> Result<Bytes, NegotiationError> {
        if offer.is_empty() {
            if self.negotiation.is_offer_open() {
                return Err(NegotiationError::OfferPending);
            }
            let (capabilities, media) = (self.setup.capabilities.clone(), self.setup.media);
            let body = self
                .negotiation
                .offer(&capabilities, media, Direction::SendRecv)?;
            self.awaits_answer_in_ack = true;
            return Ok(body.into());
        }
        let (body, audio) =
            self.negotiation
                .answer(offer, &self.setup.capabilities, self.setup.media)?;
        self.use_audio(audio);
        Ok(body.into())
    }

    /// RFC 3261 §8.2.3: says what would be understood.
    fn refuse_body(&mut self) {
        let accept = [
            (HeaderName::Accept, SDP.to_owned()),
            (HeaderName::AcceptEncoding, "identity".to_owned()),
        ];
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        self.usage.reject(status, None, &accept);
        self.fail(status);
    }

    fn fail(&mut self, status: StatusCode) {
        let reason = status.reason();
        self.events.push_back(CallEvent::Failed { status, reason });
        self.pump();
    }

    fn refuse_offer(&mut self, error: &NegotiationError) {
        tracing::info!(%error, "the offer cannot be accepted");
        let status = status_of(error);
        self.usage.reject(status, None, &warning_of(error));
        self.fail(status);
    }

    fn use_audio(&mut self, audio: NegotiatedAudio) {
        if audio.srtp.is_some() && !self.setup.secure_signalling {
            KEYS_READABLE.call_once(|| {
                tracing::warn!(
                    "keys of SRTP go over signalling that is not encrypted: who reads it can hear the \
                     calls. Use TLS, or set [rtp] srtp_without_tls = false. This is said once"
                );
            });
        }
        if let Some(parameters) = self.stream_parameters(&audio) {
            let MediaFormat { codec, variant, .. } = parameters.send_format;
            let (encoding, _) = Encoding::with_packet_time(codec, variant, parameters.ptime);
            self.encoding = Some(encoding);
            self.media(MediaCommand::Configure(Box::new(parameters)));
        }
        self.audio = Some(audio);
    }

    fn stream_parameters(&self, audio: &NegotiatedAudio) -> Option<StreamParameters> {
        let format = |format: &AudioFormat| media_format(&self.setup.capabilities.codecs, format);
        let dtmf = self.setup.dtmf;
        Some(StreamParameters {
            remote: audio.remote,
            follow_source: audio.remote_name.is_some(),
            source_rule: SourceRule {
                signalling_host: self.setup.signalling_host,
                strict: self.setup.rtp.strict_source,
                asymmetric: self.setup.rtp.asymmetric,
            },
            rtcp: self.setup.rtp.rtcp.then_some(RtcpParameters {
                mux: audio.rtcp_mux,
                remote: audio.remote_rtcp,
            }),
            send: audio.direction.sends(),
            receive: audio.direction.receives(),
            send_format: format(&audio.send)?,
            receive_formats: audio.receive.iter().filter_map(format).collect(),
            telephone_event: audio.telephone_event.as_ref().and_then(event_format),
            receive_events: audio
                .receive_events
                .iter()
                .filter_map(event_format)
                .collect(),
            hear_tones: match dtmf.inband {
                DigitDetection::Off => false,
                DigitDetection::Auto => audio.receive_events.is_empty(),
                DigitDetection::On => true,
            },
            send_tones: match dtmf.send {
                DigitSending::Auto => audio.telephone_event.is_none(),
                DigitSending::Inband => true,
                DigitSending::Rtp | DigitSending::Info => false,
            },
            ptime: audio.ptime,
            rtp_timeout: self.setup.rtp.timeout,
            srtp: audio.srtp.clone(),
        })
    }

    fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.events.push_back(CallEvent::SessionStart);
        }
    }
}

/// Which failure a refused offer is answered with (RFC 3261 §14.2, §21.4.26).
fn status_of(error: &NegotiationError) -> StatusCode {
    match error {
        NegotiationError::Malformed(_) => StatusCode::BAD_REQUEST,
        NegotiationError::OfferPending => StatusCode::REQUEST_PENDING,
        _ => StatusCode::NOT_ACCEPTABLE_HERE,
    }
}

/// What the peer is told besides, where the status alone does not say what to change (RFC 3261 §20.43).
fn warning_of(error: &NegotiationError) -> SmallVec<[(HeaderName, String); 1]> {
    use NegotiationError::{EncryptionOff, KeysInClear, NoUsableKey, NotEncrypted};
    match error {
        // Incompatible transport protocol.
        NotEncrypted | EncryptionOff | KeysInClear | NoUsableKey => {
            let warning = format!("302 muleteer \"{error}\"");
            [(HeaderName::Warning, warning)].into_iter().collect()
        }
        _ => SmallVec::new(),
    }
}

/// The operator is warned once in the life of the process.
static KEYS_READABLE: Once = Once::new();

/// `format` in terms of the media threads; `None` if it is not one of `codecs`.
fn media_format(codecs: &Codecs, format: &AudioFormat) -> Option<MediaFormat> {
    let codec = format.codec(codecs)?;
    Some(MediaFormat {
        payload_type: PayloadType::new(format.payload_type)?,
        codec,
        variant: codec.variant(format.parameters())?,
    })
}

fn event_format(format: &AudioFormat) -> Option<(PayloadType, ClockRate)> {
    let clock_rate = ClockRate::new(format.clock_rate)?;
    Some((PayloadType::new(format.payload_type)?, clock_rate))
}

/// What we offer: these codecs in this order, and telephone events (RFC 4733) for their clock
/// rates. Dynamic payload numbers are given out from 96 on.
pub fn capabilities(codecs: &Codecs) -> Capabilities {
    let mut formats = Vec::new();
    let mut dynamic = 96..=127u8;
    let mut number = |fixed: Option<PayloadType>| match fixed {
        Some(payload_type) => payload_type.get(),
        None => dynamic.next().unwrap_or(127),
    };
    for codec in codecs.iter() {
        formats.push(AudioFormat {
            payload_type: number(codec.static_payload_type()),
            encoding_name: codec.encoding_name().to_owned(),
            clock_rate: codec.clock_rate().get(),
            channels: codec.channels(),
            fmtp: Some(codec.fmtp(None).into_owned()).filter(|fmtp| !fmtp.is_empty()),
        });
    }
    let mut clock_rates: Vec<u32> = codecs
        .iter()
        .map(|codec| codec.clock_rate().get())
        .collect();
    clock_rates.sort_unstable();
    clock_rates.dedup();
    for clock_rate in clock_rates {
        formats.push(AudioFormat {
            payload_type: number(None),
            encoding_name: "telephone-event".to_owned(),
            clock_rate,
            channels: 1,
            fmtp: Some("0-15".to_owned()),
        });
    }
    Capabilities {
        formats,
        codecs: codecs.clone(),
        ptime: Duration::from_millis(20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<const N: usize>(codecs: [CodecId; N]) -> Vec<(u8, String)> {
        let formats = capabilities(&Codecs::new(codecs)).formats;
        let number = |format: AudioFormat| {
            let AudioFormat {
                payload_type,
                encoding_name,
                clock_rate,
                ..
            } = format;
            (payload_type, format!("{encoding_name}/{clock_rate}"))
        };
        formats.into_iter().map(number).collect()
    }

    #[test]
    fn codecs_keep_their_order_and_static_numbers_and_events_follow_by_clock_rate() {
        let expected = [
            (96, "opus/48000"),
            (8, "PCMA/8000"),
            (0, "PCMU/8000"),
            (97, "telephone-event/8000"),
            (98, "telephone-event/48000"),
        ];
        let found = numbers([CodecId::OPUS, CodecId::PCMA, CodecId::PCMU]);
        let found: Vec<_> = found.iter().map(|(n, name)| (*n, name.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn no_two_formats_share_a_number() {
        let mut used: Vec<_> = numbers(CodecId::BUILT_IN)
            .into_iter()
            .map(|f| f.0)
            .collect();
        let all = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), all);
    }

    #[test]
    fn an_offer_that_cannot_be_taken_now_is_no_bad_offer() {
        use NegotiationError::{NotAcceptable, OfferPending};
        assert_eq!(status_of(&OfferPending), StatusCode::REQUEST_PENDING);
        assert_eq!(status_of(&NotAcceptable), StatusCode::NOT_ACCEPTABLE_HERE);
    }
}

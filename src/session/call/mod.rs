//! The call an application works on: its SIP side, its offer and answer, its audio.
//!
//! [`Call`] is what built-in applications and the diagram host share. It turns what an application
//! wants ("answer", "hang up", "play this") into outputs of the session, and what SIP says into
//! [`CallEvent`]s. It knows no application.

mod admission;
mod editors;
mod event;
mod follow;
mod formats;
mod negotiation;
mod referred;
mod replaced;
mod signalling;
mod transfer;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

pub use self::admission::admit;
pub use self::event::{CallEvent, CallStatus, SeenResponse};
pub use self::formats::capabilities;
pub use self::negotiation::Negotiation;
pub use self::referred::MAX_REFERRED;
pub use self::replaced::{MAX_REPLACED, Takeover};

use self::editors::Editors;
use self::formats::{event_format, media_format};
use self::referred::Taken;
use self::transfer::Transfers;
use super::digits::{DigitReport, Digits};
use super::dtmf_info::{self, DTMF_RELAY};
use super::event::{AudioFile, SessionId, SessionOutput};
use super::monitoring::Follow;
use super::room::{InRoom, Room};
use crate::codec::{CodecId, Encoding};
use crate::config::{DigitDetection, DigitSending, Dtmf};
use crate::dsm::RecordOptions;
use crate::dsm::module::Hooks;
use crate::media::{MediaCommand, MediaEvent, MediaFormat, RtcpParameters, StreamParameters};
use crate::rtp::srtp::SrtpSuite;
use crate::rtp::{Digit, DigitSource, SourceRule};
use crate::sdp::{AudioFormat, NegotiatedAudio, SrtpPolicy};
use crate::sip::dialog::capabilities::ReliablePolicy;
use crate::sip::dialog::invite_usage::{Content, InviteUsage, Line};
use crate::sip::dialog::session_timer::SessionTimerSettings;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Method, Request, StatusCode};

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
    /// How long a call that we place may ring.
    pub ring: Duration,
    /// How long a response may be waited for: 64*T1.
    pub give_up: Duration,
    /// How the session is refreshed; None: not at all.
    pub session_timer: Option<SessionTimerSettings>,
    /// Whether provisional responses are reliable.
    pub reliable: ReliablePolicy,
    /// Our name over TLS, as our certificate has it.
    pub name: Option<Arc<str>>,
    /// The session is recorded in the monitoring store; most are not.
    pub follow: Option<Follow>,
}

/// How an application answers a request: status, reason phrase if it is its own, further header lines.
pub type Answer<'a> = (StatusCode, Option<&'a str>, &'a [Line]);

/// See the module's documentation.
#[derive(Debug)]
pub struct Call {
    setup: CallSetup,
    usage: InviteUsage,
    negotiation: Negotiation,
    audio: Option<Arc<NegotiatedAudio>>,
    /// What audio is sent as, once negotiated.
    encoding: Option<Encoding>,
    digits: Digits,
    /// Keys are wanted.
    detects_digits: bool,
    /// Changes made to the stream's playlist.
    playlist_version: u32,
    /// Whether `SessionStart` has been told.
    started: bool,
    /// Whether `EarlySession` has been told.
    is_early_told: bool,
    /// The last provisional response to the caller above 100.
    progress: Option<StatusCode>,
    /// REFERs of ours; most calls have none.
    transfers: Option<Box<Transfers>>,
    /// REFERs of the peer; most calls have none.
    referred: Option<Box<Taken>>,
    /// Dialogs whose place another one has taken, the latest last.
    replaced: Vec<InviteUsage>,
    ended: bool,
    outputs: VecDeque<SessionOutput>,
    events: VecDeque<CallEvent>,
}

impl Call {
    /// A call over `usage`.
    pub fn new(setup: CallSetup, usage: InviteUsage, negotiation: Negotiation) -> Self {
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
            is_early_told: false,
            progress: None,
            transfers: None,
            referred: None,
            replaced: Vec::new(),
            ended: false,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Shows our session descriptions to those modules that hear of them.
    pub fn edit_by(&mut self, hooks: &[&'static dyn Hooks]) {
        let editors = Editors::new(self.setup.id.clone(), hooks);
        self.negotiation.edit_by(editors);
    }

    /// Name of the session.
    pub fn id(&self) -> &SessionId {
        &self.setup.id
    }

    /// The SIP side.
    pub fn usage(&self) -> &InviteUsage {
        &self.usage
    }

    /// Begins the session timer, if there is one, before anything is sent.
    pub fn begin(&mut self, now: Instant) {
        self.usage.begin_turn(now);
        if let Some(settings) = self.setup.session_timer {
            self.usage.set_session_timer(now, settings);
        }
    }

    /// The INVITE that began the call.
    pub fn invite(&self) -> &Request {
        self.usage.invite()
    }

    /// How long an application may work on after a handled hang-up.
    pub fn linger(&self) -> Duration {
        self.setup.linger
    }

    /// How long a call that we place may ring.
    pub fn ring_limit(&self) -> Duration {
        self.setup.ring
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
        self.ended && self.replaced.iter().all(InviteUsage::is_terminated)
    }

    /// How the call stands.
    pub fn status(&self) -> CallStatus {
        let usage = &self.usage;
        if usage.is_terminated() {
            CallStatus::Disconnected
        } else if usage.is_established() {
            CallStatus::Connected
        } else if !usage.is_pending() {
            CallStatus::Disconnecting
        } else if usage.dialog().is_some() {
            CallStatus::Early
        } else {
            CallStatus::Trying
        }
    }

    /// Whether the INVITE of the caller still waits for its answer.
    pub fn is_pending(&self) -> bool {
        self.usage.is_pending()
    }

    /// Does what an [admitted](InviteUsage::admit) request asks for.
    pub fn handle_admitted(&mut self, now: Instant, transaction: TransactionId, request: Request) {
        if let Some(former) = self.former(&request) {
            return former.handle_admitted(transaction, request);
        }
        let key = match request.method {
            Method::Info if !self.usage.is_terminated() => {
                dtmf_info::read(&request.headers, &request.body)
            }
            _ => None,
        };
        match key {
            Some(Ok((digit, duration))) => {
                self.usage.confirm(transaction, request);
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
            None if request.method == Method::Notify && !self.usage.is_terminated() => {
                self.on_notify(now, transaction, &request);
            }
            None => {
                if request.method == Method::Bye {
                    self.close_referred();
                }
                self.usage.handle_admitted(transaction, request);
            }
        }
    }

    /// Answers an [admitted](InviteUsage::admit) request that the application has dealt with.
    pub fn confirm(&mut self, transaction: TransactionId, request: Request) {
        let former = self.former(&request).is_some();
        match former {
            true => self.handle_replaced(transaction, request),
            false => self.usage.confirm(transaction, request),
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
            let body = Content {
                content_type: DTMF_RELAY.to_owned(),
                body: dtmf_info::write(digit, duration).into(),
            };
            if self.send_request(Method::Info, &[], body).is_none() {
                tracing::info!("a key is not sent: no call, or too many wait");
            }
            return;
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
                None => break,
            }
        }
        self.pump_replaced();
    }

    /// Next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// Frees the room of what has been done: most of a call's time nothing is.
    pub fn rest(&mut self) {
        self.outputs.shrink_to_fit();
        self.usage.rest();
    }

    /// Next thing the application has to know.
    pub fn poll_event(&mut self) -> Option<CallEvent> {
        self.events.pop_front()
    }

    fn use_audio(&mut self, audio: Arc<NegotiatedAudio>) {
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
        let format =
            |format: &AudioFormat| media_format(&self.negotiation.capabilities().codecs, format);
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
}

/// The operator is warned once in the life of the process.
static KEYS_READABLE: Once = Once::new();

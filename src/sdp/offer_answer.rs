//! The offer/answer exchange of one dialog (RFC 3264), for one audio stream.

mod agreed;
mod section;

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use self::agreed::Common;
pub(super) use self::agreed::is_unicast;
pub use self::agreed::{MAX_PTIME, MIN_PTIME, NegotiatedAudio};
use self::section::{AudioSection, write_declined};
use super::crypto::CryptoAttribute;
use super::description::{Direction, MediaDescription, SdpError, SessionDescription, Time};
use super::encryption::{Encryption, OfferedKeys, SrtpTerms};
use super::format::AudioFormat;
use super::reader;
use super::write::{write_ip, write_times};
use crate::codec::Codecs;
use crate::decimal::write_number;

/// Room for a usual description.
const TYPICAL_BYTES: usize = 512;
/// Room for what is before the address in the `o=` line, with numbers of up to 20 digits.
const HEAD_BYTES: usize = 52;

/// What our side can do, as the caller configures it.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// The formats we send and receive, in the order of our offers. A `telephone-event` entry for
    /// each clock rate that has one; its `fmtp` lists the events understood. Payload types are the
    /// numbers our offers use; answers use the peer's.
    pub formats: Vec<AudioFormat>,
    /// The codecs behind the formats. An answer lists those that are preferred first, in their
    /// order, then the rest in the order of the offer.
    pub codecs: Codecs,
    /// The packet length of our offers, and to a peer that asks for none.
    pub ptime: Duration,
}

/// Why an exchange failed. The state is then that before the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The body cannot be read: 400.
    #[error("malformed session description")]
    Malformed(#[from] SdpError),
    /// An offer without an audio stream that is in use: 488.
    #[error("no audio stream")]
    NoAudio,
    /// Audio by another profile than those of RTP and SRTP that we have: 488.
    #[error("audio by a transport protocol that is not understood")]
    NoProtocol,
    /// An audio stream without a codec of ours: 488.
    #[error("no audio codec in common")]
    NoCodec,
    /// A later offer that leaves out streams of the session, where it would have to decline them: 488
    /// (RFC 3264 §8).
    #[error("fewer streams than the session had")]
    FewerStreams,
    /// An answer that declines our stream, or makes of it what was not offered.
    #[error("no acceptable audio stream")]
    NotAcceptable,
    /// The peer does not encrypt audio, and our policy asks for it: 488.
    #[error("audio is not encrypted, and it has to be")]
    NotEncrypted,
    /// The peer encrypts audio, and our policy is not to: 488.
    #[error("SRTP is switched off")]
    EncryptionOff,
    /// SRTP is not agreed on over signalling that anyone on the way can read: 488.
    #[error("SRTP keys need signalling by TLS")]
    KeysInClear,
    /// Not one `a=crypto` line that can be used: 488.
    #[error("no SRTP key that can be used")]
    NoUsableKey,
    /// An offer came while ours has no answer: 491 (RFC 3261 §14.2).
    #[error("an offer of ours has no answer yet")]
    OfferPending,
    /// An answer came, and we have no open offer.
    #[error("an answer without an offer")]
    NoOffer,
}

/// The state of the exchanges in one dialog.
///
/// At most one offer is open at a time. Without one, [`OfferAnswer::answer`] and
/// [`OfferAnswer::offer`] may be called; after `offer`, [`OfferAnswer::accept_answer`] or
/// [`OfferAnswer::withdraw_offer`]. An offer of the peer is answered in the call that takes it, so
/// it is never seen open.
#[derive(Debug, Clone)]
pub struct OfferAnswer {
    session_id: u64,
    /// The version of `last_sent`; 0 before the first.
    version: u64,
    /// Our latest description, for its sections and to tell whether the next one is different.
    last_sent: Option<Body>,
    /// Which section of the descriptions is the audio stream.
    audio_index: usize,
    /// The payload types used so far. Their meaning is fixed for the session (RFC 3264 §8.3.2).
    numbers: Vec<AudioFormat>,
    open_offer: Option<OpenOffer>,
    agreed: Option<Arc<NegotiatedAudio>>,
    /// `None`: SRTP is off.
    encryption: Option<Box<Encryption>>,
}

/// The text of a description of ours behind the version in its `o=` line.
#[derive(Clone, PartialEq, Eq)]
struct Body(String);

impl fmt::Debug for Body {
    /// Without the text, which may have keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

/// What an offer of ours said about the audio stream.
#[derive(Debug, Clone)]
struct OpenOffer {
    formats: Vec<AudioFormat>,
    codecs: Codecs,
    direction: Direction,
    ptime: Duration,
    keys: OfferedKeys,
}

/// A section of an offer that is to be used.
struct Selected {
    index: usize,
    common: Common,
    /// The line to answer with SRTP.
    key: Option<CryptoAttribute>,
}

impl OfferAnswer {
    /// Begins without an exchange. `session_id` should be random; its upper two bits are dropped,
    /// since the number must fit 62 bits (RFC 3264 §5).
    pub fn new(session_id: u64) -> Self {
        Self {
            session_id: session_id >> 2,
            version: 0,
            last_sent: None,
            audio_index: 0,
            numbers: Vec::new(),
            open_offer: None,
            agreed: None,
            encryption: None,
        }
    }

    /// The same with SRTP on these terms; without it is off.
    pub fn with_srtp(self, terms: SrtpTerms) -> Self {
        Self {
            encryption: Some(Box::new(Encryption::new(terms))),
            ..self
        }
    }

    /// The state of another dialog of the same call, without an exchange: keys of SRTP that this one has drawn
    /// are not drawn again.
    pub fn anew(&self, session_id: u64, secure_signalling: bool) -> Self {
        let encryption = self.encryption.as_ref();
        let encryption = encryption.map(|one| Box::new(one.anew(secure_signalling)));
        Self {
            encryption,
            ..Self::new(session_id)
        }
    }

    /// Answers an offer: the body to send, and what it means for the stream.
    ///
    /// `local` is our RTP address, which also decides the address family of the answer. The first
    /// RTP audio stream with a common codec is used, one with SRTP before one without, and every other
    /// one declined. A repeated offer that disables the stream in use (port 0) is answered likewise.
    ///
    /// # Errors
    /// Any [`NegotiationError`] but [`NegotiationError::NoOffer`].
    pub fn answer(
        &mut self,
        offer: &[u8],
        capabilities: &Capabilities,
        local: SocketAddr,
    ) -> Result<(String, Arc<NegotiatedAudio>), NegotiationError> {
        if self.open_offer.is_some() {
            return Err(NegotiationError::OfferPending);
        }
        let offer = SessionDescription::parse(offer)?;
        if offer.media.len() < self.lines_sent().count() {
            return Err(NegotiationError::FewerStreams);
        }
        let (agreed, used) = match self.select_stream(&offer, capabilities) {
            Ok(Selected { index, common, key }) => {
                let section = &offer.media[index];
                let mut agreed = self.agree(&offer, section, common, capabilities)?;
                self.audio_index = index;
                self.remember_numbers(agreed.formats());
                let encryption = self.encryption.as_mut();
                let keys = encryption.and_then(|encryption| encryption.answer(key, section));
                let (line, keys) = keys.unzip();
                agreed.srtp = keys.map(Box::new);
                (agreed, Some((index, line)))
            }
            Err(why) => (self.disabled_by(&offer).ok_or(why)?, None),
        };
        let mut body = Body::begin(local.ip(), &offer.times);
        for (index, section) in offer.media.iter().enumerate() {
            match &used {
                Some((used, line)) if *used == index => {
                    let section = AudioSection {
                        media: &section.media,
                        port: local.port(),
                        protocol: &section.protocol,
                        ptime: agreed.ptime,
                        direction: agreed.direction,
                        rtcp_mux: agreed.rtcp_mux,
                        keys: line.as_slice(),
                    };
                    body.add(|out| section.write(out, agreed.formats()));
                }
                _ => body.add(|out| write_declined(out, section)),
            }
        }
        let agreed = Arc::new(agreed);
        self.agreed = Some(agreed.clone());
        Ok((self.publish(body), agreed))
    }

    /// Makes an offer with the audio stream in `direction`. Streams that were declined earlier
    /// stay, declined, and payload types keep their meaning (RFC 3264 §8).
    ///
    /// An offer that is still open is replaced.
    ///
    /// # Errors
    /// [`NegotiationError::KeysInClear`] and [`NegotiationError::EncryptionOff`], if SRTP is required and
    /// cannot be.
    pub fn offer(
        &mut self,
        capabilities: &Capabilities,
        local: SocketAddr,
        direction: Direction,
    ) -> Result<String, NegotiationError> {
        let keys = match &mut self.encryption {
            Some(encryption) => encryption.offer()?,
            None => OfferedKeys::default(),
        };
        let formats = self.numbered(capabilities.formats_to_offer());
        self.remember_numbers(formats.iter());
        let before = self.sections_sent();
        let protocol = profile(before.get(self.audio_index), keys.profiled);
        let audio = AudioSection {
            media: "audio",
            port: local.port(),
            protocol: &protocol,
            ptime: capabilities.ptime,
            direction,
            rtcp_mux: true,
            keys: &keys.lines,
        };
        let mut body = Body::begin(local.ip(), &[Time::default()]);
        for section in before.iter().take(self.audio_index) {
            body.add(|out| write_declined(out, section));
        }
        body.add(|out| audio.write(out, formats.iter()));
        for section in before.iter().skip(self.audio_index + 1) {
            body.add(|out| write_declined(out, section));
        }
        self.open_offer = Some(OpenOffer {
            formats,
            codecs: capabilities.codecs.clone(),
            direction,
            ptime: capabilities.ptime,
            keys,
        });
        Ok(self.publish(body))
    }

    /// Reads the answer to our offer.
    ///
    /// # Errors
    /// [`NegotiationError::NoOffer`], [`NegotiationError::Malformed`] also for an answer that lacks
    /// our stream, [`NegotiationError::NotAcceptable`] for one that declines it or lists none of
    /// our codecs, [`NegotiationError::NoUsableKey`]. The offer is no longer open then.
    pub fn accept_answer(
        &mut self,
        answer: &[u8],
    ) -> Result<Arc<NegotiatedAudio>, NegotiationError> {
        let offered = self.open_offer.take().ok_or(NegotiationError::NoOffer)?;
        let answer = SessionDescription::parse(answer)?;
        let media = answer
            .media
            .get(self.audio_index)
            .ok_or(SdpError::NotMirrored)?;
        if !media.is_rtp_audio() {
            return Err(SdpError::NotMirrored.into());
        }
        let common = Common::of(media.audio_formats(), &offered.formats, &offered.codecs);
        if common.codecs.is_empty() || media.port == 0 {
            return Err(NegotiationError::NotAcceptable);
        }
        let connection = answer.connection_of(media).ok_or(SdpError::NoConnection)?;
        let direction = answer
            .direction_of(media)
            .reversed()
            .within(offered.direction);
        let srtp = match &mut self.encryption {
            Some(encryption) => encryption.accept(&offered.keys, media)?,
            None if media.is_savp() => return Err(NegotiationError::NotAcceptable),
            None => None,
        };
        let agreed = Arc::new(NegotiatedAudio {
            srtp: srtp.map(Box::new),
            ..common.agreed(connection, media, direction, offered.ptime)
        });
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }

    /// Forgets our open offer, because its request failed. What was agreed before holds on.
    pub fn withdraw_offer(&mut self) {
        self.open_offer = None;
    }

    /// What the latest complete exchange agreed on.
    pub fn agreed(&self) -> Option<&Arc<NegotiatedAudio>> {
        self.agreed.as_ref()
    }

    fn agree(
        &self,
        offer: &SessionDescription,
        media: &MediaDescription,
        mut common: Common,
        capabilities: &Capabilities,
    ) -> Result<NegotiatedAudio, SdpError> {
        common
            .codecs
            .sort_by_key(|pair| capabilities.codecs.rank(pair.codec));
        common.number_by_offer();
        let connection = offer.connection_of(media).ok_or(SdpError::NoConnection)?;
        let direction = offer.direction_of(media).reversed();
        Ok(common.agreed(connection, media, direction, capabilities.ptime))
    }

    /// The first stream that can be used, and what it has in common with us: one with SRTP if there is one.
    /// Fails for the reason of the stream that came closest.
    fn select_stream(
        &self,
        offer: &SessionDescription,
        capabilities: &Capabilities,
    ) -> Result<Selected, NegotiationError> {
        let mut selected: Result<Selected, _> = Err(NegotiationError::NoAudio);
        for (index, media) in offer.media.iter().enumerate() {
            match (self.use_of(media, capabilities), &selected) {
                (Ok((common, key @ Some(_))), _) => return Ok(Selected { index, common, key }),
                (Ok((common, key)), Err(_)) => selected = Ok(Selected { index, common, key }),
                (Err(why), Err(before)) if closeness(why) >= closeness(*before) => {
                    selected = Err(why);
                }
                _ => {}
            }
        }
        selected
    }

    /// What a stream has in common with us, and the line to answer it with SRTP.
    fn use_of(
        &self,
        media: &MediaDescription,
        capabilities: &Capabilities,
    ) -> Result<(Common, Option<CryptoAttribute>), NegotiationError> {
        if !media.is_audio() || media.port == 0 {
            return Err(NegotiationError::NoAudio);
        }
        if !media.is_rtp_audio() {
            return Err(NegotiationError::NoProtocol);
        }
        let formats = media.audio_formats();
        let common = Common::of(formats, &capabilities.formats, &capabilities.codecs);
        if common.codecs.is_empty() {
            return Err(NegotiationError::NoCodec);
        }
        let key = match &self.encryption {
            Some(encryption) => encryption.choose(media)?,
            None if media.is_savp() => return Err(NegotiationError::EncryptionOff),
            None => None,
        };
        Ok((common, key))
    }

    /// The sections of our latest description, without their attributes.
    fn sections_sent(&self) -> Vec<MediaDescription> {
        self.lines_sent()
            .filter_map(|line| reader::section(line).ok())
            .collect()
    }

    /// The `m=` lines of our latest description.
    fn lines_sent(&self) -> impl Iterator<Item = &str> {
        let last = self.last_sent.as_ref().map_or("", |last| &last.0);
        last.lines().filter_map(|line| line.strip_prefix("m="))
    }

    /// What holds after an offer that switches the stream in use off by port 0 (RFC 3264 §8.2).
    fn disabled_by(&self, offer: &SessionDescription) -> Option<NegotiatedAudio> {
        let agreed = self.agreed.as_ref()?;
        let media = offer.media.get(self.audio_index)?;
        (media.is_rtp_audio() && media.port == 0).then(|| NegotiatedAudio {
            remote: None,
            remote_name: None,
            remote_rtcp: None,
            direction: Direction::Inactive,
            ..NegotiatedAudio::clone(agreed)
        })
    }

    /// Gives each format a payload type that contradicts none used before in this session.
    fn numbered(&self, mut formats: Vec<AudioFormat>) -> Vec<AudioFormat> {
        let mut taken = self.numbers.clone();
        for format in &mut formats {
            if let Some(known) = taken.iter().find(|known| known.is_same_encoding(format)) {
                format.payload_type = known.payload_type;
                continue;
            }
            let is_free = |number: u8| taken.iter().all(|known| known.payload_type != number);
            if !is_free(format.payload_type) {
                // All 32 dynamic numbers taken takes a peer that renumbers on purpose; the collision
                // then is its own problem.
                let free = (96..128).find(|number| is_free(*number));
                format.payload_type = free.unwrap_or(format.payload_type);
            }
            taken.push(format.clone());
        }
        formats
    }

    fn remember_numbers<'a>(&mut self, formats: impl Iterator<Item = &'a AudioFormat>) {
        for format in formats {
            if !self
                .numbers
                .iter()
                .any(|known| known.payload_type == format.payload_type)
            {
                // A number keeps its meaning, whatever the parameters.
                self.numbers.push(AudioFormat {
                    encoding_name: format.encoding_name.clone(),
                    fmtp: None,
                    ..*format
                });
            }
        }
    }

    /// Completes a description. The version rises if it differs from the last one.
    fn publish(&mut self, mut body: Body) -> String {
        if self.last_sent.as_ref() != Some(&body) {
            self.version += 1;
        }
        let mut text = String::with_capacity(HEAD_BYTES + body.0.len());
        // Writing into a String cannot fail.
        let _ = write_head(&mut text, self.session_id, self.version);
        text.push_str(&body.0);
        // Both stay as long as the call.
        text.shrink_to_fit();
        body.0.shrink_to_fit();
        self.last_sent = Some(body);
        text
    }
}

/// How close a stream that is refused for this came to being used.
fn closeness(why: NegotiationError) -> u8 {
    match why {
        NegotiationError::NoAudio => 0,
        NegotiationError::NoProtocol => 1,
        NegotiationError::NoCodec => 2,
        _ => 3,
    }
}

/// The begin of a description, which its [`Body`] follows.
fn write_head(out: &mut String, session_id: u64, version: u64) -> fmt::Result {
    out.push_str("v=0\r\no=- ");
    write_number(out, session_id)?;
    out.push(' ');
    write_number(out, version)?;
    out.push(' ');
    Ok(())
}

impl Body {
    fn begin(local: IpAddr, times: &[Time]) -> Self {
        let mut body = Self(String::with_capacity(TYPICAL_BYTES));
        body.add(|out| {
            write_ip(out, local)?;
            out.push_str("\r\ns=-\r\nc=");
            write_ip(out, local)?;
            out.push_str("\r\n");
            write_times(out, times)
        });
        body
    }

    fn add(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) {
        // Writing into a String cannot fail.
        let _ = write(&mut self.0);
    }
}

/// The profile of an offer: that of the section that was agreed on, if it has SRTP likewise.
fn profile(last: Option<&MediaDescription>, secure: bool) -> Cow<'static, str> {
    match last.filter(|last| last.is_rtp_audio() && last.is_savp() == secure) {
        Some(last) => last.protocol.clone(),
        None if secure => "RTP/SAVP".into(),
        None => "RTP/AVP".into(),
    }
}

impl Capabilities {
    /// Codecs first.
    fn formats_to_offer(&self) -> Vec<AudioFormat> {
        let mut formats = self.formats.clone();
        formats.sort_by_key(AudioFormat::is_telephone_event);
        formats
    }
}

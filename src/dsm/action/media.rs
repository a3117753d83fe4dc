//! Media: what is connected, what is received, DTMF.

use super::{Done, Outcome, Then, perform};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::{Exception, HostAction};
use crate::dsm::registry::{Kind, Separator, Signature, may, need, plain, takes};
use crate::rtp::EVENT_QUEUE;

/// How long a DTMF event is sent if the script does not say, in milliseconds.
const DTMF_MILLISECONDS: u32 = 500;
/// Keys of one sequence: as many as wait to be sent at a time.
const MAX_KEYS: usize = EVENT_QUEUE;

pub const SIGNATURES: &[Signature] = &[
    plain(
        "setInOutPlaylist",
        |_, _| perform(HostAction::SetInOutPlaylist),
        "Playlist as input and output.",
    ),
    plain(
        "setInputPlaylist",
        |_, _| perform(HostAction::SetInputPlaylist),
        "Playlist as input.",
    ),
    plain(
        "setOutputPlaylist",
        |_, _| perform(HostAction::SetOutputPlaylist),
        "Playlist as output.",
    ),
    plain(
        "connectMedia",
        |_, _| perform(HostAction::ConnectMedia),
        "Starts media with the playlist.",
    ),
    plain(
        "disconnectMedia",
        |_, _| perform(HostAction::DisconnectMedia),
        "Stops media.",
    ),
    plain(
        "mute",
        |_, _| perform(HostAction::SetMuted(true)),
        "Stops sending RTP.",
    ),
    plain(
        "unmute",
        |_, _| perform(HostAction::SetMuted(false)),
        "Sends RTP again.",
    ),
    plain(
        "enableReceiving",
        |_, _| perform(HostAction::SetReceiving(true)),
        "Processes received RTP.",
    ),
    plain(
        "disableReceiving",
        |_, _| perform(HostAction::SetReceiving(false)),
        "Ignores received RTP.",
    ),
    plain(
        "enableForceDTMFReceiving",
        |_, _| perform(HostAction::SetForceDtmfReceiving(true)),
        "Processes telephone events even when not receiving.",
    ),
    plain(
        "disableForceDTMFReceiving",
        |_, _| perform(HostAction::SetForceDtmfReceiving(false)),
        "Processes telephone events only when receiving.",
    ),
    plain(
        "enableDTMFDetection",
        |_, _| perform(HostAction::SetDtmfDetection(true)),
        "Raises 'key'.",
    ),
    plain(
        "disableDTMFDetection",
        |_, _| perform(HostAction::SetDtmfDetection(false)),
        "Does not raise 'key'.",
    ),
    takes(
        "monitorRTPTimeout",
        Separator::None,
        &[need("watch", Kind::Value)],
        |a, s| perform(HostAction::MonitorRtpTimeout(a.flag(0, s))),
        "Watches for RTP timeout or not.",
    ),
    takes(
        "sendDTMF",
        Separator::Commas(2),
        &[need("event", Kind::Value), may("milliseconds", Kind::Value)],
        send_dtmf,
        "Sends an event code 0..15; 10 is star, 11 hash.",
    )
    .throws(&["core #cause"]),
    takes(
        "sendDTMFSequence",
        Separator::Commas(2),
        &[need("keys", Kind::Value), may("milliseconds", Kind::Value)],
        send_dtmf_sequence,
        "Sends the keys 0-9 * # A-D one after the other, 256 at most. Other characters are left out, and logged.",
    )
    .throws(&["core #cause"]),
];

fn send_dtmf(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let milliseconds = duration(arguments, scope)?;
    match arguments.unsigned(0, scope) {
        Some(event @ 0..=15) => perform(HostAction::SendDtmf {
            events: vec![event as u8],
            milliseconds,
        }),
        _ => Err(Exception::core("a DTMF event is a number from 0 to 15")),
    }
}

fn send_dtmf_sequence(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let milliseconds = duration(arguments, scope)?;
    let keys = arguments.text(0, scope);
    let events: Vec<u8> = keys
        .chars()
        .filter_map(event_code)
        .take(MAX_KEYS + 1)
        .collect();
    if events.len() > MAX_KEYS {
        return Err(Exception::core(format!("more than {MAX_KEYS} keys")));
    }
    let action = HostAction::SendDtmf {
        events,
        milliseconds,
    };
    match keys.chars().find(|key| event_code(*key).is_none()) {
        None => perform(action),
        Some(other) => Ok(Outcome::PerformDespite(
            format!("{other:?} is no key and is left out"),
            action,
            Then::Nothing,
        )),
    }
}

fn duration(arguments: &Arguments<'_>, scope: &Scope<'_>) -> Result<u32, Exception> {
    if !arguments.is_written(1) {
        return Ok(DTMF_MILLISECONDS);
    }
    let duration = arguments.unsigned(1, scope);
    duration
        .filter(|milliseconds| *milliseconds > 0)
        .ok_or_else(|| Exception::core("the duration of a key is a number from 1"))
}

/// RFC 4733 event codes; `E` and `F` are no keys but the original takes them.
fn event_code(key: char) -> Option<u8> {
    match key {
        '0'..='9' => Some(key as u8 - b'0'),
        '*' => Some(10),
        '#' => Some(11),
        'A'..='F' => Some(key as u8 - b'A' + 12),
        _ => None,
    }
}

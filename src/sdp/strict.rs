//! A second reader: sdp-rs, which takes what RFC 8866 §9 writes and nothing else.
//!
//! Our own reader forgives what phones do; it reads every description of a call. What we send has to be
//! read by peers that forgive nothing, so what modules make of our descriptions is shown to this one first.
//! It stops in silence at a line that is out of order, so what it has read is compared with what is there. It
//! panics on large numbers in `r=` and `z=` lines, of which a description of ours has none.

use super::SessionDescription;

/// Whether a peer that reads by the letter of the RFC reads all of a description, and reads it as we do.
pub fn is_strict(text: &str) -> bool {
    let has_repeats = text
        .lines()
        .any(|line| line.starts_with("r=") || line.starts_with("z="));
    if has_repeats || !text.ends_with("\r\n") {
        return false;
    }
    let Ok(ours) = SessionDescription::parse(text.as_bytes()) else {
        return false;
    };
    let Ok(theirs) = sdp_rs::SessionDescription::try_from(text.to_owned()) else {
        return false;
    };
    let sections = ours.media.iter().zip(&theirs.media_descriptions);
    ours.media.len() == theirs.media_descriptions.len()
        && ours.attributes.len() == theirs.attributes.len()
        && ours.times.len() == theirs.times.len()
        && ours.connection.is_some() == theirs.connection.is_some()
        && sections.into_iter().all(|(ours, theirs)| {
            ours.media == theirs.media.media.to_string()
                && ours.port == theirs.media.port
                && ours.protocol == theirs.media.proto.to_string()
                && ours.attributes.len() == theirs.attributes.len()
                && ours.connection.iter().count() == theirs.connections.len()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 111 0\r\na=rtpmap:111 opus/48000/2\r\na=sendrecv\r\n";

    #[test]
    fn what_we_write_is_read_by_the_letter() {
        assert!(is_strict(OURS));
    }

    #[test]
    fn what_only_a_forgiving_peer_reads_is_found() {
        for text in [
            OURS.trim_end().to_owned(),
            OURS.replace("s=-\r\n", ""),
            OURS.replace("v=0\r\n", ""),
            OURS.replace("m=audio", "a=x\r\nb=AS:64\r\nm=audio"),
            OURS.replace("t=0 0\r\n", "t=0 0\r\nr=99999999999999999999d 1h 0\r\n"),
            OURS.replace("IN IP4 192.0.2.1", "IN IP4 host.example.org"),
            "no description".to_owned(),
            String::new(),
        ] {
            assert!(!is_strict(&text), "{text}");
        }
    }
}

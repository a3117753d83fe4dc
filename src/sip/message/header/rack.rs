//! RAck and RSeq (RFC 3262 §7).

use std::fmt;

use super::CSeq;
use super::cseq::number_and_blank;
use crate::sip::message::SyntaxError;
use crate::sip::message::lex::Cursor;

/// `RAck = response-num LWS CSeq-num LWS Method`: which provisional response a PRACK acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RAck {
    /// RSeq of the response.
    pub response: u32,
    /// CSeq of the response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads the value of a RAck header.
    ///
    /// # Errors
    /// A number does not fit 32 bits, or a part is missing.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let response = number_and_blank(&mut cursor)?;
        let cseq = CSeq::read(&mut cursor)?;
        Ok(Self { response, cseq })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.response, self.cseq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Method;

    #[test]
    fn rfc3262_7_2_a_rack_names_response_and_request() {
        let rack = RAck::parse(" 776656 1 INVITE ").unwrap();
        assert_eq!((rack.response, rack.cseq.number), (776_656, 1));
        assert_eq!(rack.cseq.method, Method::Invite);
        assert_eq!(RAck::parse(&rack.to_string()), Ok(rack));
        for wrong in [
            "",
            "1",
            "1 2",
            "x 2 INVITE",
            "1 x INVITE",
            "4294967296 1 INVITE",
            "1 2 INVITE x",
        ] {
            assert!(RAck::parse(wrong).is_err(), "{wrong}");
        }
        let at = |text| RAck::parse(text).unwrap_err().offset;
        assert_eq!((at("1 x INVITE"), at(" 1 2 INVITE x")), (2, 12));
    }
}

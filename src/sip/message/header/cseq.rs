//! CSeq (RFC 3261 §20.16).

use std::fmt;

use crate::decimal::write_number;
use crate::sip::message::lex::{Cursor, is_blank, is_token};
use crate::sip::message::{Method, SyntaxError};

/// `CSeq = 1*DIGIT LWS Method`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads the value of a CSeq header.
    ///
    /// # Errors
    /// The number does not fit 32 bits, or number or method is missing.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Self::read(&mut Cursor::new(text))
    }

    /// Reads it from here to the end.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let number = number_and_blank(cursor)?;
        let missing = cursor.error("method");
        let method = Method::parse(cursor.take_while(is_token)).ok_or(missing)?;
        cursor.end("end of CSeq")?;
        Ok(Self { number, method })
    }
}

/// `1*DIGIT LWS`, a number of 32 bits.
pub(super) fn number_and_blank(cursor: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    cursor.skip_blanks();
    let wrong = cursor.error("number below 2^32");
    let digits = cursor.take_while(|b| b.is_ascii_digit());
    let number = digits.parse().map_err(|_| wrong)?;
    cursor.take_some(is_blank, "blank")?;
    Ok(number)
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_number(f, self.number.into())?;
        f.write_str(" ")?;
        f.write_str(self.method.as_str())
    }
}

//! Headers that a URI brings along behind its question mark (RFC 3261 §19.1.1).

use super::lex::percent_decode;
use super::{HeaderName, Headers, SipUri};

impl SipUri {
    /// The headers that stand behind the question mark, escapes resolved (RFC 3261 §19.1.1). What has no
    /// name or is no header, and the `body`, are left out. Which of them may be used in a request is for the
    /// caller to know (§19.1.5).
    pub fn embedded_headers(&self) -> Headers {
        let mut headers = Headers::new();
        for field in self.headers.as_deref().unwrap_or_default().split('&') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            match HeaderName::parse(&percent_decode(name)) {
                Some(HeaderName::Other(name)) if name.eq_ignore_ascii_case("body") => {}
                Some(name) => headers.push(name, percent_decode(value)),
                None => {}
            }
        }
        headers
    }

    /// Adds a header behind the question mark, with escapes where they are needed.
    pub fn embed_header(&mut self, name: &HeaderName, value: &str) {
        let headers = self.headers.get_or_insert_default();
        if !headers.is_empty() {
            headers.push('&');
        }
        headers.push_str(name.as_str());
        headers.push('=');
        for byte in value.bytes() {
            match byte {
                b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => {
                    headers.push(byte.into());
                }
                _ if byte.is_ascii_alphanumeric() => headers.push(byte.into()),
                _ => headers.push_str(&format!("%{byte:02X}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Uri;

    #[test]
    fn embedded_headers_come_back_as_they_were_embedded() {
        let mut uri = SipUri::new(Some("carol"), std::net::IpAddr::from([127, 0, 0, 1]), None);
        uri.embed_header(&HeaderName::Replaces, "a@b;to-tag=1;from-tag=2");
        uri.embed_header(&HeaderName::Subject, "caf\u{e9} & more");
        let text = uri.to_string();
        let Ok(Uri::Sip(read)) = Uri::parse(&text) else {
            panic!("{text}");
        };
        let headers = read.embedded_headers();
        assert_eq!(headers.replaces().unwrap().unwrap().to_tag, "1");
        assert_eq!(
            headers.text(&HeaderName::Subject).unwrap(),
            "caf\u{e9} & more"
        );
    }

    #[test]
    fn an_embedded_header_cannot_bring_a_second_line() {
        let uri = Uri::parse("sip:a@b?Subject=x%0D%0AVia:%20y&body=z&=1&&%20=2").unwrap();
        let headers = uri.as_sip().unwrap().embedded_headers();
        assert_eq!(headers.to_string(), "Subject: x Via: y\r\n");
    }
}

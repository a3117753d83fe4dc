//! Names of documents: URIs of the protocol to paths and back.

use std::str::FromStr;

use lsp_types::Uri;

/// The path a URI names, without `.` and `..`; for what is no file, the URI itself.
pub fn path_of(uri: &Uri) -> String {
    let text = uri.as_str();
    let Some(rest) = text.strip_prefix("file://") else {
        return text.to_owned();
    };
    // A host before the path is this machine's.
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    normal(&String::from_utf8_lossy(&decoded(path)))
}

/// The URI of a path; `None` for a path that cannot be one.
pub fn uri_of(path: &str) -> Option<Uri> {
    if !path.starts_with('/') {
        return Uri::from_str(path).ok();
    }
    let mut text = String::from("file://");
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                text.push(byte as char);
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    Uri::from_str(&text).ok()
}

/// A path without `.`, `..` and doubled slashes.
pub fn normal(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3);
        let hex = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let value = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match value {
            Some(value) if bytes[at] == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_the_way_there_and_back() {
        for path in ["/a/b.dsm", "/with blank/é%20#?.dsm", "/"] {
            assert_eq!(path_of(&uri_of(path).unwrap()), path);
        }
        let untitled = Uri::from_str("untitled:Untitled-1").unwrap();
        assert_eq!(path_of(&untitled), "untitled:Untitled-1");
        assert_eq!(uri_of("untitled:Untitled-1"), Some(untitled));
    }

    #[test]
    fn one_file_has_one_path() {
        let path = |text| path_of(&Uri::from_str(text).unwrap());
        assert_eq!(path("file:///a/./b/../c.dsm"), "/a/c.dsm");
        assert_eq!(path("file://localhost/a/c%2Edsm"), "/a/c.dsm");
        assert_eq!(path("file:///a/100%25.dsm"), "/a/100%.dsm");
    }
}

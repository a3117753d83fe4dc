//! `mod_uri`: the parts of addresses, headers of the INVITE, percent-encoding.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Done, Outcome, remove_prefix, succeed};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::Errno;
use crate::dsm::registry::{Kind, Module, Parameter, Separator, Signature, may, need, row, takes};
use crate::dsm::value::{TooManyValues, Values};
use crate::sip::message::{HeaderName, NameAddr, Params, Uri, first_element};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_uri";

/// The variable with the headers of the INVITE.
const HEADERS: &str = "hdrs";
const PREFIX: Parameter = need("prefix", Kind::NamePrefix);
const CODED: &[Parameter] = &[need("variable", Kind::Name), need("value", Kind::Value)];

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES)
}

const SIGNATURES: &[Signature] = &[
    row(
        "uri.parse",
        &[need("uri", Kind::Value), PREFIX],
        parse,
        "Sets the parts of a sip, sips or tel URI: PREFIXscheme, PREFIXuser, PREFIXhost, PREFIXport, \
         PREFIXparam, PREFIXparam.NAME, PREFIXheaders; of one in brackets also PREFIXdisplay_name.",
    )
    .errno(&["general"]),
    row(
        "uri.parseNameaddr",
        &[need("address", Kind::Value), PREFIX],
        parse_address,
        "The same of the first address of a header, with PREFIXdisplay_name; the parameters behind the \
         brackets are PREFIXuri_param.NAME and PREFIXhdr_param.NAME.",
    )
    .errno(&["general"]),
    row(
        "uri.getHeader",
        &[
            need("name", Kind::Value),
            need("variable", Kind::NameValue),
            may("index", Kind::Value),
        ],
        get_header,
        "A header of the INVITE that came in, into the variable of that name; empty without one. The index \
         counts its lines from 0; * is all, with commas between them.",
    )
    .errno(&[]),
    takes(
        "uri.encode",
        Separator::Equals,
        CODED,
        encode,
        "Assigns a text in which % and two digits stand for all but letters, digits, '-', '_', '.' and '~'.",
    ),
    takes(
        "uri.decode",
        Separator::Equals,
        CODED,
        decode,
        "Assigns a text with what % and two digits stand for; %% is one %.",
    ),
];

fn parse(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(0, scope);
    let address = match text.contains('<') {
        true => NameAddr::parse(first_element(&text)).ok(),
        false => Uri::parse(text.trim()).map(NameAddr::new).ok(),
    };
    assign(arguments, scope, address, false)
}

fn parse_address(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(0, scope);
    let first = first_element(&text);
    // One with headers needs brackets; without them there are no parameters of its header.
    let bare = |_| Uri::parse(first).map(NameAddr::new);
    let address = NameAddr::parse(first).or_else(bare);
    assign(arguments, scope, address.ok(), true)
}

/// Sets the parts of an address; `of_header` says whether it has parameters of its own.
fn assign(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    address: Option<NameAddr>,
    of_header: bool,
) -> Done {
    let known = address
        .as_ref()
        .and_then(|address| Some((address, Parts::of(&address.uri)?)));
    let Some((address, parts)) = known else {
        let text = "this is neither a sip, sips nor tel URI";
        return Ok(Outcome::Fail(Errno::GENERAL, text.to_owned()));
    };
    let prefix = arguments.variable_name(1, scope);
    let display = address.display.as_deref().unwrap_or_default();
    let mut groups = vec![("param", parts.params)];
    if of_header {
        groups.extend([
            ("uri_param", &address.params),
            ("hdr_param", &address.params),
        ]);
    }
    for group in ["param", "uri_param", "hdr_param"] {
        remove_prefix(&format!("{prefix}{group}."), scope);
    }
    let mut set = |name: &str, value: &str| scope.variables.set(&format!("{prefix}{name}"), value);
    set("scheme", parts.scheme)?;
    set("user", parts.user)?;
    set("host", &parts.host)?;
    set("port", &parts.port)?;
    set("headers", parts.headers)?;
    set("display_name", display)?;
    set("param", parts.params.to_string().trim_start_matches(';'))?;
    for (group, params) in groups {
        set_params(&format!("{prefix}{group}."), params, scope.variables)?;
    }
    succeed(scope)
}

/// What a URI consists of.
struct Parts<'a> {
    scheme: &'static str,
    user: &'a str,
    host: String,
    port: String,
    params: &'a Params,
    headers: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` for a URI that nobody can be called by.
    fn of(uri: &'a Uri) -> Option<Self> {
        Some(match uri {
            Uri::Sip(uri) => Self {
                scheme: if uri.secure { "sips" } else { "sip" },
                user: uri.user.as_deref().unwrap_or_default(),
                host: uri.host.to_string(),
                port: uri.port.map(|port| port.to_string()).unwrap_or_default(),
                params: &uri.params,
                headers: uri.headers.as_deref().unwrap_or_default(),
            },
            Uri::Tel(uri) => Self {
                scheme: "tel",
                user: &uri.number,
                host: String::new(),
                port: String::new(),
                params: &uri.params,
                headers: "",
            },
            Uri::Other { .. } => return None,
        })
    }
}

/// Sets a variable for each parameter, under its name as written and in lower case.
fn set_params(prefix: &str, params: &Params, variables: &mut Values) -> Result<(), TooManyValues> {
    for (name, _) in params.iter() {
        let value = params.unquoted(name).unwrap_or_default();
        variables.set(&format!("{prefix}{name}"), value.as_ref())?;
        variables.set(&format!("{prefix}{}", name.to_ascii_lowercase()), value)?;
    }
    Ok(())
}

fn get_header(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let name = arguments.text(0, scope);
    let block = scope.variables.get(HEADERS).unwrap_or("");
    scope.spend(block.len());
    let mut values = lines(block, name.trim());
    if values.is_empty() {
        values = scope.host.headers(name.trim());
    }
    let index = arguments.text(2, scope);
    let value = match index.trim() {
        "*" => values.join(", "),
        "" => values.into_iter().next().unwrap_or_default(),
        index => {
            let index = index.parse().unwrap_or(usize::MAX);
            values.into_iter().nth(index).unwrap_or_default()
        }
    };
    let variable = arguments.variable_name(1, scope);
    scope.variables.set(&variable, value)?;
    succeed(scope)
}

/// The values of a header in a block of header lines, one a line of its own; a line that begins with a blank
/// goes on with the one above.
fn lines(block: &str, name: &str) -> Vec<String> {
    let Some(wanted) = HeaderName::parse(name.as_bytes()) else {
        return Vec::new();
    };
    let mut values: Vec<String> = Vec::new();
    let mut is_wanted = false;
    for line in block.split(['\r', '\n']).filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = values.last_mut().filter(|_| is_wanted) {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        is_wanted = HeaderName::parse(name.trim_end().as_bytes()).as_ref() == Some(&wanted);
        if is_wanted {
            values.push(value.trim().to_owned());
        }
    }
    values
}

/// What stands for itself in an encoded text.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn encode(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(1, scope);
    let encoded = utf8_percent_encode(&text, ENCODED).to_string();
    scope.variables.set(arguments.name(0), encoded)?;
    Ok(Outcome::Next)
}

fn decode(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(1, scope);
    scope.variables.set(arguments.name(0), decoded(&text))?;
    Ok(Outcome::Next)
}

/// A text without percent-encoding: `%%` is `%`, and `%` with two characters that are no digits is dropped.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let behind = &rest[at + 1..];
        if let Some(behind) = behind.strip_prefix('%') {
            bytes.push(b'%');
            rest = behind;
            continue;
        }
        let end = behind
            .char_indices()
            .nth(2)
            .map_or(behind.len(), |(end, _)| end);
        let (digits, behind) = behind.split_at(end);
        let is_hex = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        bytes.extend(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex));
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_whatever_way_they_are_written() {
        let block =
            "X-Foo:  a b \r\nSubject: one\r\n two\r\n\tthree\r\nx-foo:c\nBroken\ns: four\r\n\r\n";
        assert_eq!(lines(block, "x-FOO"), ["a b", "c"]);
        assert_eq!(lines(block, "Subject"), ["one two three", "four"]);
        assert_eq!(lines(block, "s"), ["one two three", "four"]);
        assert_eq!(lines(block, "broken"), [""]);
        assert!(lines(block, "X-None").is_empty() && lines(block, "X Foo").is_empty());
        assert!(lines(" folded: nothing\r\n", "folded").is_empty());
    }

    #[test]
    fn what_is_no_sequence_is_dropped() {
        for (text, expected) in [
            ("a%20b%%c+d", "a b%c+d"),
            ("%C3%BC", "ü"),
            ("%zz%4", ""),
            ("100% sure", "100ure"),
            ("%+1x", "x"),
            ("%üüx", "x"),
            ("%", ""),
            ("%ff", "\u{FFFD}"),
        ] {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }
}

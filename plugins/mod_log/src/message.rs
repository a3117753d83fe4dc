//! How a message is written: for the socket of this machine as its programs do, for other machines as
//! RFC 5424 says.

/// The longest text of a message, in bytes. What is longer is cut.
pub const MAX_TEXT: usize = 4 << 10;

/// The names of the facilities, in the order of their numbers (RFC 5424 section 6.2.1).
pub const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// The names of the severities, in the order of their numbers.
const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];
/// What the levels 0 to 3 of `log` are among them.
const LEVELS: [u8; 4] = [3, 4, 6, 7];

/// The number of a facility.
pub fn facility(name: &str) -> Option<u8> {
    let place = FACILITIES.iter().position(|known| *known == name);
    place.and_then(|place| place.try_into().ok())
}

/// The number of a severity, by its name or by a level of `log`.
pub fn severity(text: &str) -> Option<u8> {
    if let Ok(level) = text.parse::<usize>() {
        return Some(LEVELS[level.min(LEVELS.len() - 1)]);
    }
    let name = match text {
        "error" => "err",
        "warn" => "warning",
        other => other,
    };
    let place = SEVERITIES.iter().position(|known| *known == name);
    place.and_then(|place| place.try_into().ok())
}

/// Who writes.
#[derive(Debug)]
pub struct Sender {
    /// Name of the program.
    pub ident: String,
    /// Name of this machine.
    pub host: String,
    /// Number of the process.
    pub process: u32,
}

impl Sender {
    /// A message for the socket of this machine.
    pub fn local(&self, facility: u8, severity: u8, text: &str) -> String {
        let (ident, process) = (&self.ident, self.process);
        let text = one_line(text);
        format!(
            "<{}>{ident}[{process}]: {text}",
            priority(facility, severity)
        )
    }

    /// A message for another machine (RFC 5424). `time` is that of RFC 3339.
    pub fn remote(&self, facility: u8, severity: u8, time: &str, text: &str) -> String {
        let (ident, host, process) = (&self.ident, &self.host, self.process);
        let (priority, text) = (priority(facility, severity), one_line(text));
        format!("<{priority}>1 {time} {host} {ident} {process} - - {text}")
    }
}

fn priority(facility: u8, severity: u8) -> u8 {
    facility * 8 + severity
}

/// The text without what would begin a new line or tell a terminal something: what a caller writes into
/// a header does not become an entry of its own.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars() {
        if line.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        match c {
            c if c.is_control() => line.push_str(&format!("#{:03o}", u32::from(c))),
            c => line.push(c),
        }
    }
    line
}

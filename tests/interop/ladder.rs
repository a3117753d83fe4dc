//! SIPp scenarios out of ladders, the short notation that `flows/README.md` explains.

use std::collections::BTreeSet;
use std::fmt::Write;

use muleteer::sip::message::StatusCode;

/// What SIPp is to be started with.
pub struct Scenario {
    pub xml: String,
    /// Whether repeated messages are events like others, and SIPp repeats nothing by itself.
    pub repeats: bool,
}

/// Makes the scenario of a ladder.
pub fn scenario(ladder: &str) -> Scenario {
    let steps = Step::read_all(ladder);
    let mut writer = Writer::new(&steps);
    steps.iter().for_each(|step| writer.step(step));
    writer.finish()
}

#[derive(Debug)]
struct Step<'a> {
    verb: &'a str,
    words: Vec<&'a str>,
    /// The indented lines behind it: a sign, and what it is about.
    details: Vec<(&'a str, &'a str)>,
}

impl<'a> Step<'a> {
    fn read_all(ladder: &'a str) -> Vec<Self> {
        let mut steps: Vec<Self> = Vec::new();
        let is_empty = |line: &str| line.trim().is_empty() || line.starts_with('#');
        for line in ladder.lines().filter(|line| !is_empty(line)) {
            if let Some(detail) = line.strip_prefix("  ") {
                let (sign, rest) = detail.split_once(' ').unwrap_or((detail, ""));
                let step = steps.last_mut().expect("a step before its details");
                step.details.push((sign, rest));
            } else {
                let mut words = line.split_whitespace();
                let verb = words.next().expect("a line that is not empty");
                let (words, details) = (words.collect(), Vec::new());
                steps.push(Self {
                    verb,
                    words,
                    details,
                });
            }
        }
        steps
    }

    /// The value of a word `name=value`.
    fn value(&self, name: &str) -> Option<&'a str> {
        let mut words = self.words.iter();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn details(&self, sign: &str) -> impl Iterator<Item = &'a str> {
        let of_sign = self.details.iter().filter(move |(own, _)| *own == sign);
        of_sign.map(|(_, rest)| *rest)
    }
}

struct Writer {
    xml: String,
    is_caller: bool,
    repeats: bool,
    variables: BTreeSet<String>,
    /// Number of the transaction that a request begins, and that of the last INVITE.
    branch: u32,
    invite_branch: u32,
    cseq: u32,
    invite_cseq: u32,
    /// Method of the last request of each side.
    sent: String,
    got: String,
    /// Last status of an INVITE of ours, and whether we accepted one.
    invite_status: u16,
    accepted: bool,
    /// The last message that was sent.
    last: String,
}

impl Writer {
    fn new(steps: &[Step]) -> Self {
        let is_message = |step: &&Step| matches!(step.verb, ">" | "<");
        let first = steps.iter().find(is_message).expect("a message");
        let is_caller = first.verb == ">";
        Self {
            xml: String::new(),
            is_caller,
            repeats: steps.iter().any(|step| step.verb == "repeats"),
            variables: BTreeSet::new(),
            branch: 0,
            invite_branch: 0,
            // Each side counts its own.
            cseq: if is_caller { 0 } else { 100 },
            invite_cseq: 0,
            sent: String::new(),
            got: String::new(),
            invite_status: 0,
            accepted: false,
            last: String::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        let number = |word: &str| word.parse::<u16>().ok();
        match (step.verb, step.words.first()) {
            ("repeats", None) => {}
            ("wait", Some(ms)) => writeln!(self.xml, "<pause milliseconds=\"{ms}\"/>").unwrap(),
            (">", Some(&"again")) => self.send(false),
            (">", Some(word)) => match number(word) {
                Some(code) => self.response(step, code),
                None => self.request(step, word),
            },
            ("<", Some(word)) => match number(word) {
                Some(code) => self.expect_response(step, code),
                None => self.expect_request(step, word),
            },
            _ => panic!("no step: {step:?}"),
        }
    }

    fn request(&mut self, step: &Step, method: &str) {
        // CANCEL and the ACK of a failure belong to the transaction of their INVITE.
        let of_invite = method == "CANCEL" || method == "ACK" && self.invite_status >= 300;
        let (branch, cseq) = self.number(step, method, of_invite);
        let is_new = step.has("new");
        let in_dialog = !of_invite && (!self.is_caller || self.invite_status > 100);
        let uri = match in_dialog && !is_new {
            true => "[next_url]",
            false => "sip:[service]@[remote_ip]:[remote_port]",
        };
        let (from, to) = match self.is_caller {
            true => (
                "<sip:sipp@[local_ip]:[local_port]>",
                "<sip:[service]@[remote_ip]:[remote_port]>",
            ),
            false => ("[$own]", "[$peer]"),
        };
        let to_tag = match self.is_caller && method != "CANCEL" && !is_new {
            true => "[peer_tag_param]",
            false => "",
        };
        let headers = [
            (
                "Via",
                format!(
                    "SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[local_port]-[call_number]-{branch};rport"
                ),
            ),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("{from}{}", own_tag(step))),
            ("To", format!("{to}{to_tag}")),
            ("Call-ID", "[call_id]".to_owned()),
            ("CSeq", format!("{cseq} {method}")),
            ("Contact", CONTACT.to_owned()),
        ];
        self.message(step, &format!("{method} {uri} SIP/2.0"), &headers);
        self.send(method != "ACK");
        if method == "INVITE" {
            self.invite_status = 0;
            if self.is_caller {
                let trying = "<recv response=\"100\" optional=\"true\"/>\n";
                self.xml.push_str(trying);
            }
        }
        if method != "ACK" {
            self.sent = method.to_owned();
        }
    }

    /// Number of the transaction, and CSeq number, of a request.
    fn number(&mut self, step: &Step, method: &str, of_invite: bool) -> (u32, u32) {
        if !of_invite {
            self.branch += 1;
        }
        let is_counted = !matches!(method, "ACK" | "CANCEL");
        self.cseq += u32::from(is_counted);
        if let Some(cseq) = step.value("cseq") {
            self.cseq = cseq.parse().expect("a CSeq number");
        }
        if method == "INVITE" {
            (self.invite_branch, self.invite_cseq) = (self.branch, self.cseq);
        }
        let branch = if of_invite {
            self.invite_branch
        } else {
            self.branch
        };
        let cseq = if is_counted {
            self.cseq
        } else {
            self.invite_cseq
        };
        (branch, cseq)
    }

    fn response(&mut self, step: &Step, code: u16) {
        let method = step.words.get(1).filter(|word| is_method(word));
        let method = method.map_or_else(|| self.got.clone(), |word| (*word).to_owned());
        let begins = matches!(&*method, "INVITE" | "CANCEL" | "REGISTER" | "OPTIONS");
        let is_new = begins && !self.is_caller && !self.accepted && code > 100;
        // The answer of a second fork is one to the first INVITE, which had no tag.
        let is_fork = method == "INVITE" && step.value("tag").is_some();
        let tag = match is_new || is_fork {
            true => own_tag(step),
            false => String::new(),
        };
        let kept = |name: &str| format!("[${method}_{name}]");
        let headers = [
            ("Via", kept("via")),
            ("From", kept("from")),
            ("To", kept("to") + &tag),
            ("Call-ID", "[call_id]".to_owned()),
            ("CSeq", kept("cseq")),
            ("Contact", CONTACT.to_owned()),
        ];
        let status = StatusCode::new(code).expect("a status");
        let line = format!("SIP/2.0 {code} {}", status.reason());
        self.message(step, &line, &headers);
        self.send(method == "INVITE" && code >= 200);
        self.accepted |= method == "INVITE" && (200..300).contains(&code);
    }

    /// Puts a message together, `+` headers in the place of others of their name, without those of `-`.
    fn message(&mut self, step: &Step, start_line: &str, headers: &[(&str, String)]) {
        let more: Vec<&str> = step.details("+").collect();
        let replaced = |name: &str| {
            let is_it = |line: &&str| line.split(':').next() == Some(name);
            more.iter().any(is_it) || step.details("-").any(|gone| gone == name)
        };
        let mut text = format!("{start_line}\n");
        for (name, value) in headers.iter().filter(|(name, _)| !replaced(name)) {
            writeln!(text, "{name}: {value}").unwrap();
        }
        for line in &more {
            writeln!(text, "{line}").unwrap();
        }
        let mut body: String = step.details("|").map(|line| format!("{line}\n")).collect();
        if let Some(word) = step.words.iter().find(|word| word.starts_with("sdp")) {
            body = description(word, self.cseq);
            text.push_str("Content-Type: application/sdp\n");
        }
        writeln!(text, "Content-Length: [len]\n\n{body}").unwrap();
        self.last = text;
    }

    /// Sends the last message.
    fn send(&mut self, repeat: bool) {
        let repeat = match repeat && !self.repeats {
            true => " retrans=\"500\"",
            false => "",
        };
        let text = &self.last;
        writeln!(self.xml, "<send{repeat}><![CDATA[\n{text}]]></send>").unwrap();
    }

    fn expect_response(&mut self, step: &Step, code: u16) {
        let method = step.words.get(1).filter(|word| is_method(word));
        let method = method.map_or_else(|| self.sent.clone(), |word| (*word).to_owned());
        let mut attributes = format!("response=\"{code}\"");
        if method == "INVITE" && code > 100 {
            self.invite_status = code;
            if code < 300 {
                attributes.push_str(" rrs=\"true\"");
            }
        }
        self.expect(step, &attributes, &[check("CSeq", &format!("{method}$"))]);
    }

    fn expect_request(&mut self, step: &Step, method: &str) {
        let keep = |header: &str, name: &str| {
            format!(
                "<ereg regexp=\".*\" search_in=\"hdr\" header=\"{header}:\" assign_to=\"{name}\"/>"
            )
        };
        let mut actions = Vec::new();
        if self.got.is_empty() && !self.is_caller {
            actions.extend([keep("To", "own"), keep("From", "peer")]);
            self.variables.extend(["own".to_owned(), "peer".to_owned()]);
        }
        for header in ["Via", "From", "To", "CSeq"] {
            let name = format!("{method}_{}", header.to_lowercase());
            actions.push(keep(header, &name));
            self.variables.insert(name);
        }
        if method != "ACK" {
            self.got = method.to_owned();
        }
        let rrs = if method == "INVITE" {
            " rrs=\"true\""
        } else {
            ""
        };
        let attributes = format!("request=\"{method}\"{rrs}");
        self.expect(step, &attributes, &actions);
    }

    fn expect(&mut self, step: &Step, attributes: &str, more: &[String]) {
        let mut actions = more.to_vec();
        for (sign, rest) in &step.details {
            actions.push(match *sign {
                "~" => search(rest, "check_it=\"true\""),
                "!~" => search(rest, "check_it_inverse=\"true\""),
                "=" => {
                    let (name, rest) = rest.split_once(' ').expect("a name and a header");
                    let (header, pattern) = rest.split_once(' ').expect("a header and a pattern");
                    self.variables.insert(name.to_owned());
                    format!(
                        "<ereg regexp=\"{}\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"{name}\"/>",
                        escaped(pattern)
                    )
                }
                _ => panic!("no detail of a message that is received: {sign}"),
            });
        }
        let actions = actions.join("\n");
        writeln!(
            self.xml,
            "<recv {attributes}><action>\n{actions}\n</action></recv>"
        )
        .unwrap();
    }

    fn finish(mut self) -> Scenario {
        if self.xml.contains("\"checked\"") {
            self.variables.insert("checked".to_owned());
        }
        let names: Vec<_> = self.variables.into_iter().collect();
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n\
             <scenario name=\"ladder\">\n{}<Reference variables=\"{}\"/>\n</scenario>\n",
            self.xml,
            names.join(",")
        );
        Scenario {
            xml,
            repeats: self.repeats,
        }
    }
}

const CONTACT: &str = "<sip:sipp@[local_ip]:[local_port];transport=[transport]>";

fn is_method(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The tag of SIPp's side: its own, or that of a fork.
fn own_tag(step: &Step) -> String {
    let fork = step.value("tag").unwrap_or_default();
    format!(";tag=[pid]-[call_number]{fork}")
}

/// `sdp`, with `:DIRECTION` or `@PORT` behind it: PCMA and telephone events.
fn description(word: &str, version: u32) -> String {
    let (word, port) = word.split_once('@').unwrap_or((word, "[media_port]"));
    let direction = word
        .split_once(':')
        .map_or("sendrecv", |(_, direction)| direction);
    format!(
        "v=0\no=sipp 1 {version} IN IP[local_ip_type] [local_ip]\ns=-\n\
         c=IN IP[media_ip_type] [media_ip]\nt=0 0\nm=audio {port} RTP/AVP 8 101\n\
         a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na={direction}\n"
    )
}

fn check(header: &str, pattern: &str) -> String {
    format!(
        "<ereg regexp=\"{}\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"checked\"/>",
        escaped(pattern)
    )
}

fn search(pattern: &str, how: &str) -> String {
    format!(
        "<ereg regexp=\"{}\" search_in=\"msg\" {how} assign_to=\"checked\"/>",
        escaped(pattern)
    )
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

//! From the tree to the canonical layout.

use super::tree::{Bit, Bits, Entry, Line, Node, Part, Transition};

/// A line that is longer is broken where the language allows it.
const WIDTH: usize = 100;
const INDENT: usize = 2;

/// Lays out a whole file.
pub fn print(entries: &[Entry<'_>], line_end: &'static str) -> String {
    let mut printer = Printer {
        out: String::new(),
        line_end,
        at: At::LineStart,
    };
    let mut before = Shape::Nothing;
    for (index, entry) in entries.iter().enumerate() {
        if let Node::Line(Line::Trailing(_)) = entry.node {
            printer.entry(entry, 0);
            continue;
        }
        let shape = shape(entry);
        let wanted = match before {
            Shape::Nothing => false,
            _ if entry.blank => true,
            Shape::Comment => false,
            Shape::Long => true,
            Shape::Short => introduces_long(&entries[index..]),
        };
        if wanted {
            printer.blank_line();
        }
        printer.entry(entry, 0);
        before = shape;
    }
    printer.finish()
}

/// What decides about blank lines between declarations.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Nothing,
    /// A comment line, which belongs to what follows.
    Comment,
    /// A declaration of one line.
    Short,
    /// A declaration of several lines.
    Long,
}

fn shape(entry: &Entry<'_>) -> Shape {
    match &entry.node {
        Node::Line(Line::Own(text)) if text.starts_with("#include") => Shape::Short,
        Node::Line(_) => Shape::Comment,
        // A file of statements is laid out like the list it belongs to.
        Node::Call(_) | Node::Blocks(_) => Shape::Short,
        Node::Function(_) => Shape::Long,
        Node::State { lists, .. } if !lists.is_empty() => Shape::Long,
        Node::State { .. } => Shape::Short,
        Node::Transition(transition) => match one_line(transition) {
            Some(_) => Shape::Short,
            None => Shape::Long,
        },
    }
}

/// Whether these entries begin with comments, none of them behind a blank line, and then a
/// declaration of several lines.
fn introduces_long(entries: &[Entry<'_>]) -> bool {
    let belongs = |(index, entry): &(usize, &Entry<'_>)| *index == 0 || !entry.blank;
    let together = entries.iter().enumerate().take_while(belongs);
    let mut shapes = together.map(|(_, entry)| shape(entry));
    shapes.find(|shape| *shape != Shape::Comment) == Some(Shape::Long)
}

/// The whole transition, if it is short and simple.
fn one_line(transition: &Transition<'_>) -> Option<String> {
    let head = words(&transition.head)?;
    let rest = condition_to_target(transition)?;
    let line = format!("{head} {rest}");
    fits(&line, 0).then_some(line)
}

/// `- conditions / action; -> target;` of a transition with one action or none.
fn condition_to_target(transition: &Transition<'_>) -> Option<String> {
    let mut line = String::new();
    if !transition.conditions.is_empty() {
        line = format!("- {} ", words(&transition.conditions)?);
    }
    match &transition.actions[..] {
        [] => {}
        [
            Entry {
                node: Node::Call(call),
                ..
            },
        ] => line += &format!("/ {call}; "),
        _ => return None,
    }
    line += &words(&transition.target)?;
    line.push(';');
    Some(line)
}

/// The words with blanks between them; `None` if there is a comment among them.
fn words(bits: &Bits<'_>) -> Option<String> {
    let word = |bit: &Bit<'_>| match bit {
        Bit::Word(word) => Some(word.to_string()),
        Bit::Line(_) => None,
    };
    let words: Option<Vec<String>> = bits.iter().map(word).collect();
    words.map(|words| words.join(" "))
}

fn fits(line: &str, indent: usize) -> bool {
    !line.contains('\n') && indent + line.chars().count() <= WIDTH
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    LineStart,
    InLine,
    /// A line is complete; a comment may still be put behind it.
    LineEnd,
}

struct Printer {
    out: String,
    line_end: &'static str,
    at: At,
}

impl Printer {
    fn finish(mut self) -> String {
        if self.at != At::LineStart {
            self.out.push_str(self.line_end);
        }
        self.out
    }

    fn entries(&mut self, entries: &[Entry<'_>], indent: usize) {
        for (index, entry) in entries.iter().enumerate() {
            if entry.blank && index > 0 {
                self.blank_line();
            }
            self.entry(entry, indent);
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, indent: usize) {
        match &entry.node {
            Node::Line(line) => return self.line(*line, indent),
            Node::Call(call) => {
                self.word(call, indent);
                self.out.push(';');
            }
            Node::Function(part) => {
                self.part(part, indent);
                self.out.push(';');
            }
            Node::State { head, lists } => {
                self.bits(head, indent, INDENT);
                if !lists.is_empty() {
                    self.at = At::LineEnd;
                    self.entries(lists, indent + INDENT);
                }
                self.out.push(';');
            }
            Node::Transition(transition) => {
                self.transition(transition);
                self.out.push(';');
            }
            Node::Blocks(parts) => {
                for part in parts {
                    self.part(part, indent);
                }
            }
        }
        self.at = At::LineEnd;
    }

    /// A head, and its list in braces. Conditions that do not fit on one line get one each.
    fn part(&mut self, part: &Part<'_>, indent: usize) {
        match words(&part.head) {
            Some(head) if part.head.len() > 2 && !fits(&format!("{head} {{"), indent) => {
                self.conditions(&part.head, indent, indent + 2 * INDENT);
            }
            _ => self.bits(&part.head, indent, 2 * INDENT),
        }
        self.body(&part.body, indent);
    }

    fn body(&mut self, body: &[Entry<'_>], indent: usize) {
        self.word("{", indent);
        if !body.is_empty() {
            self.at = At::LineEnd;
            self.entries(body, indent + INDENT);
            self.at = At::LineEnd;
            self.word("}", indent);
        } else {
            self.out.push('}');
        }
    }

    fn transition(&mut self, transition: &Transition<'_>) {
        if let Some(line) = one_line(transition) {
            return self.word(line.trim_end_matches(';'), 0);
        }
        let Transition {
            head,
            conditions,
            actions,
            target,
        } = transition;
        let opens = match conditions.is_empty() {
            true => Some("/ {".to_owned()),
            false => words(conditions).map(|conditions| format!("- {conditions} / {{")),
        };
        self.bits(head, 0, INDENT);
        if let Some(rest) = condition_to_target(transition).filter(|rest| fits(rest, INDENT)) {
            self.at = At::LineEnd;
            return self.word(rest.trim_end_matches(';'), INDENT);
        }
        let on_one_line = !actions.is_empty()
            && words(head)
                .zip(opens.as_ref())
                .is_some_and(|(head, opens)| fits(&format!("{head} {opens}"), 0));
        let indent = if on_one_line { 0 } else { INDENT };
        if !on_one_line {
            self.at = At::LineEnd;
        }
        if !conditions.is_empty() {
            self.word("-", indent);
            match opens {
                Some(opens) if fits(&opens, indent) => self.bits(conditions, indent, INDENT),
                _ => {
                    self.conditions(conditions, indent + INDENT, indent + INDENT);
                    self.at = At::LineEnd;
                }
            }
        }
        if !actions.is_empty() {
            self.word("/", indent);
            self.body(actions, indent);
        }
        self.bits(target, indent, INDENT);
    }

    /// Conditions, one a line.
    fn conditions(&mut self, bits: &Bits<'_>, indent: usize, inner: usize) {
        for (index, bit) in bits.iter().enumerate() {
            let first = if index == 0 { indent } else { inner };
            self.bit(bit, first);
            if matches!(bit, Bit::Word(word) if word.ends_with(';')) {
                self.at = At::LineEnd;
            }
        }
    }

    /// Words on one line; what follows a comment is on the next, `deeper` than the first.
    fn bits(&mut self, bits: &Bits<'_>, indent: usize, deeper: usize) {
        for (index, bit) in bits.iter().enumerate() {
            let first = bits[..index].iter().all(|bit| matches!(bit, Bit::Line(_)));
            self.bit(bit, if first { indent } else { indent + deeper });
        }
    }

    fn bit(&mut self, bit: &Bit<'_>, indent: usize) {
        match bit {
            Bit::Word(word) => self.word(word, indent),
            Bit::Line(line) => self.line(*line, indent),
        }
    }

    fn word(&mut self, word: &str, indent: usize) {
        match self.at {
            At::LineEnd => {
                self.out.push_str(self.line_end);
                self.indent(indent);
            }
            At::LineStart => self.indent(indent),
            At::InLine => self.out.push(' '),
        }
        self.out.push_str(word);
        self.at = At::InLine;
    }

    fn line(&mut self, line: Line<'_>, indent: usize) {
        match line {
            Line::Own(text) => {
                if self.at == At::InLine {
                    self.at = At::LineEnd;
                }
                self.word(text, indent);
            }
            Line::Trailing(text) => {
                self.out.push(' ');
                self.out.push_str(text);
            }
        }
        self.at = At::LineEnd;
    }

    fn blank_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push_str(self.line_end);
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }
}

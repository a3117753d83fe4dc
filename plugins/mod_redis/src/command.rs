//! The text of a command: split first, as the command line of Redis does, and its references replaced
//! afterwards. So a value is always one argument, whatever it holds.

use redis::Cmd;

/// The most arguments of a command.
const MAX_ARGUMENTS: usize = 1_000;

/// The arguments of a command, with references as written.
///
/// # Errors
/// What is wrong with the text.
pub fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut arguments = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (argument, behind) = match first {
            '"' | '\'' => quoted(&rest[1..], first)?,
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !behind.is_empty() && !behind.starts_with(char::is_whitespace) {
            return Err("behind a quoted argument comes a blank");
        }
        arguments.push(argument);
        rest = behind.trim_start();
    }
    match arguments.len() {
        0 => Err("the command is empty"),
        1..=MAX_ARGUMENTS => Ok(arguments),
        _ => Err("a command has at most 1000 arguments"),
    }
}

/// The text up to the closing quote, and what is behind it. A backslash in front of a quote, a backslash
/// and the letters n, r, t is read as on the command line; in front of a reference it stays.
fn quoted(text: &str, quote: char) -> Result<(String, &str), &'static str> {
    let mut argument = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((argument, &text[at + c.len_utf8()..])),
            '\\' => match chars.next() {
                Some((_, c)) if c == quote || c == '\\' => argument.push(c),
                Some((_, 'n')) if quote == '"' => argument.push('\n'),
                Some((_, 'r')) if quote == '"' => argument.push('\r'),
                Some((_, 't')) if quote == '"' => argument.push('\t'),
                Some((_, other)) => argument.extend(['\\', other]),
                None => break,
            },
            c => argument.push(c),
        }
    }
    Err("a quote is open")
}

/// The command of these arguments.
pub fn command(arguments: &[String]) -> Cmd {
    let mut command = Cmd::new();
    for argument in arguments {
        command.arg(argument.as_bytes());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_as_on_the_command_line() {
        for (text, arguments) in [
            ("get k", vec!["get", "k"]),
            ("  set  k\t$v ", vec!["set", "k", "$v"]),
            (r#"set k "a b""#, vec!["set", "k", "a b"]),
            (r#"set "" 'it''s'"#, vec![]),
            (r#"set k 'a "b"'"#, vec!["set", "k", r#"a "b""#]),
            (r#"set k "a\n\"b\"\\""#, vec!["set", "k", "a\n\"b\"\\"]),
            (r#"set k "\$x""#, vec!["set", "k", r"\$x"]),
            (r#"set k """#, vec!["set", "k", ""]),
            (r#"set k "open"#, vec![]),
            (r#"set k "open\"#, vec![]),
            (r#"set "a"b c"#, vec![]),
            ("", vec![]),
        ] {
            assert_eq!(split(text).unwrap_or_default(), arguments, "{text}");
        }
    }
}

//! Actions that play, and those that name what these play.

use super::count::{CountRule, MAX_COUNT};
use super::{Done, Outcome, Then, bad_argument, store_array, succeed};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::{FileChoice, HostAction, Ringtone};
use crate::dsm::value::{natural, unsigned};

/// Characters of a word that is spelt. All of them go to the media thread at once, which others need too.
const MAX_SPELT: usize = 100;

pub fn play_count(arguments: &Arguments<'_>, scope: &mut Scope<'_>, rule: &CountRule) -> Done {
    let Some(words) = words(arguments, scope, rule) else {
        return no_number();
    };
    let folder = arguments.text(1, scope);
    let files = words.iter().map(|word| FileChoice {
        path: format!("{folder}{word}.wav"),
        otherwise: None,
    });
    play(files.collect())
}

pub fn get_count(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    rule: &CountRule,
    suffix: &str,
) -> Done {
    let Some(words) = words(arguments, scope, rule) else {
        return no_number();
    };
    let folder = arguments.owned(1, scope);
    let names = words.iter().map(|word| format!("{folder}{word}{suffix}"));
    store_array("count_file", names, scope)?;
    succeed(scope)
}

pub fn spell(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let word = arguments.text(0, scope);
    if word.chars().nth(MAX_SPELT).is_some() {
        return bad_argument(format!(
            "a word that is spelt has at most {MAX_SPELT} characters"
        ));
    }
    let folder = arguments.text(1, scope);
    scope.spend(word.len() * (folder.len() + 1));
    let file = |name: &str| format!("{folder}{name}.wav");
    let files = word.chars().map(|character| FileChoice {
        path: file(character.encode_utf8(&mut [0; 4])),
        otherwise: match character {
            '*' => Some(file("star")),
            '#' => Some(file("hash")),
            _ => None,
        },
    });
    play(files.collect())
}

const MAX_HERTZ: u32 = Ringtone::MAX_HERTZ as u32;

pub fn ring_tone(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let mut wrong = Vec::new();
    let mut number = |index: usize, name: &'static str, default: u32, most: u32| {
        let text = arguments.text(index, scope);
        if text.trim().is_empty() {
            return i64::from(default);
        }
        let number = unsigned(&text).filter(|number| *number <= most);
        if number.is_none() {
            wrong.push(name);
        }
        number.unwrap_or(default).into()
    };
    let tone = Ringtone {
        length: number(0, "length", 0, u32::MAX),
        on: number(1, "on", 2000, u32::MAX),
        off: number(2, "off", 4000, u32::MAX),
        f: number(3, "f", 440, MAX_HERTZ),
        f2: number(4, "f2", 480, MAX_HERTZ),
        front: false,
    };
    let action = HostAction::PlayRingtone(tone);
    if wrong.is_empty() {
        return Ok(Outcome::Perform(action, Then::Nothing));
    }
    let text = format!(
        "{} of a ring tone is no number, or too large",
        wrong.join(" and ")
    );
    Ok(Outcome::PerformDespite(text, action, Then::Nothing))
}

fn play(files: Vec<FileChoice>) -> Done {
    Ok(Outcome::Perform(
        HostAction::PlayFiles(files),
        Then::ClearFailure,
    ))
}

/// The words of the first argument, if it is a number that can be said.
fn words(arguments: &Arguments<'_>, scope: &Scope<'_>, rule: &CountRule) -> Option<Vec<String>> {
    let number = natural(&arguments.text(0, scope))?;
    Some(rule.words(number))
}

fn no_number() -> Done {
    bad_argument(format!(
        "what is counted is a whole number from 0 to {MAX_COUNT}"
    ))
}

//! `mod_utils`: numbers and words as prompts, arithmetic, texts, JSON.

mod arithmetic;
mod count;
mod json;
mod sound;
mod text;

use super::{Done, Outcome, Then, bad_argument, store_array, succeed};
use crate::dsm::condition::ValueCondition;
use crate::dsm::registry::{
    Kind, Module, Parameter, Separator, Signature, may, need, plain, row, takes,
};

const NAME: &str = "mod_utils";

const VARIABLE: Parameter = need("variable", Kind::Name);
const VALUE: Parameter = need("value", Kind::Value);
const FOLDER: Parameter = may("folder", Kind::Value);
const NUMBER: &[Parameter] = &[need("number", Kind::Value), FOLDER];
const SUM: &[Parameter] = &[VARIABLE, need("number", Kind::Value)];
const FILE_THROWS: &[&str] = &["file #path"];
const COUNT_FILES: &[&str] = &["$count_file[n]"];

/// The module.
pub fn module() -> Module {
    let module = Module::new(NAME).signatures(SIGNATURES);
    CONDITIONS.iter().fold(module, Module::values)
}

/// Its conditions.
pub static CONDITIONS: [ValueCondition; 2] = [
    ValueCondition {
        name: "utils.isInList",
        parameters: ["key", "list"],
        doc: "Whether the key is one of the items of a list with commas; blanks around an item do not \
              count. A list that is written needs quotes.",
        holds: text::is_in_list,
    },
    ValueCondition {
        name: "utils.startsWith",
        parameters: ["text", "prefix"],
        doc: "Whether the text begins with the prefix; with an empty one each does.",
        holds: |text, prefix| text.starts_with(prefix),
    },
];

/// An action that queues the files of a number.
const fn plays(name: &'static str, run: super::Run, doc: &'static str) -> Signature {
    row(name, NUMBER, run, doc)
        .errno(&["arg"])
        .throws(FILE_THROWS)
}

/// An action that names the files of a number.
const fn names(name: &'static str, run: super::Run, doc: &'static str) -> Signature {
    row(name, NUMBER, run, doc)
        .errno(&["arg"])
        .sets(COUNT_FILES)
}

const SIGNATURES: &[Signature] = &[
    plays(
        "utils.playCountRight",
        |a, s| sound::play_count(a, s, &count::RIGHT),
        "Plays a number up to 9999999999, units behind tens as in English. Its files are 0.wav to 20.wav, \
         tens, x1.wav to x9.wav for units behind tens, hundreds, thousands and so on; the folder, with \
         its slash, stands before each.",
    ),
    plays(
        "utils.playCountLeft",
        |a, s| sound::play_count(a, s, &count::LEFT),
        "The same with units before tens, as in German.",
    ),
    names(
        "utils.getCountRight",
        |a, s| sound::get_count(a, s, &count::RIGHT, ".wav"),
        "The files that utils.playCountRight plays.",
    ),
    names(
        "utils.getCountLeft",
        |a, s| sound::get_count(a, s, &count::LEFT, ".wav"),
        "The files that utils.playCountLeft plays.",
    ),
    names(
        "utils.getCountRightNoSuffix",
        |a, s| sound::get_count(a, s, &count::RIGHT, ""),
        "The same as utils.getCountRight without '.wav', for playPrompt.",
    ),
    names(
        "utils.getCountLeftNoSuffix",
        |a, s| sound::get_count(a, s, &count::LEFT, ""),
        "The same as utils.getCountLeft without '.wav', for playPrompt.",
    ),
    row(
        "utils.spell",
        &[need("word", Kind::Value), FOLDER],
        sound::spell,
        "Plays a file for each character of a word, such as 3.wav; * and # may also be star.wav and \
         hash.wav. The folder, with its slash, stands before each.",
    )
    .errno(&["arg"])
    .throws(FILE_THROWS),
    takes(
        "utils.playRingTone",
        // One more than there are, to notice it.
        Separator::OuterCommas(6),
        &[
            need("length", Kind::Value),
            may("on", Kind::Value),
            may("off", Kind::Value),
            may("f", Kind::Value),
            may("f2", Kind::Value),
        ],
        sound::ring_tone,
        "Plays a ring tone for this many milliseconds, 0 for ever: on and off in milliseconds (2000 and \
         4000), one or two frequencies in hertz (440 and 480; 0 is none).",
    ),
    row(
        "utils.getNewId",
        &[need("variable", Kind::NameValue)],
        arithmetic::new_id,
        "A text that nobody else has, into the variable of that name.",
    ),
    row(
        "utils.rand",
        &[need("variable", Kind::NameValue), may("modulo", Kind::Value)],
        arithmetic::rand,
        "A random number from 0 to 2147483647, or below the modulo, into the variable of that name.",
    ),
    plain(
        "utils.srand",
        |_, _| Ok(Outcome::Next),
        "Does nothing: numbers are always random.",
    ),
    row(
        "utils.add",
        SUM,
        |a, s| arithmetic::sum(a, s, |left, right| left + right),
        "Adds a number, which may have a fraction.",
    ),
    row(
        "utils.sub",
        SUM,
        |a, s| arithmetic::sum(a, s, |left, right| left - right),
        "Subtracts a number, which may have a fraction.",
    ),
    row(
        "utils.mul",
        SUM,
        arithmetic::product,
        "Multiplies the integer parts of both.",
    ),
    row(
        "utils.int",
        SUM,
        arithmetic::integer_part,
        "Assigns the integer part of a number.",
    ),
    row(
        "utils.md5",
        &[VARIABLE, VALUE],
        text::md5,
        "Assigns the MD5 digest of a text in hexadecimal digits.",
    ),
    row(
        "utils.replace",
        &[VARIABLE, need("search=>replacement", Kind::Replacement)],
        text::replace,
        "Replaces a text in a variable wherever it is. Each side is literal, or $NAME.",
    )
    .errno(&["arg"]),
    row(
        "utils.splitStringCR",
        &[need("text", Kind::Value), may("array", Kind::Name)],
        text::split_lines,
        "Makes an array of the lines of a text; without a name for it that of the variable with the text.",
    )
    .errno(&["arg"]),
    row(
        "utils.splitString",
        &[VARIABLE, may("separator", Kind::Value)],
        text::split,
        "Makes an array of the parts between the separators in a variable, under its name; without a \
         separator, of its characters.",
    )
    .errno(&["arg"]),
    row(
        "utils.decodeJson",
        &[need("text", Kind::Value), VARIABLE],
        json::decode,
        "Makes variables of JSON: .NAME for members, [n] for elements.",
    )
    .errno(&["arg"]),
    row(
        "utils.escapeCRLF",
        &[VARIABLE],
        |a, s| text::exchange(a, s, "\r\n", "\\r\\n"),
        "Makes the four characters \\r\\n of each line break (CR LF) in a variable.",
    ),
    row(
        "utils.unescapeCRLF",
        &[VARIABLE],
        |a, s| text::exchange(a, s, "\\r\\n", "\r\n"),
        "Makes a line break (CR LF) of each four characters \\r\\n in a variable.",
    ),
];

#[cfg(test)]
mod tests;

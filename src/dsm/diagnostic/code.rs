//! The table of codes. A row is everything there is to know about a code: adding one means adding a
//! row here and its page `docs/diagnostics/NAME.md`.

use super::Severity;
use crate::suggest::closest;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name as printed, such as `unknown-action`.
    pub name: &'static str,
    /// Its usual severity.
    pub severity: Severity,
    /// What it means, one sentence.
    pub summary: &'static str,
    /// Its page, as Markdown.
    pub page: &'static str,
}

impl Code {
    /// The code of this name.
    pub fn find(name: &str) -> Option<&'static Code> {
        ALL.iter().find(|code| code.name == name)
    }

    /// The code whose name resembles `name` most.
    pub fn nearest(name: &str) -> Option<&'static str> {
        closest(name, ALL.iter().map(|code| code.name))
    }
}

/// Makes a constant of each row, and [`ALL`] of all: a constant cannot be forgotten in a list, nor a
/// code be without its page.
macro_rules! codes {
    ($(#[doc = $summary:literal] $constant:ident = $severity:ident $name:literal;)*) => {
        $(
            #[doc = $summary]
            pub const $constant: Code = Code {
                name: $name,
                severity: Severity::$severity,
                summary: $summary.trim_ascii(),
                page: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/docs/diagnostics/",
                    $name,
                    ".md"
                )),
            };
        )*

        /// Every code, in the order of the table.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    /// A quote is never closed.
    UNTERMINATED_QUOTE = Error "unterminated-quote";
    /// A parenthesis is never closed.
    UNTERMINATED_PAREN = Error "unterminated-paren";
    /// A brace is never closed.
    UNTERMINATED_BLOCK = Error "unterminated-block";
    /// Text is glued behind a closing quote.
    TEXT_AFTER_QUOTE = Error "text-after-quote";
    /// Something else has to stand here.
    UNEXPECTED_TOKEN = Error "unexpected-token";
    /// Blocks are nested too deeply.
    NESTING_TOO_DEEP = Error "nesting-too-deep";
    /// Inlined functions make too many actions.
    PROGRAM_TOO_LARGE = Error "program-too-large";
    /// The text with all includes is too long.
    SOURCE_TOO_LARGE = Error "source-too-large";
    /// The file cannot be read.
    FILE_NOT_FOUND = Error "file-not-found";
    /// The file is no text.
    NOT_TEXT = Error "not-text";
    /// The file is not UTF-8 and is read as Latin-1.
    NOT_UTF8 = Note "not-utf8";
    /// An included file cannot be read.
    INCLUDE_NOT_FOUND = Error "include-not-found";
    /// A file includes itself.
    INCLUDE_CYCLE = Error "include-cycle";
    /// Includes are nested too deeply.
    INCLUDE_TOO_DEEP = Error "include-too-deep";
    /// No such module.
    UNKNOWN_MODULE = Error "unknown-module";
    /// No such action.
    UNKNOWN_ACTION = Error "unknown-action";
    /// No such condition.
    UNKNOWN_CONDITION = Error "unknown-condition";
    /// A transition leaves a state that is nowhere declared.
    UNKNOWN_SOURCE_STATE = Error "unknown-source-state";
    /// The header of a `for` cannot be read.
    BAD_FOR_HEADER = Error "bad-for-header";
    /// A function has no name with parentheses.
    BAD_FUNCTION_HEADER = Error "bad-function-header";
    /// An `else` does not follow an `if`.
    ELSE_WITHOUT_IF = Error "else-without-if";
    /// Words that do not belong to the transition.
    JUNK_IN_TRANSITION = Error "junk-in-transition";
    /// A transition names no target.
    MISSING_TARGET = Error "missing-target";
    /// An argument the action needs is missing; it does nothing.
    MISSING_ARGUMENT = Warning "missing-argument";
    /// An action that counts its arguments gets too many.
    SURPLUS_ARGUMENT = Error "surplus-argument";
    /// A module cannot use an argument.
    REFUSED_ARGUMENT = Error "refused-argument";
    /// An option of an action is unknown or has a wrong value; the action throws.
    BAD_OPTION = Warning "bad-option";
    /// `range` takes one or two bounds; the loop never iterates.
    BAD_RANGE = Warning "bad-range";
    /// The diagram cannot be started, called or jumped to.
    NO_INITIAL_STATE = Warning "no-initial-state";
    /// A declaration is not ended by `;`.
    MISSING_SEMICOLON = Warning "missing-semicolon";
    /// A transition names no source state.
    MISSING_SOURCE = Warning "missing-source";
    /// The target is nowhere declared: the state will stay.
    UNDECLARED_STATE = Warning "undeclared-state";
    /// No diagram of that name.
    UNKNOWN_DIAGRAM = Warning "unknown-diagram";
    /// The first state of that name is used.
    DUPLICATE_STATE = Warning "duplicate-state";
    /// The first initial state is used.
    SECOND_INITIAL = Warning "second-initial";
    /// Words in a state declaration that have no meaning.
    JUNK_IN_STATE = Warning "junk-in-state";
    /// The last of several enter or exit lists is used.
    DUPLICATE_LIST = Warning "duplicate-list";
    /// The name is written in other case.
    NAME_CASE = Warning "name-case";
    /// An arrow or slash without blank before it.
    GLUED_ARROW = Warning "glued-arrow";
    /// Two calls without anything between them.
    GLUED_CALL = Warning "glued-call";
    /// Text behind a closing parenthesis is ignored.
    TEXT_AFTER_PAREN = Warning "text-after-paren";
    /// A blank stands before the parenthesis.
    SPACE_BEFORE_PAREN = Warning "space-before-paren";
    /// A comment behind other text.
    TRAILING_COMMENT = Note "trailing-comment";
    /// A line of a quoted text is taken as comment.
    COMMENT_IN_STRING = Warning "comment-in-string";
    /// A line of an argument list is taken as comment.
    COMMENT_IN_ARGUMENT = Warning "comment-in-argument";
    /// A line that begins with `-->` is a comment.
    COMMENT_ARROW = Warning "comment-arrow";
    /// A name is empty.
    EMPTY_NAME = Note "empty-name";
    /// A quoted keyword is an ordinary name.
    QUOTED_KEYWORD = Note "quoted-keyword";
    /// A transition stands before its source state.
    SOURCE_DECLARED_LATER = Note "source-declared-later";
    /// `=` is read as `==`.
    COND_SINGLE_EQ = Warning "cond-single-eq";
    /// `<=` and `>=` compare numbers here; the original does not know them.
    COND_LE_GE = Warning "cond-le-ge";
    /// `*` has no meaning with `!=`.
    COND_PREFIX_NE = Warning "cond-prefix-ne";
    /// Without operator the condition never holds.
    COND_NO_OPERATOR = Warning "cond-no-operator";
    /// Single quotes in a condition; the original does not remove them.
    COND_SINGLE_QUOTE = Note "cond-single-quote";
    /// The original compares the text literally.
    KEYPRESS_LITERAL = Note "keypress-literal";
    /// `not` on an event condition also holds for every other event.
    NOT_TYPED = Note "not-typed";
    /// A character is taken as part of a variable name.
    INTERP_NAME = Warning "interp-name";
    /// `@word` is replaced, although it is no select.
    INTERP_SELECT = Warning "interp-select";
    /// `break` outside a loop: the target is not entered.
    BREAK_ABORTS_TRANSITION = Warning "break-aborts-transition";
    /// The target is never entered.
    TARGET_IGNORED = Warning "target-ignored";
    /// The original forgets what follows the block.
    CALL_NESTED = Note "call-nested";
    /// `repost` has no effect when the diagram is entered.
    REPOST_IN_INITIAL_ENTER = Warning "repost-in-initial-enter";
    /// `exception` has no effect in an `if`.
    EXCEPTION_IN_IF = Warning "exception-in-if";
    /// No transition of a state in mid-call looks at `hangup`.
    HANGUP_UNHANDLED = Warning "hangup-unhandled";
    /// After a transition for `hangup` nothing stops the session.
    HANGUP_WITHOUT_STOP = Note "hangup-without-stop";
    /// No session gets to the state.
    UNREACHABLE_STATE = Note "unreachable-state";
    /// An earlier transition always matches first.
    UNREACHABLE_TRANSITION = Warning "unreachable-transition";
    /// Conditions that exclude each other, or an event that an exception is not.
    IMPOSSIBLE_CONDITION = Warning "impossible-condition";
    /// `@word` as an argument is no select and always empty.
    UNKNOWN_SELECT = Warning "unknown-select";
    /// Events of this kind have no such parameter.
    UNKNOWN_PARAMETER = Warning "unknown-parameter";
    /// A variable is read that nothing has set before.
    UNSET_VARIABLE = Warning "unset-variable";
    /// A variable is read that is set on some ways there only.
    MAYBE_UNSET_VARIABLE = Note "maybe-unset-variable";
    /// No state that is reached looks at the timer.
    TIMER_UNHANDLED = Warning "timer-unhandled";
    /// No action sets the timer that a condition waits for.
    TIMER_NEVER_SET = Warning "timer-never-set";
    /// An event is reposted without end.
    ENDLESS_REPOST = Warning "endless-repost";
    /// Diagrams enter each other without end.
    ENDLESS_JUMP = Warning "endless-jump";
    /// The called diagram neither returns nor stops.
    CALL_NEVER_RETURNS = Warning "call-never-returns";
    /// `returnFSM` in a diagram that nobody calls.
    RETURN_WITHOUT_CALL = Note "return-without-call";
    /// No audio file of that name.
    FILE_MISSING = Warning "file-missing";
    /// No prompt of that name.
    PROMPT_MISSING = Warning "prompt-missing";
    /// A statement of a database is assembled from what a caller sends.
    SQL_INJECTION = Warning "sql-injection";
    /// The value of the variable is used as name.
    DST_DOLLAR = Warning "dst-dollar";
    /// Blanks in a list of names; the original does not trim them.
    LIST_BLANKS = Warning "list-blanks";
    /// The action has a newer name.
    DEPRECATED_ACTION = Note "deprecated-action";
    /// The original does not know this name.
    ALIAS_NAME = Note "alias-name";
    /// A `muleteer:` comment that cannot be read.
    BAD_ALLOW = Warning "bad-allow";
    /// An `allow` comment names a code that does not exist.
    UNKNOWN_CODE = Warning "unknown-code";
    /// An `allow` comment covers nothing.
    UNUSED_ALLOW = Note "unused-allow";
    /// There is more to say than anyone reads.
    TOO_MANY_FINDINGS = Warning "too-many-findings";
}

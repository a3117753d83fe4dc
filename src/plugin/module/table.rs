//! From the table of an object to facts that the rest of the server can believe.
//!
//! All of it is copied or borrowed for ever: an object is never unloaded.

use std::collections::HashSet;
use std::mem::{MaybeUninit, offset_of};

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi;

use super::error::ModuleTableError;
use crate::dsm::module::{Example, ModuleEvent};
use crate::dsm::{EventParameter, Kind, Parameter, Role, Second, Separator, Takes};

/// The longest text of a table.
const MAX_TEXT: usize = 64 << 10;

type Read<T> = Result<T, ModuleTableError>;

/// A module that keeps to the contract.
pub(super) struct Facts {
    pub version: &'static str,
    pub doc: &'static str,
    pub actions: Vec<ActionFacts>,
    pub conditions: Vec<ConditionFacts>,
    pub events: Vec<&'static ModuleEvent>,
    pub hooks: Option<&'static abi::Hooks>,
}

/// An action that keeps to the contract.
pub(super) struct ActionFacts {
    pub name: &'static str,
    pub takes: Takes,
    /// How each argument is given, as the contract numbers it.
    pub kinds: &'static [u32],
    pub table: &'static abi::Action,
    pub run: abi::Run,
}

/// A condition that keeps to the contract.
pub(super) struct ConditionFacts {
    pub name: &'static str,
    pub takes: Takes,
    /// As for an action.
    pub kinds: &'static [u32],
    pub table: &'static abi::Condition,
    pub test: abi::Run,
}

/// Reads the table of the module `expected`, version first.
///
/// # Safety
/// `table` is what an object gives: null, or a structure that says its size and lives for ever, with
/// pointers that are null or point to what the contract says.
pub(super) unsafe fn read(table: *const abi::Module, expected: &str) -> Read<Facts> {
    // SAFETY: as the caller says; nothing behind the version is read before it is known.
    unsafe {
        let what = "the table of the module";
        if table.is_null() || !table.is_aligned() {
            return Err(ModuleTableError::Pointer { what });
        }
        let (size, major, minor) = (
            (&raw const (*table).size).read(),
            (&raw const (*table).abi_major).read(),
            (&raw const (*table).abi_minor).read(),
        );
        if major != abi::ABI_MAJOR {
            let ours = format!("{}.{}", abi::ABI_MAJOR, abi::ABI_MINOR);
            return Err(ModuleTableError::Version { major, minor, ours });
        }
        enough(what, size, size_of::<abi::Module>())?;
        let table = &*table;
        let says = text("the name of the module", table.name)?;
        if says != expected {
            return Err(ModuleTableError::Name {
                says: says.to_owned(),
                expected: expected.to_owned(),
            });
        }
        let mut names = Names::of(expected);
        let actions = pointers("actions", table.actions, table.action_count)?;
        let conditions = pointers("conditions", table.conditions, table.condition_count)?;
        let events = pointers("events", table.events, table.event_count)?;
        let facts = Facts {
            version: text("the version", table.version)?,
            doc: text("the description", table.doc)?,
            actions: actions
                .map(|found| action(found, &mut names))
                .collect::<Read<_>>()?,
            conditions: {
                names.seen.clear();
                let read = conditions.map(|found| condition(found, &mut names));
                read.collect::<Read<_>>()?
            },
            events: events
                .map(|found| event(found, &mut names))
                .collect::<Read<_>>()?,
            hooks: match table.hooks.as_ref() {
                None => None,
                Some(_) => Some(structure("the hooks", table.hooks)?),
            },
        };
        Ok(facts)
    }
}

/// The names of one module.
struct Names<'a> {
    prefix: &'a str,
    seen: HashSet<&'static str>,
}

impl<'a> Names<'a> {
    fn of(module: &'a str) -> Self {
        Self {
            prefix: module.strip_prefix("mod_").unwrap_or(module),
            seen: HashSet::new(),
        }
    }

    fn take(&mut self, name: &'static str) -> Read<&'static str> {
        let rest = name.strip_prefix(self.prefix);
        let own = rest.is_some_and(|rest| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            rest.is_empty() || (rest.len() > 1 && rest.starts_with('.') && rest.bytes().all(plain))
        });
        if !own {
            return Err(ModuleTableError::Foreign {
                name: name.to_owned(),
                prefix: self.prefix.to_owned(),
            });
        }
        if !self.seen.insert(name) {
            let name = name.to_owned();
            return Err(ModuleTableError::Twice { name });
        }
        Ok(name)
    }
}

unsafe fn action(found: *const abi::Action, names: &mut Names<'_>) -> Read<ActionFacts> {
    // SAFETY: as the caller of `read` says.
    unsafe {
        let table = structure("an action", found)?;
        let name = names.take(text("the name of an action", table.name)?)?;
        let (parameters, kinds) = parameters(name, table.parameters, table.parameter_count)?;
        let flag = |flag| table.flags & flag != 0;
        let errnos = texts("words for $errno", table.errnos, table.errno_count)?;
        let takes = Takes {
            doc: text("the description of an action", table.doc)?,
            separator: separator(name, table.separator, parameters)?,
            parameters,
            role: match () {
                () if flag(abi::ACTION_ESCAPES) => Role::Escapes,
                () if flag(abi::ACTION_ASSIGNS_ANY) => Role::AssignsAny,
                () => Role::Plain,
            },
            cancellable: flag(abi::ACTION_CANCELLABLE),
            throws: texts("exceptions", table.throws, table.throws_count)?,
            errno: flag(abi::ACTION_SETS_ERRNO).then_some(errnos),
            sets: texts("variables", table.sets, table.sets_count)?,
            examples: examples(table.examples, table.example_count)?,
        };
        let run = table.run.ok_or_else(|| no_function(name))?;
        Ok(ActionFacts {
            name,
            takes,
            kinds,
            table,
            run,
        })
    }
}

unsafe fn condition(found: *const abi::Condition, names: &mut Names<'_>) -> Read<ConditionFacts> {
    // SAFETY: as the caller of `read` says.
    unsafe {
        let table = structure("a condition", found)?;
        let name = names.take(text("the name of a condition", table.name)?)?;
        let (parameters, kinds) = parameters(name, table.parameters, table.parameter_count)?;
        let takes = Takes {
            doc: text("the description of a condition", table.doc)?,
            separator: separator(name, table.separator, parameters)?,
            parameters,
            role: Role::Plain,
            cancellable: false,
            throws: &[],
            errno: None,
            sets: &[],
            examples: &[],
        };
        let test = table.test.ok_or_else(|| no_function(name))?;
        Ok(ConditionFacts {
            name,
            takes,
            kinds,
            table,
            test,
        })
    }
}

unsafe fn event(found: *const abi::Event, names: &mut Names<'_>) -> Read<&'static ModuleEvent> {
    // SAFETY: as the caller of `read` says.
    unsafe {
        let table = structure("an event", found)?;
        let pairs = list("parameters", table.parameters, table.parameter_count)?;
        let parameters = pairs.iter().map(|pair| {
            Ok(EventParameter {
                name: text("the name of a parameter", pair.name)?,
                doc: text("the description of a parameter", pair.value)?,
            })
        });
        Ok(Box::leak(Box::new(ModuleEvent {
            name: names.take(text("the name of an event", table.name)?)?,
            doc: text("the description of an event", table.doc)?,
            parameters: parameters.collect::<Read<Vec<_>>>()?.leak(),
        })))
    }
}

unsafe fn parameters(
    of: &str,
    first: *const abi::Parameter,
    count: usize,
) -> Read<(&'static [Parameter], &'static [u32])> {
    // SAFETY: as the caller of `read` says.
    let list = unsafe { list("parameters", first, count)? };
    let mut parameters = Vec::new();
    for (index, parameter) in list.iter().enumerate() {
        // SAFETY: as above.
        let name = unsafe { text("the name of a parameter", parameter.name)? };
        let number = |what, number| ModuleTableError::Number {
            name: of.to_owned(),
            what,
            number,
        };
        let kind = kind(parameter.kind, name)
            .ok_or_else(|| number("kind of a parameter", parameter.kind))?;
        let repeated = parameter.flags & abi::PARAMETER_REPEATED != 0;
        if repeated && index + 1 < list.len() {
            return Err(number("place of a repeated parameter", index as u32));
        }
        parameters.push(Parameter {
            name,
            kind,
            required: parameter.flags & abi::PARAMETER_REQUIRED != 0,
            repeated,
        });
    }
    let kinds: Vec<u32> = list.iter().map(|parameter| parameter.kind).collect();
    Ok((parameters.leak(), kinds.leak()))
}

/// What the language makes of a kind of the contract.
fn kind(number: u32, name: &'static str) -> Option<Kind> {
    Some(match number {
        abi::KIND_VALUE => Kind::Value,
        abi::KIND_NAME => Kind::Name,
        abi::KIND_NAME_VALUE => Kind::NameValue,
        abi::KIND_NAME_PREFIX => Kind::NamePrefix,
        abi::KIND_LITERAL => Kind::Literal,
        abi::KIND_CODE => Kind::Code,
        abi::KIND_TEMPLATE | abi::KIND_RAW => Kind::ModuleText,
        abi::KIND_SQL => Kind::Sql,
        abi::KIND_FLAG => Kind::Flag(name),
        abi::KIND_AUDIO_FILE => Kind::AudioFile,
        abi::KIND_NEW_FILE => Kind::NewFile,
        abi::KIND_NAMES => Kind::Names,
        abi::KIND_COLLECTION => Kind::Collection,
        _ => return None,
    })
}

fn separator(of: &str, number: u32, parameters: &[Parameter]) -> Read<Separator> {
    Ok(match number {
        abi::SEPARATOR_NONE => Separator::None,
        abi::SEPARATOR_EQUALS => Separator::Equals,
        abi::SEPARATOR_COMMAS => Separator::OuterCommas(parameters.len().max(1)),
        abi::SEPARATOR_EVERY_COMMA => Separator::EveryComma,
        abi::SEPARATOR_LAST_COMMA => Separator::LastComma(match parameters.last() {
            Some(last) if last.required => Second::Word,
            _ => Second::Number,
        }),
        number => {
            return Err(ModuleTableError::Number {
                name: of.to_owned(),
                what: "separator",
                number,
            });
        }
    })
}

unsafe fn examples(first: *const abi::Example, count: usize) -> Read<&'static [Example]> {
    // SAFETY: as the caller of `read` says.
    unsafe {
        let list_of = list("examples", first, count)?;
        let examples = list_of.iter().map(|example| {
            let pairs = list("variables", example.expect, example.expect_count)?;
            let expect = pairs.iter().map(|pair| {
                let name = text("the name of a variable", pair.name)?;
                Ok((name, text("a value", pair.value)?))
            });
            Ok(Example {
                code: text("an example", example.code)?,
                expect: expect.collect::<Read<Vec<_>>>()?.leak(),
            })
        });
        Ok(examples.collect::<Read<Vec<_>>>()?.leak())
    }
}

fn no_function(name: &str) -> ModuleTableError {
    let name = name.to_owned();
    ModuleTableError::Function { name }
}

/// A structure that begins with its size, a `u32`, and whose members behind [`OLDEST`](Self::OLDEST) may be
/// zero.
trait Grown {
    /// Bytes of it in version 1.0.
    const OLDEST: usize;
}

impl Grown for abi::Action {
    const OLDEST: usize = offset_of!(Self, check);
}

impl Grown for abi::Condition {
    const OLDEST: usize = offset_of!(Self, check);
}

impl Grown for abi::Event {
    const OLDEST: usize = size_of::<Self>();
}

impl Grown for abi::Hooks {
    const OLDEST: usize = offset_of!(Self, diagrams);
}

/// A structure; what is not in one of an older version is zero.
///
/// # Safety
/// `found` is null or points to a structure that begins with its size and lives for ever.
unsafe fn structure<T: Grown>(what: &'static str, found: *const T) -> Read<&'static T> {
    if found.is_null() || !found.is_aligned() {
        return Err(ModuleTableError::Pointer { what });
    }
    // SAFETY: as the caller says.
    let size = unsafe { found.cast::<u32>().read() };
    enough(what, size, T::OLDEST)?;
    if size as usize >= size_of::<T>() {
        // SAFETY: as the caller says.
        return Ok(unsafe { &*found });
    }
    let mut whole = MaybeUninit::<T>::zeroed();
    // SAFETY: it has so many bytes, as it says; what stays zero may be, as the trait says.
    unsafe {
        let bytes = whole.as_mut_ptr().cast::<u8>();
        bytes.copy_from_nonoverlapping(found.cast(), size as usize);
        Ok(Box::leak(Box::new(whole.assume_init())))
    }
}

fn enough(what: &'static str, size: u32, least: usize) -> Read<()> {
    match (size as usize) < least {
        true => Err(ModuleTableError::Size { what, size, least }),
        false => Ok(()),
    }
}

/// # Safety
/// `first` is null or points to `count` values that live for ever.
unsafe fn list<T>(what: &'static str, first: *const T, count: usize) -> Read<&'static [T]> {
    let most = abi::MAX_ENTRIES;
    if count > most {
        return Err(ModuleTableError::TooMany { what, count, most });
    }
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() || !first.is_aligned() {
        return Err(ModuleTableError::Pointer { what });
    }
    // SAFETY: as the caller says.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// # Safety
/// As [`list`].
unsafe fn pointers<T: 'static>(
    what: &'static str,
    first: *const *const T,
    count: usize,
) -> Read<impl Iterator<Item = *const T>> {
    // SAFETY: as the caller says.
    Ok(unsafe { list(what, first, count)? }.iter().copied())
}

/// # Safety
/// As [`list`], and its texts live for ever.
unsafe fn texts(
    what: &'static str,
    first: *const Text,
    count: usize,
) -> Read<&'static [&'static str]> {
    // SAFETY: as the caller says.
    unsafe {
        let texts = list(what, first, count)?
            .iter()
            .map(|one| text(what, *one))
            .collect::<Read<Vec<_>>>()?;
        Ok(texts.leak())
    }
}

/// # Safety
/// `found` is null or points to bytes that live for ever.
unsafe fn text(what: &'static str, found: Text) -> Read<&'static str> {
    // SAFETY: as the caller says.
    unsafe { found.get(MAX_TEXT) }.ok_or(ModuleTableError::Text { what })
}

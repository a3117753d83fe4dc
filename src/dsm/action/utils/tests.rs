use crate::dsm::action::Outcome;
use crate::dsm::argument::{Arguments, bind};
use crate::dsm::event::EventKind;
use crate::dsm::expr::Scope;
use crate::dsm::host::Exception;
use crate::dsm::registry::Registry;
use crate::dsm::testing::TestHost;
use crate::dsm::value::{MAX_VALUE_BYTES, MAX_VALUES, Values};

/// Does one action; also says how many bytes it counted.
fn run(call: &str, variables: &mut Values) -> (Result<Outcome, Exception>, usize) {
    let registry = Registry::core();
    let (name, arguments) = call.split_once('(').unwrap();
    let imports = ["mod_utils".into(), "mod_uri".into()];
    let signature = registry.action_in_reach(name, &imports).unwrap();
    let bound = bind(signature, arguments.strip_suffix(')'), &mut Vec::new());
    let mut scope = Scope {
        variables,
        event: EventKind::Start,
        params: None,
        host: &mut TestHost::default(),
        spent: Default::default(),
        verdicts: &mut Default::default(),
    };
    let arguments = Arguments {
        signature,
        list: &bound.arguments,
    };
    let outcome = (signature.run)(&arguments, &mut scope);
    (outcome, scope.spent.get())
}

/// A session with one variable that fills it.
fn full_of(text: &str) -> Values {
    let text = text.repeat((MAX_VALUE_BYTES - 1000) / text.len());
    Values::new().with("s", text)
}

fn is_refused(call: &str, variables: &mut Values) {
    let before = variables.clone();
    let (outcome, _) = run(call, variables);
    assert_eq!(outcome.unwrap_err().kind(), "core", "{call}");
    let changed = variables
        .iter()
        .filter(|one| !before.iter().any(|old| old == *one));
    assert_eq!(changed.count(), 0, "{call}");
}

#[test]
fn what_no_session_can_hold_is_refused_and_leaves_nothing() {
    for call in [
        "utils.splitString($s, \",\")",
        "utils.splitString($s)",
        "utils.replace($s, \",=>,,\")",
        "utils.md5($copy, $s) ",
    ] {
        let mut variables = full_of(",");
        if call.ends_with(' ') {
            assert!(run(call.trim_end(), &mut variables).0.is_ok());
            continue;
        }
        is_refused(call, &mut variables);
    }
    is_refused("utils.splitStringCR($s)", &mut full_of("\n"));
    is_refused("utils.splitStringCR($s, $t)", &mut full_of("\r\n"));
    is_refused("utils.escapeCRLF($s)", &mut full_of("\r\n"));
    is_refused("uri.encode($t=$s)", &mut full_of(" "));
}

#[test]
fn a_replacement_that_doubles_its_text_ends_at_the_limit() {
    let mut variables = Values::new().with("s", "ab");
    let refused = (0..64).find(|_| run("utils.replace($s, a=>aa)", &mut variables).0.is_err());
    assert_eq!(refused, Some(22));
    let size = variables.get("s").unwrap().len();
    assert!((MAX_VALUE_BYTES / 2..MAX_VALUE_BYTES).contains(&size));
}

#[test]
fn work_on_long_texts_is_counted() {
    for call in [
        "utils.md5($h, $s)",
        "utils.replace($s, x=>y)",
        "utils.unescapeCRLF($s)",
        "utils.splitStringCR($s)",
        "utils.splitString($s, x)",
        "utils.decodeJson($s, p)",
        "utils.int($h, $s)",
        "uri.parse($s, p_)",
        "uri.parseNameaddr($s, p_)",
        "uri.decode($h=$s)",
    ] {
        let mut variables = Values::new().with("s", "1".repeat(1 << 20));
        let (_, spent) = run(call, &mut variables);
        assert!(spent >= 1 << 20, "{call}: {spent}");
    }
}

#[test]
fn json_is_as_deep_and_as_large_as_a_session_can_hold() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for (text, is_json) in [
        (nested(100), true),
        (nested(10_000), false),
        ("[".repeat(1 << 20), false),
        ("{\"a\":".repeat(1 << 20), false),
        (format!("[{}1]", "[],".repeat(1 << 20)), true),
    ] {
        let mut variables = Values::new().with("s", &*text);
        let (outcome, _) = run("utils.decodeJson($s, p)", &mut variables);
        let succeeded = matches!(outcome, Ok(Outcome::Next));
        assert_eq!(succeeded, is_json, "{}", &text[..20]);
        assert!(variables.len() < 10);
    }
    let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
    is_refused(
        "utils.decodeJson($s, p)",
        &mut Values::new().with("s", many),
    );
    // Names that grow with each level.
    let name = "n".repeat(1 << 20);
    let long = format!("{{\"{name}\":[{}1]}}", "1,".repeat(20));
    is_refused(
        "utils.decodeJson($s, p)",
        &mut Values::new().with("s", long),
    );
}

#[test]
fn numbers_from_the_host_are_random_and_in_range() {
    let registry = Registry::core();
    let imports = ["mod_utils".into()];
    let signature = registry.action_in_reach("utils.rand", &imports).unwrap();
    let bound = bind(signature, Some("r, 10"), &mut Vec::new());
    let (mut variables, mut host) = (Values::new(), TestHost::default());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let mut scope = Scope {
            variables: &mut variables,
            event: EventKind::Start,
            params: None,
            host: &mut host,
            spent: Default::default(),
            verdicts: &mut Default::default(),
        };
        let list = &bound.arguments;
        (signature.run)(&Arguments { signature, list }, &mut scope).unwrap();
        seen.insert(variables.get("r").unwrap().parse::<u32>().unwrap());
    }
    assert_eq!(seen, (0..10).collect());
}

#[test]
fn a_word_of_any_length_makes_no_playlist_of_that_length() {
    let mut variables = Values::new().with("s", "1".repeat(101));
    let (outcome, _) = run("utils.spell($s)", &mut variables);
    assert!(matches!(outcome, Ok(Outcome::Fail(..))));
    variables.set("s", "1".repeat(100)).unwrap();
    let (outcome, _) = run("utils.spell($s)", &mut variables);
    assert!(matches!(outcome, Ok(Outcome::Perform(..))));
}

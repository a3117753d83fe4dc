use super::*;
use crate::dsm::argument::{Arguments, bind};
use crate::dsm::expr::{Scope, Verdicts};
use crate::dsm::testing::TestHost;
use crate::dsm::value::Values;

#[test]
fn usage_shows_what_may_be_left_out() {
    let registry = Registry::core();
    let usage = |name: &str| registry.scope(&[]).action(name).unwrap().usage();
    assert_eq!(usage("playFile"), "playFile(path[, loop])");
    assert_eq!(usage("set"), "set(variable=value)");
    assert_eq!(usage("DI"), "DI(factory[, function][, argument, ..])");
    assert_eq!(usage("returnFSM"), "returnFSM()");
    assert_eq!(usage("stop"), "stop([bye])");
}

#[test]
fn commas_in_parentheses_and_quotes_separate_no_arguments_of_modules() {
    let registry = Registry::core();
    let modules = registry.modules().filter_map(|name| registry.module(name));
    for signature in modules.flat_map(|module| module.actions()) {
        let separates = !matches!(signature.separator, Separator::None | Separator::Equals);
        if !separates || signature.parameters.len() < 2 {
            continue;
        }
        let written = bind(signature, Some(r#"f(a,b), "c\",d", e"#), &mut Vec::new()).written;
        assert_eq!(written[0], "f(a,b)", "{}", signature.name);
        assert!(written[1].starts_with(r#""c\",d""#), "{}", signature.name);
    }
}

#[test]
fn every_action_runs_with_any_arguments() {
    let texts = [
        "",
        "a",
        "$v",
        "a,b=c,d",
        ",=,",
        "\"",
        "(int)$v,(json){,(struct)v.,#p",
        "é,1,1",
    ];
    let registry = Registry::core();
    let modules = registry.modules().filter_map(|name| registry.module(name));
    let of_modules = modules.flat_map(|module| module.actions());
    for signature in registry.actions().chain(of_modules) {
        for text in [None].into_iter().chain(texts.map(Some)) {
            let bound = bind(signature, text, &mut Vec::new());
            if bound.missing.is_some() {
                continue;
            }
            let mut scope = Scope {
                variables: &mut Values::new().with("v", "é").with("v.on", "x"),
                event: EventKind::Start,
                params: None,
                host: &mut TestHost::default(),
                spent: Default::default(),
                verdicts: &mut Verdicts::default(),
            };
            // What comes out is tested elsewhere; here nothing may panic.
            let _ = (signature.run)(
                &Arguments {
                    signature,
                    list: &bound.arguments,
                },
                &mut scope,
            );
        }
    }
}

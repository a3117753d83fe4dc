//! Where in the text a state and its transitions stand.

use super::super::include::assemble;
use super::super::load::folder;
use super::super::source::{SourceMap, SourceProvider, Span};
use super::super::syntax::{ast::Declaration, parse};

/// One line for the state and for each transition that leaves it.
pub fn of_state(path: &str, state: &str, provider: &dyn SourceProvider) -> Vec<String> {
    let mut sources = SourceMap::default();
    let text = assemble(path, folder(path), provider, &mut sources, &mut Vec::new());
    let Some(text) = text else {
        return Vec::new();
    };
    let line = |span: Span, kind: &str, name: &str| {
        let at = sources.location(span);
        format!("{}:{}: {kind} \"{name}\"", at.path, at.line)
    };
    let mut lines = Vec::new();
    // A transition without sources leaves those of the one above.
    let mut leaves = false;
    for declaration in &parse(&text).0.declarations {
        match declaration {
            Declaration::State(one) if one.name.text == state => {
                lines.push(line(one.name.span, "state", state));
                leaves = true;
            }
            Declaration::State(_) => leaves = false,
            Declaration::Transition(one) => {
                if let Some(sources) = &one.sources {
                    leaves = sources.iter().any(|source| source.text == state);
                }
                if leaves {
                    lines.push(line(one.name.span, "transition", one.name.text));
                }
            }
            _ => {}
        }
    }
    lines
}

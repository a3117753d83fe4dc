//! A picture in the language of Graphviz.

use std::fmt::Write as _;

use super::measure::{Weight, wrap};
use super::model::{Arrow, Graph, Node, NodeKind};

/// Graphviz does not wrap; these are about its sizes.
const SIZE: f64 = 10.0;
const WIDTH: f64 = 190.0;
const LINES: usize = 3;

/// Writes a graph. Arrows with several sources are written once for each.
pub fn write(graph: &Graph) -> String {
    let mut out = format!("digraph {} {{\n", quote(&graph.name));
    out.push_str(
        "  rankdir=TB;\n  \
         node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n  \
         edge [fontname=\"Helvetica\", fontsize=10];\n",
    );
    for (id, node) in graph.nodes.iter().enumerate() {
        write_node(&mut out, id, node);
    }
    if let Some(initial) = graph.initial() {
        out.push_str("  start [shape=point, width=0.15, label=\"\"];\n");
        let _ = writeln!(out, "  start -> n{initial};");
    }
    for arrow in &graph.arrows {
        write_arrow(&mut out, arrow);
    }
    out.push_str("}\n");
    out
}

fn write_node(out: &mut String, id: usize, node: &Node) {
    let mut lines = vec![node.name.clone()];
    for (what, actions) in [("enter", &node.enter), ("exit", &node.exit)] {
        if !actions.is_empty() {
            lines.extend(wrapped(&format!("{what} / {}", actions.join("; "))));
        }
    }
    let shape = match node.kind {
        NodeKind::State { last: true, .. } => ", peripheries=2",
        NodeKind::State { .. } => "",
        NodeKind::Undeclared => ", shape=doublecircle",
        NodeKind::Missing => ", style=\"rounded,dashed\", color=red",
        NodeKind::AnyOf => {
            lines = vec!["from".to_owned()];
            lines.extend(wrapped(&node.name));
            ", style=\"rounded,dotted\""
        }
    };
    let _ = writeln!(out, "  n{id} [label={}{shape}];", quote(&lines.join("\n")));
}

fn write_arrow(out: &mut String, arrow: &Arrow) {
    let mut lines = Vec::new();
    for transition in &arrow.transitions {
        lines.extend(wrapped(&transition.name));
        if !transition.conditions.is_empty() {
            lines.extend(wrapped(&format!("[{}]", transition.conditions.join("; "))));
        }
        if !transition.actions.is_empty() {
            lines.extend(wrapped(&format!("/ {}", transition.actions.join("; "))));
        }
    }
    let style = match arrow.exception {
        true => ", style=dashed, color=\"#c2410c\"",
        false => "",
    };
    for from in &arrow.from {
        let label = quote(&lines.join("\n"));
        let _ = writeln!(out, "  n{from} -> n{} [label={label}{style}];", arrow.to);
    }
}

fn wrapped(text: &str) -> Vec<String> {
    wrap(text, SIZE, Weight::Regular, WIDTH, LINES)
}

/// A quoted string of the language. A backslash begins an escape there, so it is doubled.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            // Graphviz decodes entities, also those that nobody meant.
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(quote("a\"b\\c\nd&e\u{7}"), r#""a\"b\\c\nd&amp;e ""#);
    }
}

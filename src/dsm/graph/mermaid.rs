//! A picture as a state diagram of Mermaid, which Markdown pages show.

use std::fmt::Write as _;

use super::model::{Arrow, Graph, Node, NodeKind};

/// Longest label in characters; Mermaid does not shorten.
const LONGEST: usize = 120;

/// Writes a graph. Arrows with several sources are written once for each.
pub fn write(graph: &Graph) -> String {
    let mut out = String::from("stateDiagram-v2\n    direction TB\n");
    for (id, node) in graph.nodes.iter().enumerate() {
        write_node(&mut out, id, node);
    }
    if let Some(initial) = graph.initial() {
        let _ = writeln!(out, "    [*] --> s{initial}");
    }
    for arrow in &graph.arrows {
        write_arrow(&mut out, graph, arrow);
    }
    out
}

fn write_node(out: &mut String, id: usize, node: &Node) {
    let name = match node.kind {
        NodeKind::State { .. } | NodeKind::Missing => node.name.clone(),
        NodeKind::AnyOf => format!("from: {}", node.name),
        NodeKind::Undeclared => return,
    };
    let _ = writeln!(out, "    state \"{}\" as s{id}", escape(&name));
    for (what, actions) in [("enter", &node.enter), ("exit", &node.exit)] {
        if !actions.is_empty() {
            let text = escape(&format!("{what} / {}", actions.join("; ")));
            let _ = writeln!(out, "    s{id} : {text}");
        }
    }
}

fn write_arrow(out: &mut String, graph: &Graph, arrow: &Arrow) {
    // An end has no name in Mermaid: the circle is the same for all.
    let to = match graph.nodes[arrow.to].kind {
        NodeKind::Undeclared => "[*]".to_owned(),
        _ => format!("s{}", arrow.to),
    };
    for from in &arrow.from {
        for transition in &arrow.transitions {
            let label = escape(&transition.line());
            let label = if label.is_empty() {
                label
            } else {
                format!(" : {label}")
            };
            let _ = writeln!(out, "    s{from} --> {to}{label}");
        }
    }
}

/// Text that means nothing to Mermaid: whatever is not plain is written as the number of its
/// character. Colons, semicolons, number signs, percent signs and quotes would end a label or begin
/// something else.
fn escape(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let mut out = String::new();
    for c in short.chars() {
        let is_plain = c.is_alphanumeric() || " _-.,/()=$@'!+*?|…".contains(c);
        match is_plain {
            true => out.push(c),
            false if c.is_control() => out.push(' '),
            false => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_characters_are_left_as_they_are() {
        assert_eq!(
            escape("key(#key == 1); \"a:b\" %"),
            "key(#35;key == 1)#59; #34;a#58;b#34; #37;"
        );
        assert_eq!(escape("a\nb"), "a b");
    }

    #[test]
    fn long_labels_are_shortened() {
        assert_eq!(escape(&"x".repeat(500)).chars().count(), LONGEST + 1);
    }
}

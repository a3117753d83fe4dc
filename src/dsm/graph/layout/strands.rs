//! Which states are above which, and the strands that arrows are made of.
//!
//! A strand leads from one or more nodes through its label to one node, all of it downwards or all
//! of it upwards. Most arrows are one strand; an arrow that leads both ways is split, and what leads
//! from a node to itself becomes a loop beside it.

use std::collections::BTreeMap;

use super::super::model::{Graph, NodeId, NodeKind};

/// One strand.
#[derive(Debug)]
pub struct Strand {
    /// Index into the arrows of the graph.
    pub arrow: usize,
    /// Where it begins.
    pub from: Vec<NodeId>,
    /// Where it ends.
    pub to: NodeId,
    /// Leads back to what stands above.
    pub upwards: bool,
}

/// The nodes of one connected part and the strands between them.
#[derive(Debug)]
pub struct Strands {
    /// From the top.
    pub nodes: Vec<NodeId>,
    /// In the order of the arrows.
    pub strands: Vec<Strand>,
    /// Arrows from a node to itself, by node.
    pub loops: BTreeMap<NodeId, Vec<usize>>,
}

/// The connected parts of a graph, that of the initial state first.
pub fn parts(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut neighbours = vec![Vec::new(); graph.nodes.len()];
    for arrow in &graph.arrows {
        for &from in &arrow.from {
            neighbours[from].push(arrow.to);
            neighbours[arrow.to].push(from);
        }
    }
    let mut seen = vec![false; graph.nodes.len()];
    let mut parts = Vec::new();
    for root in graph.initial().into_iter().chain(0..graph.nodes.len()) {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        let mut part = vec![root];
        let mut next = 0;
        while next < part.len() {
            for &neighbour in &neighbours[part[next]] {
                if !std::mem::replace(&mut seen[neighbour], true) {
                    part.push(neighbour);
                }
            }
            next += 1;
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts
}

impl Strands {
    /// Orders the nodes of a part and splits the arrows between them.
    pub fn new(graph: &Graph, part: &[NodeId]) -> Self {
        let nodes = from_top(graph, part);
        let mut position = vec![usize::MAX; graph.nodes.len()];
        for (at, &node) in nodes.iter().enumerate() {
            position[node] = at;
        }
        let mut strands = Vec::new();
        let mut loops: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (index, arrow) in graph.arrows.iter().enumerate() {
            if position[arrow.to] == usize::MAX {
                continue;
            }
            let (mut down, mut up) = (Vec::new(), Vec::new());
            for &from in &arrow.from {
                if from == arrow.to {
                    loops.entry(from).or_default().push(index);
                } else if position[from] < position[arrow.to] {
                    down.push(from);
                } else {
                    up.push(from);
                }
            }
            for (from, upwards) in [(down, false), (up, true)] {
                if !from.is_empty() {
                    strands.push(Strand {
                        arrow: index,
                        from,
                        to: arrow.to,
                        upwards,
                    });
                }
            }
        }
        Self {
            nodes,
            strands,
            loops,
        }
    }
}

/// The nodes so that as few arrows as possible lead back: what can be reached is below, following
/// the arrows in the order of the text. The initial state is first; "any of" nodes are above the
/// states they lead to.
fn from_top(graph: &Graph, part: &[NodeId]) -> Vec<NodeId> {
    let mut targets = vec![Vec::new(); graph.nodes.len()];
    let mut entered = vec![false; graph.nodes.len()];
    for arrow in &graph.arrows {
        for &from in &arrow.from {
            targets[from].push(arrow.to);
            entered[arrow.to] |= from != arrow.to;
        }
    }
    let initial = graph.initial().filter(|id| part.contains(id));
    let is_state = |id: &NodeId| graph.nodes[*id].kind != NodeKind::AnyOf;
    // A node that nothing leads to is above all others; then those only reached in a circle.
    let roots = part
        .iter()
        .copied()
        .filter(is_state)
        .filter(|&id| !entered[id]);
    let roots = initial.into_iter().chain(roots).chain(part.iter().copied());
    let mut seen = vec![false; graph.nodes.len()];
    let mut finished = Vec::new();
    for root in roots {
        if std::mem::replace(&mut seen[root], true) {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            match targets[*node].get(*next) {
                Some(&target) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[target], true) {
                        path.push((target, 0));
                    }
                }
                None => {
                    finished.push(*node);
                    path.pop();
                }
            }
        }
    }
    finished.reverse();
    // Nothing stands above the initial state, not even what leads to it.
    if let Some(initial) = initial {
        finished.retain(|&node| node != initial);
        finished.insert(0, initial);
    }
    finished
}

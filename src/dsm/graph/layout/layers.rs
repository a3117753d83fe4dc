//! Layers: nodes by the longest way from the top, then as near to each other as they can be; labels
//! in between where there is room; and a vertex for every layer that a line passes.

use super::super::model::{Graph, NodeId, NodeKind};
use super::content::{Item, Items};
use super::strands::{Strand, Strands};

/// Index into [`Layering::vertices`].
pub type VertexId = usize;

/// Between a node and the next one below there is at least the layer of the label.
const STEP: usize = 2;
/// Rounds of moving nodes towards each other. It settles sooner; this is for endless cases.
const ROUNDS: usize = 30;
/// How far a loop stands out from its box.
pub const LOOP_WIDTH: f64 = 26.0;
/// Between two loops of a box.
pub const LOOP_GAP: f64 = 6.0;
/// Room above the initial state for its dot and arrow.
pub const INITIAL_HEIGHT: f64 = 30.0;
/// Least distance of two lines at the edge of a box, and of a line from the corner.
pub const PORT_GAP: f64 = 13.0;
pub const CORNER: f64 = 14.0;
/// A box gets no wider than this for its lines; with very many they stand closer instead.
const MAX_BOX_WIDTH: f64 = 900.0;

/// What stands in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A box.
    Node,
    /// The label of a strand.
    Label,
    /// A line that passes.
    Passing,
}

/// Something with a place in a layer. Extents are measured from its axis, where lines meet.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// What it is.
    pub kind: Kind,
    /// Its layer, from the top.
    pub layer: usize,
    /// From the axis to its left edge.
    pub left: f64,
    /// From the axis to its right edge, with loops and their text.
    pub right: f64,
    /// Height with loops.
    pub height: f64,
    /// Neighbours in the layer above.
    pub upper: Vec<VertexId>,
    /// Neighbours in the layer below.
    pub lower: Vec<VertexId>,
}

/// The way of a strand, in its own direction.
#[derive(Debug)]
pub struct Way {
    /// From each source to the label, both included.
    pub legs: Vec<Vec<VertexId>>,
    /// From the label to the target, both included.
    pub last: Vec<VertexId>,
}

/// All vertices in layers.
#[derive(Debug)]
pub struct Layering {
    /// Nodes, labels of strands, then passing lines.
    pub vertices: Vec<Vertex>,
    /// From the top, each from the left.
    pub layers: Vec<Vec<VertexId>>,
    /// One for each strand.
    pub ways: Vec<Way>,
    /// The vertex of each node of the part, in the order of [`Strands::nodes`].
    pub nodes: Vec<(NodeId, VertexId)>,
    /// Width of the box of each node, by its place in `nodes`.
    pub box_widths: Vec<f64>,
}

/// Assigns layers; `None` if more than `limit` vertices are needed.
pub fn assign(graph: &Graph, strands: &Strands, items: &Items, limit: usize) -> Option<Layering> {
    let mut index = vec![0; graph.nodes.len()];
    for (at, &node) in strands.nodes.iter().enumerate() {
        index[node] = at;
    }
    let of_nodes = node_layers(graph, strands, &index);
    let box_widths = box_widths(graph, strands, items, &index);
    let mut vertices = Vec::new();
    for (at, &node) in strands.nodes.iter().enumerate() {
        vertices.push(node_vertex(
            graph,
            strands,
            items,
            node,
            of_nodes[at],
            box_widths[at],
        ));
    }
    let of_labels = label_layers(strands, items, &vertices, &index);
    for (strand, layer) in strands.strands.iter().zip(of_labels) {
        let item = &items.labels[strand.arrow];
        vertices.push(Vertex {
            kind: Kind::Label,
            layer,
            left: item.width / 2.0,
            right: item.width / 2.0,
            height: item.height,
            upper: Vec::new(),
            lower: Vec::new(),
        });
    }
    let mut layering = Layering {
        vertices,
        layers: Vec::new(),
        ways: Vec::new(),
        nodes: strands.nodes.iter().copied().zip(0..).collect(),
        box_widths,
    };
    layering.remove_empty_layers();
    for (at, strand) in strands.strands.iter().enumerate() {
        let label = strands.nodes.len() + at;
        let legs = strand
            .from
            .iter()
            .map(|&from| layering.connect(index[from], label, limit));
        let legs = legs.collect::<Option<Vec<_>>>()?;
        let last = layering.connect(label, index[strand.to], limit)?;
        layering.ways.push(Way { legs, last });
    }
    layering.fill_layers();
    Some(layering)
}

/// The (upper, lower) nodes of a strand by their place in `Strands::nodes`.
fn ends<'a>(strand: &'a Strand, index: &'a [usize]) -> impl Iterator<Item = (usize, usize)> + 'a {
    let to = index[strand.to];
    strand.from.iter().map(move |&from| match strand.upwards {
        true => (to, index[from]),
        false => (index[from], to),
    })
}

fn node_layers(graph: &Graph, strands: &Strands, index: &[usize]) -> Vec<usize> {
    let count = strands.nodes.len();
    let (mut uppers, mut lowers) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (upper, lower) in strands
        .strands
        .iter()
        .flat_map(|strand| ends(strand, index))
    {
        uppers[lower].push(upper);
        lowers[upper].push(lower);
    }
    let mut layers = vec![0; count];
    // An upper node comes earlier in the order of the nodes.
    for at in 0..count {
        let below = uppers[at].iter().map(|&upper| layers[upper] + STEP);
        layers[at] = below.max().unwrap_or(0);
    }
    let is_pinned = |at: usize| Some(strands.nodes[at]) == graph.initial();
    for _ in 0..ROUNDS {
        let mut moved = false;
        for at in (0..count).rev().filter(|&at| !is_pinned(at)) {
            // As many lines get longer as shorter: it may stay.
            let lowest = lowers[at].iter().map(|&lower| layers[lower] - STEP).min();
            if let Some(lowest) = lowest
                && lowest > layers[at]
                && lowers[at].len() > uppers[at].len()
            {
                layers[at] = lowest;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    layers
}

/// A box is as wide as its text or as the lines that touch one of its edges need.
fn box_widths(graph: &Graph, strands: &Strands, items: &Items, index: &[usize]) -> Vec<f64> {
    let mut lines = vec![(0_usize, 0_usize); strands.nodes.len()];
    for (upper, lower) in strands
        .strands
        .iter()
        .flat_map(|strand| ends(strand, index))
    {
        lines[upper].1 += 1;
        lines[lower].0 += 1;
    }
    let width = |(&node, &(above, below)): (&NodeId, &(usize, usize))| {
        let lines = above.max(below);
        if graph.nodes[node].kind == NodeKind::Undeclared {
            return items.boxes[node].width;
        }
        let needed = 2.0 * CORNER + PORT_GAP * lines.saturating_sub(1) as f64;
        items.boxes[node].width.max(needed.min(MAX_BOX_WIDTH))
    };
    strands.nodes.iter().zip(&lines).map(width).collect()
}

fn node_vertex(
    graph: &Graph,
    strands: &Strands,
    items: &Items,
    node: NodeId,
    layer: usize,
    box_width: f64,
) -> Vertex {
    let loops: Vec<&Item> = loop_items(strands, items, node).collect();
    let text = loops.iter().map(|item| item.width).fold(0.0, f64::max);
    let beside = if loops.is_empty() {
        0.0
    } else {
        LOOP_WIDTH + text
    };
    let is_initial = matches!(
        graph.nodes[node].kind,
        NodeKind::State { initial: true, .. }
    );
    let initial = if is_initial { INITIAL_HEIGHT } else { 0.0 };
    Vertex {
        kind: Kind::Node,
        layer,
        left: box_width / 2.0,
        right: box_width / 2.0 + beside,
        height: items.boxes[node].height.max(loops_height(&loops)) + initial,
        upper: Vec::new(),
        lower: Vec::new(),
    }
}

/// The text of the loops of a node.
pub fn loop_items<'a>(
    strands: &'a Strands,
    items: &'a Items,
    node: NodeId,
) -> impl Iterator<Item = &'a Item> {
    let loops = strands.loops.get(&node).into_iter().flatten();
    loops.map(|&arrow| &items.labels[arrow])
}

/// Height of the text of loops one below the other. Two loops part at the middle of the box.
pub fn loops_height(loops: &[&Item]) -> f64 {
    if let [upper, lower] = loops {
        return 2.0 * loop_height(upper).max(loop_height(lower)) + LOOP_GAP;
    }
    let gaps = LOOP_GAP * loops.len().saturating_sub(1) as f64;
    loops.iter().map(|item| loop_height(item)).sum::<f64>() + gaps
}

/// Height of one loop.
pub fn loop_height(item: &Item) -> f64 {
    item.height.max(26.0)
}

/// Each label goes where least stands between its ends; of equal places the one nearest to where it
/// comes from.
fn label_layers(
    strands: &Strands,
    items: &Items,
    vertices: &[Vertex],
    index: &[usize],
) -> Vec<usize> {
    let count = vertices.iter().map(|vertex| vertex.layer + 1).max();
    let mut load = vec![0.0; count.unwrap_or(0)];
    for vertex in vertices {
        load[vertex.layer] += vertex.left + vertex.right;
    }
    let place = |strand: &Strand| {
        let above = ends(strand, index)
            .map(|(upper, _)| vertices[upper].layer)
            .max();
        let below = ends(strand, index)
            .map(|(_, lower)| vertices[lower].layer)
            .min();
        let between = above.unwrap_or(0) + 1..=below.unwrap_or(0) - 1;
        let near: Vec<usize> = match strand.upwards {
            true => between.rev().collect(),
            false => between.collect(),
        };
        let emptiest = |a: &&usize, b: &&usize| load[**a].total_cmp(&load[**b]);
        let layer = *near
            .iter()
            .min_by(emptiest)
            .expect("the ends are two layers apart");
        load[layer] += items.labels[strand.arrow].width + 20.0;
        layer
    };
    strands.strands.iter().map(place).collect()
}

impl Layering {
    /// How many vertices there are.
    pub fn vertices(&self) -> usize {
        self.vertices.len()
    }

    /// The place of each vertex within its layer.
    pub fn positions(&self, layers: &[Vec<VertexId>]) -> Vec<usize> {
        let mut position = vec![0; self.vertices.len()];
        for layer in layers {
            for (at, &vertex) in layer.iter().enumerate() {
                position[vertex] = at;
            }
        }
        position
    }

    fn remove_empty_layers(&mut self) {
        let count = self.vertices.iter().map(|vertex| vertex.layer + 1).max();
        let mut used = vec![false; count.unwrap_or(0)];
        for vertex in &self.vertices {
            used[vertex.layer] = true;
        }
        let mut next = 0;
        let renumbered: Vec<usize> = used
            .iter()
            .map(|&used| {
                let layer = next;
                next += usize::from(used);
                layer
            })
            .collect();
        for vertex in &mut self.vertices {
            vertex.layer = renumbered[vertex.layer];
        }
        self.layers = vec![Vec::new(); next];
    }

    /// The way between two vertices, with a new vertex in every layer it passes.
    fn connect(&mut self, from: VertexId, to: VertexId, limit: usize) -> Option<Vec<VertexId>> {
        let (first, last) = (self.vertices[from].layer, self.vertices[to].layer);
        let passed: Vec<usize> = match first < last {
            true => (first + 1..last).collect(),
            false => (last + 1..first).rev().collect(),
        };
        if self.vertices.len() + passed.len() > limit {
            return None;
        }
        let mut way = vec![from];
        for layer in passed {
            way.push(self.vertices.len());
            self.vertices.push(Vertex {
                kind: Kind::Passing,
                layer,
                left: 0.0,
                right: 0.0,
                height: 0.0,
                upper: Vec::new(),
                lower: Vec::new(),
            });
        }
        way.push(to);
        for pair in way.windows(2) {
            let (upper, lower) = match first < last {
                true => (pair[0], pair[1]),
                false => (pair[1], pair[0]),
            };
            self.vertices[upper].lower.push(lower);
            self.vertices[lower].upper.push(upper);
        }
        Some(way)
    }

    /// First order: as the vertices are met on the way down.
    fn fill_layers(&mut self) {
        let mut seen = vec![false; self.vertices.len()];
        let roots: Vec<VertexId> = self.nodes.iter().map(|&(_, vertex)| vertex).collect();
        for root in roots {
            let mut open = vec![root];
            while let Some(vertex) = open.pop() {
                if std::mem::replace(&mut seen[vertex], true) {
                    continue;
                }
                self.layers[self.vertices[vertex].layer].push(vertex);
                open.extend(self.vertices[vertex].lower.iter().rev());
            }
        }
    }
}

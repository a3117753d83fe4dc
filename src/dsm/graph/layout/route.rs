//! From coordinates to boxes, labels and lines.
//!
//! A layer is a band across the picture. Inside the bands lines run straight down past everything that
//! stands there; in the gaps between them they bend.

use super::super::model::{Graph, NodeId, NodeKind};
use super::content::{Item, Items};
use super::layers::{
    CORNER, INITIAL_HEIGHT, Kind, LOOP_GAP, LOOP_WIDTH, Layering, PORT_GAP, VertexId, loop_height,
    loop_items, loops_height,
};
use super::strands::{Strand, Strands};
use super::{BoxShape, Direction, LabelShape, LineShape, Picture, Piece, Point, Rect};

/// Between two bands, and how much more if lines have far to go in it.
const GAP: f64 = 34.0;
const GAP_PER_SHIFT: f64 = 0.09;
const MAX_GAP: f64 = 110.0;

/// Draws one part, from (0, 0).
pub fn draw(
    graph: &Graph,
    strands: &Strands,
    items: &Items,
    layering: &Layering,
    xs: &[f64],
) -> Picture {
    let mut drawing = Drawing {
        strands,
        items,
        layering,
        xs,
        bands: bands(layering, xs),
        rects: Vec::new(),
        ports: vec![Ports::default(); layering.vertices()],
    };
    drawing.place_boxes(graph);
    drawing.place_ports(graph);
    drawing.finish()
}

/// Upper and lower edge of each layer.
fn bands(layering: &Layering, xs: &[f64]) -> Vec<(f64, f64)> {
    let mut bands = Vec::new();
    let mut top = 0.0;
    for layer in &layering.layers {
        let vertices = layer.iter().map(|&id| &layering.vertices[id]);
        let height = vertices.map(|vertex| vertex.height).fold(0.0, f64::max);
        bands.push((top, top + height));
        let lines = layer.iter().flat_map(|&id| {
            let lower = layering.vertices[id].lower.iter();
            lower.map(move |&lower| (xs[lower] - xs[id]).abs())
        });
        let shift = lines.fold(0.0, f64::max);
        top += height + (GAP + GAP_PER_SHIFT * shift).min(MAX_GAP);
    }
    bands
}

/// Where lines touch a box, by the vertex next on their way.
#[derive(Clone, Default)]
struct Ports {
    upper: Vec<(VertexId, f64)>,
    lower: Vec<(VertexId, f64)>,
}

struct Drawing<'a> {
    strands: &'a Strands,
    items: &'a Items,
    layering: &'a Layering,
    xs: &'a [f64],
    bands: Vec<(f64, f64)>,
    /// The boxes, by their vertices.
    rects: Vec<Rect>,
    ports: Vec<Ports>,
}

impl Drawing<'_> {
    fn place_boxes(&mut self, graph: &Graph) {
        for &(node, id) in &self.layering.nodes {
            let vertex = &self.layering.vertices[id];
            let (top, bottom) = self.bands[vertex.layer];
            let width = self.layering.box_widths[id];
            let height = self.items.boxes[node].height;
            let above = match Some(node) == graph.initial() {
                true => INITIAL_HEIGHT,
                false => 0.0,
            };
            let middle = f64::midpoint(top, bottom) + above / 2.0;
            self.rects.push(Rect {
                x: self.xs[id] - width / 2.0,
                y: middle - height / 2.0,
                width,
                height,
            });
        }
    }

    /// Spreads the lines at the edges of boxes: each as near to where it goes as its neighbours let it.
    fn place_ports(&mut self, graph: &Graph) {
        let position = self.layering.positions(&self.layering.layers);
        for &(node, id) in &self.layering.nodes {
            let vertex = &self.layering.vertices[id];
            if graph.nodes[node].kind == NodeKind::Undeclared {
                // All lines meet at the circle.
                continue;
            }
            let rect = self.rects[id];
            let spread = |neighbours: &[VertexId]| {
                let mut sorted = neighbours.to_vec();
                sorted.sort_by_key(|&neighbour| position[neighbour]);
                let wanted = sorted.iter().map(|&neighbour| self.xs[neighbour]).collect();
                let places = spread(wanted, rect.x, rect.width);
                sorted.into_iter().zip(places).collect()
            };
            self.ports[id] = Ports {
                upper: spread(&vertex.upper),
                lower: spread(&vertex.lower),
            };
        }
    }

    fn finish(self) -> Picture {
        let mut boxes = Vec::new();
        let mut labels = Vec::new();
        let mut lines = Vec::new();
        for &(node, id) in &self.layering.nodes {
            boxes.push(BoxShape {
                node,
                rect: self.rects[id],
                text: self.items.boxes[node].text.clone(),
            });
            self.loops(node, id, &mut labels, &mut lines);
        }
        for (index, strand) in self.strands.strands.iter().enumerate() {
            let id = self.layering.nodes.len() + index;
            let item = &self.items.labels[strand.arrow];
            if !item.text.is_empty() {
                labels.push(LabelShape {
                    arrow: strand.arrow,
                    rect: self.label_rect(id, item),
                    text: item.text.clone(),
                    beside_loop: false,
                });
            }
            self.strand(index, strand, &mut lines);
        }
        let right_edges = self.layering.vertices.iter().zip(self.xs);
        Picture {
            width: right_edges
                .map(|(vertex, x)| x + vertex.right)
                .fold(0.0, f64::max),
            height: self.bands.last().map_or(0.0, |&(_, bottom)| bottom),
            boxes,
            labels,
            lines,
        }
    }

    fn label_rect(&self, id: VertexId, item: &Item) -> Rect {
        let (top, bottom) = self.bands[self.layering.vertices[id].layer];
        Rect {
            x: self.xs[id] - item.width / 2.0,
            y: f64::midpoint(top, bottom) - item.height / 2.0,
            width: item.width,
            height: item.height,
        }
    }

    fn strand(&self, index: usize, strand: &Strand, lines: &mut Vec<LineShape>) {
        let way = &self.layering.ways[index];
        for leg in &way.legs {
            lines.push(self.line(strand, leg, None));
        }
        let head = match strand.upwards {
            true => Direction::Up,
            false => Direction::Down,
        };
        lines.push(self.line(strand, &way.last, Some(head)));
    }

    /// A line along a way. Its ends are at edges of boxes and labels.
    fn line(&self, strand: &Strand, way: &[VertexId], head: Option<Direction>) -> LineShape {
        let runs: Vec<(f64, f64, f64)> = (0..way.len())
            .map(|at| self.run(way, at, strand.upwards))
            .collect();
        let mut pieces = Vec::new();
        let mut here = Point {
            x: runs[0].0,
            y: runs[0].1,
        };
        let start = here;
        for (x, from, to) in runs {
            let next = Point { x, y: from };
            if (next.x - here.x).abs() > 0.05 {
                let middle = f64::midpoint(here.y, next.y);
                let (a, b) = (
                    Point {
                        x: here.x,
                        y: middle,
                    },
                    Point { x, y: middle },
                );
                pieces.push(Piece::Curve(a, b, next));
            }
            let end = Point { x, y: to };
            // Straight pieces that go on from each other are one.
            if let Some(Piece::Straight(last)) = pieces.last_mut() {
                *last = end;
            } else if end != next {
                pieces.push(Piece::Straight(end));
            }
            here = end;
        }
        if pieces.is_empty() {
            pieces.push(Piece::Straight(here));
        }
        LineShape {
            arrow: strand.arrow,
            start,
            pieces,
            head,
        }
    }

    /// The straight part of a line inside one band: x, and y from and to.
    fn run(&self, way: &[VertexId], at: usize, upwards: bool) -> (f64, f64, f64) {
        let id = way[at];
        let vertex = &self.layering.vertices[id];
        let (top, bottom) = self.bands[vertex.layer];
        let is_first = at == 0;
        let is_last = at + 1 == way.len();
        // The edge that faces the rest of the way.
        let faces_down = is_first != upwards;
        let (x, upper, lower) = match vertex.kind {
            Kind::Passing => (self.xs[id], top, bottom),
            Kind::Label => {
                let middle = f64::midpoint(top, bottom);
                let half = vertex.height / 2.0;
                (self.xs[id], middle - half, middle + half)
            }
            Kind::Node => {
                let neighbour = if is_first { way[1] } else { way[at - 1] };
                let ports = match faces_down {
                    true => &self.ports[id].lower,
                    false => &self.ports[id].upper,
                };
                let port = ports.iter().find(|(vertex, _)| *vertex == neighbour);
                let rect = self.rects[id];
                let x = port.map_or(self.xs[id], |&(_, x)| x);
                (x, rect.y, rect.y + rect.height)
            }
        };
        let (from, to) = match (is_first || is_last, faces_down) {
            (false, _) => (top, bottom),
            (true, true) => (lower, bottom),
            (true, false) => (top, upper),
        };
        match upwards {
            true => (x, to, from),
            false => (x, from, to),
        }
    }

    fn loops(
        &self,
        node: NodeId,
        id: VertexId,
        labels: &mut Vec<LabelShape>,
        lines: &mut Vec<LineShape>,
    ) {
        let Some(arrows) = self.strands.loops.get(&node) else {
            return;
        };
        let rect = self.rects[id];
        let items: Vec<&Item> = loop_items(self.strands, self.items, node).collect();
        let edge = rect.x + rect.width;
        let text = edge + LOOP_WIDTH;
        let middle = rect.y + rect.height / 2.0;
        let mut top = match items[..] {
            [upper, _] => middle - LOOP_GAP / 2.0 - loop_height(upper),
            _ => middle - loops_height(&items) / 2.0,
        };
        let room = rect.height / items.len() as f64;
        let half = (room / 2.0 - 2.0).clamp(1.0, 7.0);
        for (at, (&arrow, item)) in arrows.iter().zip(&items).enumerate() {
            let height = loop_height(item);
            let y = top + height / 2.0;
            top += height + LOOP_GAP;
            let port = rect.y + room * (at as f64 + 0.5);
            // As many as two loops are beside their text anyway; more lean towards it.
            let bend = if items.len() <= 2 { port } else { y };
            let point = |x, y| Point { x, y };
            // The tip of a cubic loop is at three quarters of its control points.
            let tip = edge + (LOOP_WIDTH - 5.0) / 0.75;
            lines.push(LineShape {
                arrow,
                start: point(edge, port - half),
                pieces: vec![Piece::Curve(
                    point(tip, bend - half - 5.0),
                    point(tip, bend + half + 5.0),
                    point(edge, port + half),
                )],
                head: Some(Direction::Left),
            });
            if !item.text.is_empty() {
                labels.push(LabelShape {
                    arrow,
                    rect: Rect {
                        x: text,
                        y: y - item.height / 2.0,
                        width: item.width,
                        height: item.height,
                    },
                    text: item.text.clone(),
                    beside_loop: true,
                });
            }
        }
    }
}

/// Places on an edge from `start` on, each near to the wanted one and not too near to the others.
fn spread(wanted: Vec<f64>, start: f64, width: f64) -> Vec<f64> {
    let count = wanted.len();
    let between = count.saturating_sub(1) as f64;
    let corner = CORNER.min(width / 4.0);
    let gap = PORT_GAP.min((width - 2.0 * corner) / between.max(1.0));
    let (left, right) = (start + corner, start + width - corner);
    let mut places: Vec<f64> = Vec::with_capacity(count);
    for (at, wanted) in wanted.into_iter().enumerate() {
        let least = places.last().map_or(left, |last| last + gap);
        let most = right - gap * (count - 1 - at) as f64;
        places.push(wanted.min(most).max(least));
    }
    places
}

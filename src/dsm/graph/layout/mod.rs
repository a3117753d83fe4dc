//! Where everything stands: a layered layout of a [`Graph`].
//!
//! Boxes and labels alike are items of a layered drawing: each label is a vertex between the states
//! it connects, so it has room of its own and can cover nothing. Steps, each in a file: the order of
//! the states and the strands between them (`strands`), layers (`layers`), the order within layers
//! with few crossings (`order`), coordinates (`coordinates`), lines (`route`). All of it depends on
//! nothing but the graph, so the same diagram always gives the same picture.
//!
//! Lines bend only in the gaps between two layers, where nothing else is, and run straight down past
//! boxes and labels.

mod content;
mod coordinates;
mod layers;
mod order;
mod route;
mod strands;

use super::model::{Graph, NodeId};
use content::measure;
pub use content::{Line, STOP_MARK, Style};
use strands::Strands;

/// Most lines that pass layers, counted once for each layer; more is no picture.
const MAX_VERTICES: usize = 40_000;
/// Around the picture, and between parts that are not connected.
const MARGIN: f64 = 24.0;
const PART_GAP: f64 = 40.0;
/// Parts that are not connected are put side by side up to this width.
const MIN_ROW_WIDTH: f64 = 900.0;

/// A finished layout. Pixels, y downwards.
#[derive(Debug)]
pub struct Picture {
    /// Width of everything with margins.
    pub width: f64,
    /// Height of everything with margins.
    pub height: f64,
    /// One for each node, in their order.
    pub boxes: Vec<BoxShape>,
    /// One for each arrow that has text, and one more where an arrow had to be split.
    pub labels: Vec<LabelShape>,
    /// All lines.
    pub lines: Vec<LineShape>,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// A node.
#[derive(Debug)]
pub struct BoxShape {
    /// Which one.
    pub node: NodeId,
    /// Its place; the circle of an undeclared target is inscribed at the top.
    pub rect: Rect,
    /// Its text, from the top.
    pub text: Vec<Line>,
}

/// The text of an arrow.
#[derive(Debug)]
pub struct LabelShape {
    /// Index into the arrows of the graph.
    pub arrow: usize,
    /// Its place.
    pub rect: Rect,
    /// Its text, from the top.
    pub text: Vec<Line>,
    /// Beside a loop text starts at the left; else it is centred.
    pub beside_loop: bool,
}

/// A line: starts at a point, then cubic curves and straight pieces.
#[derive(Debug)]
pub struct LineShape {
    /// Index into the arrows of the graph.
    pub arrow: usize,
    /// Where it begins.
    pub start: Point,
    /// Each piece goes on from the end of the one before.
    pub pieces: Vec<Piece>,
    /// The direction in which its arrow head points; `None` without one.
    pub head: Option<Direction>,
}

/// A place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece {
    /// Straight to a point.
    Straight(Point),
    /// A cubic curve: two control points and the end.
    Curve(Point, Point, Point),
}

impl Piece {
    /// Where it ends.
    pub fn end(&self) -> Point {
        match self {
            Piece::Straight(end) | Piece::Curve(_, _, end) => *end,
        }
    }
}

/// Where an arrow head points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the lower edge.
    Up,
    /// To the upper edge.
    Down,
    /// Back into a box from a loop beside it.
    Left,
}

impl Picture {
    /// Lays a graph out; `None` if it would take too long to draw or read.
    pub fn new(graph: &Graph) -> Option<Self> {
        let items = measure(graph);
        let mut picture = Picture {
            width: 0.0,
            height: 0.0,
            boxes: Vec::new(),
            labels: Vec::new(),
            lines: Vec::new(),
        };
        let mut shelf = Shelf::default();
        let mut vertices = 0;
        for part in strands::parts(graph) {
            let strands = Strands::new(graph, &part);
            let mut layering = layers::assign(
                graph,
                &strands,
                &items,
                MAX_VERTICES.saturating_sub(vertices),
            )?;
            vertices += layering.vertices();
            order::reduce_crossings(&mut layering);
            let places = coordinates::place(&layering);
            let part = route::draw(graph, &strands, &items, &layering, &places);
            shelf.put(part, &mut picture);
        }
        picture.boxes.sort_by_key(|shape| shape.node);
        picture.width = shelf.width + 2.0 * MARGIN;
        picture.height = shelf.bottom + shelf.row_height + 2.0 * MARGIN;
        Some(picture)
    }
}

/// Puts parts side by side in rows. The first part, that of the initial state, has the first row for
/// itself.
#[derive(Default)]
struct Shelf {
    parts: usize,
    x: f64,
    bottom: f64,
    row_height: f64,
    width: f64,
}

impl Shelf {
    fn put(&mut self, part: Picture, picture: &mut Picture) {
        let limit = self.width.max(MIN_ROW_WIDTH);
        let is_full = self.x > 0.0 && self.x + part.width > limit;
        if is_full || self.parts == 1 {
            self.bottom += self.row_height + PART_GAP;
            self.row_height = 0.0;
            self.x = 0.0;
        }
        let (dx, dy) = (self.x + MARGIN, self.bottom + MARGIN);
        self.width = self.width.max(self.x + part.width);
        self.row_height = self.row_height.max(part.height);
        self.x += part.width + PART_GAP;
        self.parts += 1;
        picture.add(part, dx, dy);
    }
}

impl Picture {
    fn add(&mut self, mut part: Picture, dx: f64, dy: f64) {
        let shift = |point: &mut Point| {
            point.x += dx;
            point.y += dy;
        };
        let rects = part.boxes.iter_mut().map(|shape| &mut shape.rect);
        for rect in rects.chain(part.labels.iter_mut().map(|shape| &mut shape.rect)) {
            rect.x += dx;
            rect.y += dy;
        }
        for line in &mut part.lines {
            shift(&mut line.start);
            for piece in &mut line.pieces {
                match piece {
                    Piece::Straight(end) => shift(end),
                    Piece::Curve(a, b, end) => [a, b, end].into_iter().for_each(shift),
                }
            }
        }
        self.boxes.append(&mut part.boxes);
        self.labels.append(&mut part.labels);
        self.lines.append(&mut part.lines);
    }
}

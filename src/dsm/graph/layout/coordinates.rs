//! Coordinates within the order of the layers, in two steps.
//!
//! First each layer in turn takes the places that are nearest to its neighbours above and below, as
//! a whole and with the distances it needs: a least-squares problem with an order, which pooling of
//! adjacent violators solves exactly. Then lines are straightened: as much of a line as fits gets one
//! common place. (Aligning to columns as Brandes and Köpf do makes the lines of small diagrams just as
//! straight, but was measured to draw sixty states six times as wide.)

use super::layers::{CORNER, Kind, Layering, VertexId};

const BOX_GAP: f64 = 26.0;
const LABEL_GAP: f64 = 16.0;
const LINE_GAP: f64 = 14.0;
/// How much more a line that only passes wants to be straight.
const STRAIGHT: f64 = 6.0;
/// The same for the only line at one edge of a box.
const ONLY: f64 = 3.0;
/// Rounds of taking places, and then of straightening. Picked by looking.
const ROUNDS: usize = 24;
const STRAIGHTENINGS: usize = 4;
/// As many of the last rounds look at both sides; the others go down and up in turn.
const SETTLING: usize = 6;

/// The axis of every vertex; the least left edge is 0.
pub fn place(layering: &Layering) -> Vec<f64> {
    let mut places = Places::new(layering);
    for round in 0..ROUNDS {
        let last = round + SETTLING >= ROUNDS;
        let count = layering.layers.len();
        let sides = |downwards| match last {
            true => Sides::Both,
            false if downwards => Sides::Upper,
            false => Sides::Lower,
        };
        (0..count).for_each(|layer| places.take(layer, sides(true)));
        (0..count)
            .rev()
            .for_each(|layer| places.take(layer, sides(false)));
    }
    for _ in 0..STRAIGHTENINGS {
        places.straighten();
        places.centre_boxes();
    }
    let edges = layering.vertices.iter().zip(&places.xs);
    let least = edges
        .map(|(vertex, x)| x - vertex.left)
        .fold(f64::MAX, f64::min);
    places.xs.iter().map(|x| x - least).collect()
}

/// Which neighbours count.
#[derive(Clone, Copy)]
enum Sides {
    Upper,
    Lower,
    Both,
}

struct Places<'a> {
    layering: &'a Layering,
    position: Vec<usize>,
    xs: Vec<f64>,
}

impl<'a> Places<'a> {
    /// Every layer packed and centred.
    fn new(layering: &'a Layering) -> Self {
        let mut xs = vec![0.0; layering.vertices.len()];
        for layer in &layering.layers {
            let mut x = 0.0;
            let mut before = None;
            for &id in layer {
                x += before.map_or(0.0, |before| distance(layering, before, id));
                xs[id] = x;
                before = Some(id);
            }
            layer.iter().for_each(|&id| xs[id] -= x / 2.0);
        }
        Self {
            layering,
            position: layering.positions(&layering.layers),
            xs,
        }
    }

    /// The weighted mean of the neighbours of a vertex, and the weight.
    fn wanted(&self, id: VertexId, sides: Sides) -> (f64, f64) {
        let vertex = &self.layering.vertices[id];
        let none: &[VertexId] = &[];
        let (upper, lower) = match sides {
            Sides::Upper => (&vertex.upper[..], none),
            Sides::Lower => (none, &vertex.lower[..]),
            Sides::Both => (&vertex.upper[..], &vertex.lower[..]),
        };
        let is_box = |id: VertexId| self.layering.vertices[id].kind == Kind::Node;
        let is_only = |count: usize| if count == 1 { ONLY } else { 1.0 };
        let (mut sum, mut weight) = (0.0, 0.0);
        let neighbours = upper
            .iter()
            .map(|&id| (id, true))
            .chain(lower.iter().map(|&id| (id, false)));
        for (neighbour, is_above) in neighbours {
            let other = &self.layering.vertices[neighbour];
            let pull = match (is_box(id), is_box(neighbour)) {
                (false, false) => STRAIGHT,
                (false, true) if is_above => is_only(other.lower.len()),
                (false, true) => is_only(other.upper.len()),
                (true, _) if is_above => is_only(vertex.upper.len()),
                (true, _) => is_only(vertex.lower.len()),
            };
            sum += pull * self.xs[neighbour];
            weight += pull;
        }
        match weight > 0.0 {
            true => (sum / weight, weight),
            false => (self.xs[id], 0.01),
        }
    }

    /// Gives the vertices of a layer the places nearest to where they want to be.
    fn take(&mut self, layer: usize, sides: Sides) {
        /// Neighbours that stand as close as they can: mean place of the first, and weight.
        struct Pool {
            place: f64,
            weight: f64,
            count: usize,
        }
        let layer = &self.layering.layers[layer];
        let mut offsets = Vec::with_capacity(layer.len());
        let mut pools: Vec<Pool> = Vec::new();
        for (at, &id) in layer.iter().enumerate() {
            let offset = match at {
                0 => 0.0,
                _ => offsets[at - 1] + distance(self.layering, layer[at - 1], id),
            };
            offsets.push(offset);
            let (wanted, weight) = self.wanted(id, sides);
            let mut pool = Pool {
                place: wanted - offset,
                weight,
                count: 1,
            };
            while let Some(last) = pools.pop_if(|last| last.place > pool.place) {
                let weight = last.weight + pool.weight;
                pool = Pool {
                    place: (last.place * last.weight + pool.place * pool.weight) / weight,
                    weight,
                    count: last.count + pool.count,
                };
            }
            pools.push(pool);
        }
        let places = pools
            .iter()
            .flat_map(|pool| std::iter::repeat_n(pool.place, pool.count));
        for ((&id, offset), place) in layer.iter().zip(offsets).zip(places) {
            self.xs[id] = place + offset;
        }
    }

    /// How far a vertex can go to the left and right while its neighbours stay.
    fn room(&self, id: VertexId) -> (f64, f64) {
        let layer = &self.layering.layers[self.layering.vertices[id].layer];
        let at = self.position[id];
        let left = at.checked_sub(1).map(|at| layer[at]);
        let right = layer.get(at + 1).copied();
        (
            left.map_or(f64::MIN, |left| {
                self.xs[left] + distance(self.layering, left, id)
            }),
            right.map_or(f64::MAX, |right| {
                self.xs[right] - distance(self.layering, id, right)
            }),
        )
    }

    /// Makes each line straight as far as the others leave room.
    fn straighten(&mut self) {
        for way in &self.layering.ways {
            // Where lines join they end; the first leg goes on behind the label.
            let mut first = way.legs[0].clone();
            first.extend(&way.last[1..]);
            self.straighten_line(&first);
            for leg in &way.legs[1..] {
                self.straighten_line(leg);
            }
        }
    }

    /// Gives as many vertices of a line as can have it one common place, then the next ones.
    fn straighten_line(&mut self, line: &[VertexId]) {
        let is_box = |id: VertexId| self.layering.vertices[id].kind == Kind::Node;
        let mut at = usize::from(is_box(line[0]));
        let end = line.len() - usize::from(is_box(line[line.len() - 1]));
        while at < end {
            let mut free = (f64::MIN, f64::MAX);
            let mut behind = at;
            while behind < end
                && let Some(both) = overlap(free, self.room(line[behind]))
            {
                free = both;
                behind += 1;
            }
            let run = &line[at..behind.max(at + 1)];
            if behind > at {
                let mean = run.iter().map(|&id| self.xs[id]).sum::<f64>() / run.len() as f64;
                // The best place is one from which it goes straight into the boxes at its ends.
                let ends = [
                    line.get(behind),
                    at.checked_sub(1).map(|before| &line[before]),
                ];
                for &end in ends.into_iter().flatten().filter(|&&end| is_box(end)) {
                    free = overlap(free, self.edge(end)).unwrap_or(free);
                }
                let place = mean.max(free.0).min(free.1);
                run.iter().for_each(|&id| self.xs[id] = place);
            }
            at = behind.max(at + 1);
        }
    }

    /// Where lines can touch a box.
    fn edge(&self, id: VertexId) -> (f64, f64) {
        let half = (self.layering.vertices[id].left - CORNER).max(0.0);
        (self.xs[id] - half, self.xs[id] + half)
    }

    /// Moves boxes to the middle of their lines, as far as there is room.
    fn centre_boxes(&mut self) {
        for &(_, id) in &self.layering.nodes {
            let (wanted, _) = self.wanted(id, Sides::Both);
            let (left, right) = self.room(id);
            if left <= right {
                self.xs[id] = wanted.max(left).min(right);
            }
        }
    }
}

/// What two ranges have in common.
fn overlap(a: (f64, f64), b: (f64, f64)) -> Option<(f64, f64)> {
    let both = (a.0.max(b.0), a.1.min(b.1));
    (both.0 <= both.1).then_some(both)
}

/// Between the axes of two neighbours.
fn distance(layering: &Layering, left: VertexId, right: VertexId) -> f64 {
    let (left, right) = (&layering.vertices[left], &layering.vertices[right]);
    left.right + gap(left.kind).max(gap(right.kind)) + right.left
}

fn gap(kind: Kind) -> f64 {
    match kind {
        Kind::Node => BOX_GAP,
        Kind::Label => LABEL_GAP,
        Kind::Passing => LINE_GAP,
    }
}

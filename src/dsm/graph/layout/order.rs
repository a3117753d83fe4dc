//! The order within the layers: sweeps by the barycentre of the neighbours, then swaps of
//! neighbours, as long as fewer lines cross.

use super::layers::{Layering, VertexId};

/// Sweeps down and up, of which the best result is kept. Picked by measuring: later ones seldom help.
const SWEEPS: usize = 16;
/// Rounds of swapping after each sweep.
const SWAP_ROUNDS: usize = 8;
/// A picture with more vertices gets fewer sweeps.
const LARGE: usize = 6_000;

/// Reorders the layers.
pub fn reduce_crossings(layering: &mut Layering) {
    let mut position = layering.positions(&layering.layers);
    let mut best = layering.layers.clone();
    let mut fewest = crossings(layering, &position);
    let sweeps = match layering.vertices() > LARGE {
        true => 2,
        false => SWEEPS,
    };
    for sweep in 0..sweeps {
        if fewest == 0 {
            break;
        }
        let downwards = sweep % 2 == 0;
        let count = layering.layers.len();
        for step in 0..count {
            let layer = if downwards { step } else { count - 1 - step };
            sort(layering, layer, downwards, &mut position);
        }
        swap_neighbours(layering, &mut position);
        let now = crossings(layering, &position);
        if now < fewest {
            fewest = now;
            best.clone_from(&layering.layers);
        }
    }
    layering.layers = best;
}

/// Sorts one layer by the mean place of the neighbours in the layer that was sorted before. A vertex
/// without such neighbours stays where it is.
fn sort(layering: &mut Layering, layer: usize, downwards: bool, position: &mut [usize]) {
    let key = |vertex: VertexId| {
        let vertex_ = &layering.vertices[vertex];
        let neighbours = if downwards {
            &vertex_.upper
        } else {
            &vertex_.lower
        };
        if neighbours.is_empty() {
            return None;
        }
        let sum: usize = neighbours
            .iter()
            .map(|&neighbour| position[neighbour])
            .sum();
        Some(sum as f64 / neighbours.len() as f64)
    };
    let order = &layering.layers[layer];
    let mut movable: Vec<(f64, VertexId)> = order
        .iter()
        .filter_map(|&vertex| Some((key(vertex)?, vertex)))
        .collect();
    movable.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sorted = movable.into_iter();
    let order: Vec<VertexId> = order
        .iter()
        .map(|&vertex| match key(vertex) {
            None => vertex,
            Some(_) => sorted.next().map_or(vertex, |(_, vertex)| vertex),
        })
        .collect();
    for (at, &vertex) in order.iter().enumerate() {
        position[vertex] = at;
    }
    layering.layers[layer] = order;
}

fn swap_neighbours(layering: &mut Layering, position: &mut [usize]) {
    for _ in 0..SWAP_ROUNDS {
        let mut swapped = false;
        for layer in 0..layering.layers.len() {
            for at in 1..layering.layers[layer].len() {
                let (left, right) = (layering.layers[layer][at - 1], layering.layers[layer][at]);
                let (l, r) = (&layering.vertices[left], &layering.vertices[right]);
                let kept =
                    between(&l.upper, &r.upper, position) + between(&l.lower, &r.lower, position);
                let other =
                    between(&r.upper, &l.upper, position) + between(&r.lower, &l.lower, position);
                if other < kept {
                    layering.layers[layer].swap(at - 1, at);
                    position[left] = at;
                    position[right] = at - 1;
                    swapped = true;
                }
            }
        }
        if !swapped {
            break;
        }
    }
}

/// Crossings between the lines of two vertices that stand side by side.
fn between(left: &[VertexId], right: &[VertexId], position: &[usize]) -> usize {
    let crosses = |&l: &VertexId| right.iter().filter(|&&r| position[r] < position[l]).count();
    left.iter().map(crosses).sum()
}

fn crossings(layering: &Layering, position: &[usize]) -> usize {
    let mut total = 0;
    for layer in &layering.layers {
        let width = layer
            .iter()
            .flat_map(|&v| &layering.vertices[v].lower)
            .map(|&l| position[l] + 1);
        // Counts the ends right of each new one, in a tree of sums.
        let mut tree = vec![0; width.max().unwrap_or(0) + 1];
        let mut ends = 0;
        for &vertex in layer {
            let lower = &layering.vertices[vertex].lower;
            for &end in lower {
                let mut at = position[end] + 1;
                let mut not_right = 0;
                while at > 0 {
                    not_right += tree[at];
                    at &= at - 1;
                }
                total += ends - not_right;
            }
            for &end in lower {
                let mut at = position[end] + 1;
                while at < tree.len() {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                ends += 1;
            }
        }
    }
    total
}

//! What may not cover what.

use muleteer::dsm::graph::Graph;
use muleteer::dsm::graph::layout::{LineShape, Picture, Piece, Point, Rect};

use super::{all_diagrams, drawn, graph};

/// Everything wrong with a picture.
pub fn faults(graph: &Graph) -> Vec<String> {
    let Some(picture) = Picture::new(graph) else {
        return vec!["not laid out".to_owned()];
    };
    let mut faults = Vec::new();
    let boxes = picture.boxes.iter().map(|shape| {
        let name = format!("box {}", graph.nodes[shape.node].name);
        (name, shape.rect)
    });
    let labels = picture.labels.iter().map(|label| {
        let name = format!("label {}", graph.arrows[label.arrow].transitions[0].name);
        (name, label.rect)
    });
    let all: Vec<(String, Rect)> = boxes.chain(labels).collect();
    let page = Rect {
        x: 0.0,
        y: 0.0,
        width: picture.width,
        height: picture.height,
    };
    for (at, (name, rect)) in all.iter().enumerate() {
        for (other, second) in &all[at + 1..] {
            if overlap(rect, second) {
                faults.push(format!("{name} covers {other}"));
            }
        }
        if !inside(rect, &page) {
            faults.push(format!("{name} is outside of the page"));
        }
        for line in picture.lines.iter().filter(|line| passes(line, rect)) {
            let arrow = &graph.arrows[line.arrow].transitions[0].name;
            faults.push(format!("the line of {arrow} passes through {name}"));
        }
    }
    let texts = picture.boxes.iter().map(|shape| (&shape.text, shape.rect));
    let texts = texts.chain(picture.labels.iter().map(|label| (&label.text, label.rect)));
    for (lines, rect) in texts {
        for line in lines {
            if line.width > rect.width || line.baseline > rect.height {
                faults.push(format!("{:?} does not fit in", line.text));
            }
        }
    }
    let drawn = picture.boxes.len() == graph.nodes.len();
    let arrows =
        (0..graph.arrows.len()).all(|at| picture.lines.iter().any(|line| line.arrow == at));
    if !drawn || !arrows {
        faults.push("something is left out".to_owned());
    }
    faults
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    let apart =
        |a: f64, a_size: f64, b: f64, b_size: f64| a + a_size <= b + 0.01 || b + b_size <= a + 0.01;
    !apart(a.x, a.width, b.x, b.width) && !apart(a.y, a.height, b.y, b.height)
}

fn inside(a: &Rect, page: &Rect) -> bool {
    a.x >= page.x && a.y >= page.y && a.x + a.width <= page.width && a.y + a.height <= page.height
}

/// Whether a line comes into the inside of a rectangle; it may touch its edge.
fn passes(line: &LineShape, rect: &Rect) -> bool {
    const STEPS: u32 = 40;
    const EDGE: f64 = 1.0;
    let is_in = |point: Point| {
        point.x > rect.x + EDGE
            && point.x < rect.x + rect.width - EDGE
            && point.y > rect.y + EDGE
            && point.y < rect.y + rect.height - EDGE
    };
    let mut start = line.start;
    line.pieces.iter().any(|piece| {
        let from = start;
        start = piece.end();
        (0..=STEPS).any(|step| is_in(at(from, piece, f64::from(step) / f64::from(STEPS))))
    })
}

fn at(from: Point, piece: &Piece, t: f64) -> Point {
    let mix = |a: f64, b: f64, c: f64, d: f64| {
        let s = 1.0 - t;
        s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
    };
    match piece {
        Piece::Straight(end) => Point {
            x: from.x + (end.x - from.x) * t,
            y: from.y + (end.y - from.y) * t,
        },
        Piece::Curve(b, c, d) => Point {
            x: mix(from.x, b.x, c.x, d.x),
            y: mix(from.y, b.y, c.y, d.y),
        },
    }
}

#[track_caller]
fn assert_faultless(graph: &Graph, what: &str) {
    let faults = faults(graph);
    assert!(faults.is_empty(), "{what}:\n{}", faults.join("\n"));
}

#[test]
fn nothing_covers_anything_in_any_diagram_of_ours() {
    for (path, text) in all_diagrams() {
        if let Ok(graph) = drawn(&text) {
            assert_faultless(&graph, &path.to_string_lossy());
        }
    }
}

#[test]
fn the_initial_state_is_on_top() {
    for (path, text) in all_diagrams() {
        let Ok(graph) = drawn(&text) else { continue };
        let Some(initial) = graph.initial() else {
            continue;
        };
        let picture = Picture::new(&graph).unwrap();
        let layer = |rect: Rect| rect.y + rect.height;
        let top = picture.boxes.iter().map(|shape| layer(shape.rect));
        let top = top.fold(f64::MAX, f64::min);
        let own = picture.boxes[initial].rect;
        assert!(own.y <= top, "{}", path.display());
    }
}

#[test]
fn one_state_alone_is_drawn() {
    assert_faultless(&graph("initial state ONLY;"), "one state");
}

#[test]
fn sixty_states_with_three_hundred_transitions_are_drawn() {
    let states: String = (0..60)
        .map(|i| {
            format!(
                "{}state S{i} enter {{ playFile(\"{i}.wav\"); }};\n",
                if i == 0 { "initial " } else { "" }
            )
        })
        .collect();
    let transitions: String = (0..300)
        .map(|i| {
            let (from, to) = (i * 37 % 60, (i * 37 + i * 11 % 9) % 60);
            format!("transition \"t{i}\" S{from} - key(#key == {i}); test($a == {i}) / set($b={i}) -> S{to};\n")
        })
        .collect();
    assert_faultless(&graph(&(states + &transitions)), "sixty states");
}

//! A picture as SVG: one file without references to anything else, for light and dark pages and for
//! paper, with the full text of everything that had to be shortened as tool tips.

use std::fmt::Write as _;

use super::layout::{
    BoxShape, Direction, LabelShape, Line, LineShape, Picture, Piece, Point, Style,
};
use super::measure::{Weight, width};
use super::model::{Arrow, Graph, Node, NodeKind};

const HEADER: f64 = 34.0;
const FOOTER: f64 = 26.0;
const MARGIN: f64 = 24.0;
const HEAD_LENGTH: f64 = 8.0;
const HEAD_HALF: f64 = 3.6;
/// Corner radius of boxes.
const ROUND: f64 = 9.0;
const LEGEND_SIZE: f64 = 10.5;

const STYLE: &str = "
.dsm{font-family:Helvetica,Arial,'Liberation Sans',sans-serif;font-size:10.5px}
.dsm .page{fill:#fff}
.dsm text{fill:#24292f}
.dsm .heading{font-size:16px;font-weight:bold}
.dsm .title{font-size:14px;font-weight:bold}
.dsm .name{font-size:11.5px;font-weight:bold}
.dsm .list,.dsm .actions,.dsm .legend{fill:#57606a}
.dsm .conditions{fill:#0b5cad}
.dsm .remark{fill:#57606a;font-style:italic}
.dsm .reference{fill:#7a3ec8}
.dsm .box{fill:#eef4fb;stroke:#3b6ea5;stroke-width:1.4}
.dsm .inner{fill:none;stroke:#3b6ea5}
.dsm .any{fill:#f6f8fa;stroke:#8c959f;stroke-dasharray:2 3}
.dsm .missing{fill:#fff0ee;stroke:#cf222e;stroke-width:1.4;stroke-dasharray:5 3}
.dsm .ring{fill:none;stroke:#24292f;stroke-width:1.6}
.dsm .dot{fill:#24292f}
.dsm .line{fill:none;stroke:#57606a;stroke-width:1.3}
.dsm .head{fill:#57606a}
.dsm .exception .line{stroke:#c2410c;stroke-dasharray:6 4}
.dsm .exception .head{fill:#c2410c}
.dsm .exception .name,.dsm .exception .conditions{fill:#c2410c}
.dsm .stop{fill:#24292f}
@media screen and (prefers-color-scheme:dark){
.dsm .page{fill:#0d1117}
.dsm text{fill:#e6edf3}
.dsm .list,.dsm .actions,.dsm .legend,.dsm .remark{fill:#9da7b3}
.dsm .conditions{fill:#79b8ff}
.dsm .reference{fill:#c69cff}
.dsm .box{fill:#162334;stroke:#6ea8e0}
.dsm .inner{stroke:#6ea8e0}
.dsm .any{fill:#161b22;stroke:#6e7681}
.dsm .missing{fill:#2d1214;stroke:#ff7b72}
.dsm .ring{stroke:#e6edf3}
.dsm .dot,.dsm .stop{fill:#e6edf3}
.dsm .line{stroke:#9da7b3}
.dsm .head{fill:#9da7b3}
.dsm .exception .line{stroke:#ffa657}
.dsm .exception .head,.dsm .exception .name,.dsm .exception .conditions{fill:#ffa657}
}
";

/// Writes the picture of a graph.
pub fn write(graph: &Graph, picture: &Picture) -> String {
    let legend = legend(graph);
    let footer = if legend.is_empty() { 0.0 } else { FOOTER };
    let heading = width(&graph.name, 16.0, Weight::Bold);
    let legend_width: f64 = legend.iter().map(LegendItem::width).sum();
    let page_width = picture
        .width
        .max(heading.max(legend_width) + 2.0 * MARGIN)
        .ceil();
    let page_height = (picture.height + HEADER + footer).ceil();
    let mut svg = Svg::default();
    svg.open(graph, page_width, page_height);
    svg.text(MARGIN, HEADER - 8.0, "heading", &graph.name, heading);
    let shift = Number((page_width - picture.width) / 2.0);
    svg.raw(&format!(
        "<g transform=\"translate({shift} {})\">\n",
        Number(HEADER)
    ));
    // Lines first: where they touch, boxes and text are above them.
    for (index, arrow) in graph.arrows.iter().enumerate() {
        svg.arrow(graph, picture, index, arrow);
    }
    for shape in &picture.boxes {
        svg.node(&graph.nodes[shape.node], shape);
    }
    svg.raw("</g>\n");
    if !legend.is_empty() {
        svg.legend(&legend, page_height - 12.0);
    }
    svg.raw("</svg>\n");
    svg.out
}

#[derive(Default)]
struct Svg {
    out: String,
}

impl Svg {
    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn open(&mut self, graph: &Graph, width: f64, height: f64) {
        let states = graph
            .nodes
            .iter()
            .filter(|node| matches!(node.kind, NodeKind::State { .. }));
        let transitions: usize = graph
            .arrows
            .iter()
            .map(|arrow| arrow.transitions.len())
            .sum();
        let (width, height) = (Number(width), Number(height));
        let name = escape(&graph.name);
        let _ = write!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"dsm\" role=\"img\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <title>State diagram {name}</title>\n\
             <desc>{} states and {transitions} transitions.</desc>\n\
             <style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n",
            states.count(),
        );
    }

    /// A line of text from `x` on, made exactly `width` wide whatever the font.
    fn text(&mut self, x: f64, baseline: f64, class: &str, text: &str, width: f64) {
        if text.is_empty() {
            return;
        }
        let _ = writeln!(
            self.out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" textLength=\"{}\" \
             lengthAdjust=\"spacingAndGlyphs\">{}</text>",
            Number(x),
            Number(baseline),
            Number(width),
            escape(text)
        );
    }

    fn arrow(&mut self, graph: &Graph, picture: &Picture, index: usize, arrow: &Arrow) {
        let class = match arrow.exception {
            true => "arrow exception",
            false => "arrow",
        };
        let _ = writeln!(self.out, "<g class=\"{class}\">");
        self.tooltip(&full_arrow(graph, arrow));
        for line in picture.lines.iter().filter(|line| line.arrow == index) {
            self.line(line);
        }
        for label in picture.labels.iter().filter(|label| label.arrow == index) {
            self.label(label);
        }
        self.raw("</g>\n");
    }

    fn tooltip(&mut self, text: &str) {
        let _ = writeln!(self.out, "<title>{}</title>", escape(text));
    }

    fn line(&mut self, line: &LineShape) {
        let mut path = format!("M{}", Pair(line.start));
        for piece in &line.pieces {
            let _ = match piece {
                Piece::Straight(end) => write!(path, "L{}", Pair(*end)),
                Piece::Curve(a, b, end) => {
                    write!(path, "C{} {} {}", Pair(*a), Pair(*b), Pair(*end))
                }
            };
        }
        let _ = writeln!(self.out, "<path class=\"line\" d=\"{path}\"/>");
        let Some(direction) = line.head else { return };
        let tip = line.pieces.last().map_or(line.start, Piece::end);
        let (along, across) = match direction {
            Direction::Up => ((0.0, 1.0), (1.0, 0.0)),
            Direction::Down => ((0.0, -1.0), (1.0, 0.0)),
            Direction::Left => ((1.0, 0.25), (-0.25, 1.0)),
        };
        let corner = |side: f64| {
            Pair(Point {
                x: tip.x + along.0 * HEAD_LENGTH + across.0 * side,
                y: tip.y + along.1 * HEAD_LENGTH + across.1 * side,
            })
        };
        let _ = writeln!(
            self.out,
            "<path class=\"head\" d=\"M{}L{}L{}Z\"/>",
            Pair(tip),
            corner(HEAD_HALF),
            corner(-HEAD_HALF)
        );
    }

    fn label(&mut self, label: &LabelShape) {
        let middle = label.rect.x + label.rect.width / 2.0;
        for line in &label.text {
            let mark = match line.style {
                Style::StoppingName => super::layout::STOP_MARK,
                _ => 0.0,
            };
            let x = match label.beside_loop {
                true => label.rect.x + 3.0,
                false => middle - (line.width + mark) / 2.0,
            };
            let baseline = label.rect.y + line.baseline;
            if mark > 0.0 {
                self.stop_mark(x, baseline);
            }
            self.text(
                x + mark,
                baseline,
                class(line.style),
                &line.text,
                line.width,
            );
        }
    }

    fn stop_mark(&mut self, x: f64, baseline: f64) {
        let (x, y) = (Number(x), Number(baseline - 7.5));
        let _ = writeln!(
            self.out,
            "<rect class=\"stop\" x=\"{x}\" y=\"{y}\" width=\"7\" height=\"7\"/>"
        );
    }

    fn node(&mut self, node: &Node, shape: &BoxShape) {
        self.raw("<g class=\"node\">\n");
        self.tooltip(&full_node(node));
        let rect = shape.rect;
        let middle = rect.x + rect.width / 2.0;
        match node.kind {
            NodeKind::State { initial, last } => {
                self.rect(shape, "box", 0.0);
                if last {
                    self.rect(shape, "inner", 3.5);
                }
                if initial {
                    self.initial(middle, rect.y);
                }
            }
            NodeKind::Missing => self.rect(shape, "missing", 0.0),
            NodeKind::AnyOf => self.rect(shape, "any", 0.0),
            NodeKind::Undeclared => {
                let (x, y) = (Number(middle), Number(rect.y + 11.0));
                let _ = writeln!(
                    self.out,
                    "<circle class=\"ring\" cx=\"{x}\" cy=\"{y}\" r=\"10\"/>"
                );
                let _ = writeln!(
                    self.out,
                    "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"5.5\"/>"
                );
            }
        }
        for line in &shape.text {
            let left = rect.x + (rect.width - text_width(&shape.text)) / 2.0;
            let x = match line.style {
                Style::Title | Style::Remark => middle - line.width / 2.0,
                _ if node.kind == NodeKind::Undeclared || node.kind == NodeKind::AnyOf => {
                    middle - line.width / 2.0
                }
                _ => left,
            };
            self.text(
                x,
                rect.y + line.baseline,
                class(line.style),
                &line.text,
                line.width,
            );
        }
        self.raw("</g>\n");
    }

    fn rect(&mut self, shape: &BoxShape, class: &str, inset: f64) {
        let rect = shape.rect;
        let _ = writeln!(
            self.out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            Number(rect.x + inset),
            Number(rect.y + inset),
            Number(rect.width - 2.0 * inset),
            Number(rect.height - 2.0 * inset),
            Number(ROUND - inset)
        );
    }

    /// The dot and arrow of the state in which the diagram starts.
    fn initial(&mut self, x: f64, top: f64) {
        let (cx, cy) = (Number(x), Number(top - 24.0));
        let _ = writeln!(
            self.out,
            "<circle class=\"dot\" cx=\"{cx}\" cy=\"{cy}\" r=\"5.5\"/>"
        );
        let line = LineShape {
            arrow: 0,
            start: Point { x, y: top - 18.5 },
            pieces: vec![Piece::Straight(Point { x, y: top })],
            head: Some(Direction::Down),
        };
        self.line(&line);
    }

    fn legend(&mut self, items: &[LegendItem], baseline: f64) {
        let mut x = MARGIN;
        for item in items {
            match item {
                LegendItem::Exception => {
                    self.raw("<g class=\"exception\">\n");
                    let y = baseline - 3.5;
                    let line = LineShape {
                        arrow: 0,
                        start: Point { x, y },
                        pieces: vec![Piece::Straight(Point { x: x + 22.0, y })],
                        head: None,
                    };
                    self.line(&line);
                    self.raw("</g>\n");
                }
                LegendItem::Stop => self.stop_mark(x, baseline),
                LegendItem::Reference => {
                    self.text(x, baseline, "reference", "↗", LEGEND_SIZE);
                }
                LegendItem::Last => {
                    for (class, inset) in [("box", 0.0), ("inner", 2.5)] {
                        let _ = writeln!(
                            self.out,
                            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>",
                            Number(x + inset),
                            Number(baseline - 10.0 + inset),
                            Number(20.0 - 2.0 * inset),
                            Number(13.0 - 2.0 * inset)
                        );
                    }
                }
            }
            let text = item.text();
            let width = width(text, LEGEND_SIZE, Weight::Regular);
            self.text(x + item.sign_width(), baseline, "legend", text, width);
            x += item.width();
        }
    }
}

fn text_width(text: &[Line]) -> f64 {
    text.iter().map(|line| line.width).fold(0.0, f64::max)
}

fn class(style: Style) -> &'static str {
    match style {
        Style::Title => "title",
        Style::List => "list",
        Style::Remark => "remark",
        Style::Name | Style::StoppingName => "name",
        Style::Conditions => "conditions",
        Style::Actions => "actions",
        Style::Reference => "reference",
    }
}

/// A sign that the picture uses and not everybody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LegendItem {
    Exception,
    Stop,
    Reference,
    Last,
}

impl LegendItem {
    fn text(&self) -> &'static str {
        match self {
            LegendItem::Exception => "on an exception",
            LegendItem::Stop => "ends the session",
            LegendItem::Reference => "another diagram",
            LegendItem::Last => "nothing leads on",
        }
    }

    fn sign_width(&self) -> f64 {
        match self {
            LegendItem::Exception | LegendItem::Last => 27.0,
            LegendItem::Stop => 12.0,
            LegendItem::Reference => 14.0,
        }
    }

    fn width(&self) -> f64 {
        self.sign_width() + width(self.text(), LEGEND_SIZE, Weight::Regular) + 22.0
    }
}

fn legend(graph: &Graph) -> Vec<LegendItem> {
    let transitions = || graph.arrows.iter().flat_map(|arrow| &arrow.transitions);
    let refers = !graph.nodes.iter().all(|node| node.references.is_empty())
        || !transitions().all(|transition| transition.references.is_empty());
    let is_last = |node: &Node| matches!(node.kind, NodeKind::State { last: true, .. });
    let used = [
        (LegendItem::Last, graph.nodes.iter().any(is_last)),
        (
            LegendItem::Stop,
            transitions().any(|transition| transition.stops),
        ),
        (
            LegendItem::Exception,
            graph.arrows.iter().any(|arrow| arrow.exception),
        ),
        (LegendItem::Reference, refers),
    ];
    used.into_iter()
        .filter_map(|(item, used)| used.then_some(item))
        .collect()
}

fn full_arrow(graph: &Graph, arrow: &Arrow) -> String {
    let name = |&id: &usize| graph.nodes[id].name.as_str();
    let from: Vec<&str> = arrow.from.iter().map(name).collect();
    let mut text = format!("{} → {}", from.join(", "), name(&arrow.to));
    for transition in &arrow.transitions {
        text.push('\n');
        text.push_str(&transition.line());
    }
    text
}

fn full_node(node: &Node) -> String {
    let mut text = match node.kind {
        NodeKind::State { .. } => node.name.clone(),
        NodeKind::AnyOf => format!("from any of: {}", node.name),
        NodeKind::Undeclared => format!("{} is not declared: the state stays", node.name),
        NodeKind::Missing => format!("{} is not declared", node.name),
    };
    for (what, actions) in [("enter", &node.enter), ("exit", &node.exit)] {
        if !actions.is_empty() {
            text.push_str(&format!("\n{what} / {}", actions.join("; ")));
        }
    }
    text
}

/// A coordinate with at most one decimal.
#[derive(Clone, Copy)]
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        let sign = if tenths < 0 { "-" } else { "" };
        let (whole, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
        match tenth {
            0 => write!(f, "{sign}{whole}"),
            _ => write!(f, "{sign}{whole}.{tenth}"),
        }
    }
}

#[derive(Clone, Copy)]
struct Pair(Point);

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", Number(self.0.x), Number(self.0.y))
    }
}

/// Text for XML; what XML cannot hold is replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

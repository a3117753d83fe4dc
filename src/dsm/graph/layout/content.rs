//! What is written into boxes and beside arrows, and how much room it takes.

use super::super::measure::{Weight, shorten, width, wrap};
use super::super::model::{Arrow, EVERY_STATE, Graph, Node, NodeKind, Transition, reference};

const BOX_TEXT_WIDTH: f64 = 215.0;
const LABEL_WIDTH: f64 = 165.0;
const LIST_LINES: usize = 2;
/// Blank between the edge of a box and its text.
const PADDING_X: f64 = 12.0;
const PADDING_Y: f64 = 8.0;
/// Between two labels of one arrow.
const STACK_GAP: f64 = 5.0;
/// Diameter of the circle of an undeclared target.
pub const CIRCLE: f64 = 22.0;
/// The square before the name of a transition that stops the session, and the blank behind it.
pub const STOP_MARK: f64 = 11.0;

/// How a line of text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Name of a state.
    Title,
    /// Actions in a state.
    List,
    /// "any of" above its states.
    Remark,
    /// Name of a transition.
    Name,
    /// Name of a transition that stops the session, with a mark before it.
    StoppingName,
    /// `[conditions]`.
    Conditions,
    /// `/ actions`.
    Actions,
    /// Calls another diagram.
    Reference,
}

impl Style {
    /// Font size in pixels.
    pub fn size(self) -> f64 {
        match self {
            Style::Title => 14.0,
            Style::Name | Style::StoppingName => 11.5,
            Style::List | Style::Remark | Style::Conditions | Style::Actions | Style::Reference => {
                10.5
            }
        }
    }

    /// Thickness.
    pub fn weight(self) -> Weight {
        match self {
            Style::Title | Style::Name | Style::StoppingName => Weight::Bold,
            _ => Weight::Regular,
        }
    }

    fn line_height(self) -> f64 {
        match self {
            Style::Title => 18.0,
            _ => 13.5,
        }
    }
}

/// One line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// As shown.
    pub text: String,
    /// How it is written.
    pub style: Style,
    /// Width of the text without the mark before it.
    pub width: f64,
    /// Of the base line, below the top of its box or label.
    pub baseline: f64,
}

/// Text with its size.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Lines from the top.
    pub text: Vec<Line>,
    /// Width with padding.
    pub width: f64,
    /// Height with padding.
    pub height: f64,
}

/// Everything written in a picture.
#[derive(Debug)]
pub struct Items {
    /// By node.
    pub boxes: Vec<Item>,
    /// By arrow.
    pub labels: Vec<Item>,
}

/// Measures all boxes and labels.
pub fn measure(graph: &Graph) -> Items {
    Items {
        boxes: graph.nodes.iter().map(node).collect(),
        labels: graph.arrows.iter().map(label).collect(),
    }
}

#[derive(Default)]
struct Writer {
    item: Item,
}

impl Writer {
    fn line(&mut self, text: String, style: Style) {
        let line_height = style.line_height();
        let baseline = self.item.height + line_height * 0.78;
        let width = width(&text, style.size(), style.weight());
        let mark = match style {
            Style::StoppingName => STOP_MARK,
            _ => 0.0,
        };
        self.item.width = self.item.width.max(width + mark);
        self.item.height += line_height;
        self.item.text.push(Line {
            text,
            style,
            width,
            baseline,
        });
    }

    fn wrapped(&mut self, text: &str, style: Style, limit: f64, lines: usize) {
        for line in wrap(text, style.size(), style.weight(), limit, lines) {
            self.line(line, style);
        }
    }

    fn list(&mut self, what: &str, actions: &[String]) {
        if !actions.is_empty() {
            let text = format!("{what} / {}", actions.join("; "));
            self.wrapped(&text, Style::List, BOX_TEXT_WIDTH, LIST_LINES);
        }
    }

    fn references(&mut self, references: &[String], limit: f64) {
        for reference in references {
            let text = format!("↗ {reference}");
            let text = shorten(&text, Style::Reference.size(), Weight::Regular, limit);
            self.line(text, Style::Reference);
        }
    }

    fn padded(mut self, x: f64, y: f64) -> Item {
        self.item.width = (self.item.width + 2.0 * x).ceil();
        self.item.height = (self.item.height + 2.0 * y).ceil();
        for line in &mut self.item.text {
            line.baseline += y;
        }
        self.item
    }
}

fn node(node: &Node) -> Item {
    let mut writer = Writer::default();
    match node.kind {
        NodeKind::State { .. } | NodeKind::Missing => {
            writer.wrapped(&node.name, Style::Title, BOX_TEXT_WIDTH, 2);
            writer.list("enter", &node.enter);
            writer.list("exit", &node.exit);
            writer.references(&node.references, BOX_TEXT_WIDTH);
            let mut item = writer.padded(PADDING_X, PADDING_Y);
            item.width = item.width.max(64.0);
            item
        }
        NodeKind::AnyOf => {
            let remark = match node.name.starts_with(EVERY_STATE) {
                true => "from",
                false => "from any of",
            };
            writer.line(remark.to_owned(), Style::Remark);
            writer.wrapped(&node.name, Style::List, BOX_TEXT_WIDTH, 4);
            writer.padded(PADDING_X, 6.0)
        }
        NodeKind::Undeclared => {
            writer.item.height = CIRCLE + 2.0;
            writer.wrapped(&node.name, Style::List, BOX_TEXT_WIDTH, 2);
            writer.item.width = writer.item.width.max(CIRCLE);
            writer.padded(0.0, 0.0)
        }
    }
}

fn label(arrow: &Arrow) -> Item {
    let mut writer = Writer::default();
    for (index, transition) in arrow.transitions.iter().enumerate() {
        if index > 0 {
            writer.item.height += STACK_GAP;
        }
        entry(transition, &mut writer);
    }
    if writer.item.text.is_empty() {
        return Item::default();
    }
    writer.padded(3.0, 3.0)
}

fn entry(transition: &Transition, writer: &mut Writer) {
    if !transition.name.is_empty() {
        let style = match transition.stops {
            true => Style::StoppingName,
            false => Style::Name,
        };
        let limit = LABEL_WIDTH - STOP_MARK;
        for (index, line) in wrap(&transition.name, style.size(), style.weight(), limit, 2)
            .into_iter()
            .enumerate()
        {
            writer.line(line, if index == 0 { style } else { Style::Name });
        }
    }
    if !transition.conditions.is_empty() {
        let text = format!("[{}]", transition.conditions.join("; "));
        writer.wrapped(&text, Style::Conditions, LABEL_WIDTH, LIST_LINES);
    }
    // A reference has a line of its own.
    let is_reference = |action: &&String| reference(action).is_none();
    let actions: Vec<&str> = transition
        .actions
        .iter()
        .filter(is_reference)
        .map(String::as_str)
        .collect();
    if !actions.is_empty() {
        let text = format!("/ {}", actions.join("; "));
        writer.wrapped(&text, Style::Actions, LABEL_WIDTH, LIST_LINES);
    }
    writer.references(&transition.references, LABEL_WIDTH);
}

//! CORE: pictures of diagrams.
//!
//! [`read`] makes a [`Graph`] of a diagram's tree, also of one with errors; [`Graph::write`] writes it
//! as an SVG picture, for Graphviz or for Mermaid. Driven by `muleteer graph`; it reads and writes no
//! files itself. The same text always gives the same bytes.

mod describe;
mod dot;
pub mod layout;
mod measure;
mod mermaid;
pub mod model;
mod svg;

use super::Registry;
use super::load::{Loaded, load_and, stem};
use super::source::SourceProvider;
use layout::Picture;
pub use model::Graph;

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable Vector Graphics, laid out here.
    Svg,
    /// The language of Graphviz.
    Dot,
    /// A state diagram of Mermaid.
    Mermaid,
}

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDrawn {
    /// The file has no state and no transition, or none that could be read.
    #[error("there is no state and no transition to draw")]
    Empty,
    /// It has too many of them.
    #[error("too large to draw: a picture has at most {0} states and transitions from them")]
    TooLarge(usize),
    /// Too many lines pass too many others.
    #[error("too tangled to lay out as SVG; write it as dot or mermaid instead")]
    TooTangled,
}

/// Reads the diagram at `path` for drawing. The findings are those of a check.
pub fn read(
    path: &str,
    provider: &dyn SourceProvider,
    registry: &Registry,
) -> (Loaded, Result<Graph, NotDrawn>) {
    let name = stem(path);
    let (loaded, graph) = load_and(name, path, provider, registry, |tree| {
        Graph::new(name, tree)
    });
    (loaded, graph.unwrap_or(Err(NotDrawn::Empty)))
}

impl Graph {
    /// The picture as text.
    ///
    /// # Errors
    ///
    /// [`NotDrawn::TooTangled`], for SVG only.
    pub fn write(&self, format: Format) -> Result<String, NotDrawn> {
        match format {
            Format::Svg => {
                let picture = Picture::new(self).ok_or(NotDrawn::TooTangled)?;
                Ok(svg::write(self, &picture))
            }
            Format::Dot => Ok(dot::write(self)),
            Format::Mermaid => Ok(mermaid::write(self)),
        }
    }
}

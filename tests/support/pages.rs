//! The diagrams that pages of `docs/` show.

use std::fs;
use std::path::Path;

/// The diagrams of a page in order.
pub fn diagrams(page: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = fs::read_to_string(folder.join(page)).expect("the page exists");
    let blocks = page.split("```dsm\n").skip(1);
    let text = |block: &str| block.split("```").next().unwrap_or_default().to_owned();
    blocks.map(text).collect()
}

//! What benchmarks of diagrams share.

use muleteer::dsm::source::EntryKind;
use muleteer::dsm::{
    ActionContext, ActionOutcome, HostAction, LogLevel, Problem, SourceProvider, Values,
};

/// A folder in which every file is this text.
pub struct Text(pub String);

impl SourceProvider for Text {
    fn kind(&self, _: &str) -> Option<EntryKind> {
        Some(EntryKind::File)
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        Some(self.0.clone().into_bytes())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// A host that does whatever it is asked, which is nothing.
pub struct Idle;

impl ActionContext for Idle {
    fn select(&self, _: &str) -> Option<String> {
        None
    }

    fn perform(&mut self, _: &HostAction, _: &mut Values) -> ActionOutcome {
        ActionOutcome::done()
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn log(&mut self, _: LogLevel, _: &str) {}

    fn problem(&mut self, _: &Problem) {}
}

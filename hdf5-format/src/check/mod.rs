//! Checking a whole file: which bytes are in use by what, and what breaks the rules of the format.
//!
//! A check walks every structure with the readers of [`graph`](crate::graph), which report their blocks to a survey and
//! go on past damage. The blocks make the map of the file: where two overlap, where one sticks out, and which bytes no
//! block has. On the way names, orders and counts are compared with what they index, order and count.

mod chunks;
mod dataset;
mod dense;
mod elements;
mod file;
mod group;
mod map;
mod report;
mod shared;
mod walk;

pub use report::{Code, Finding, Report, Severity, SpaceBlock, Usage};

use crate::dataset::file::FileCore;
use alloc::sync::Arc;

/// What a check looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CheckOptions {
    pub(crate) data: bool,
    pub(crate) blocks: bool,
    pub(crate) space_only: bool,
}

impl CheckOptions {
    /// Metadata; of the data only what attributes hold.
    pub fn new() -> Self {
        CheckOptions::default()
    }

    /// Whether all data are read: every chunk is decoded, and what elements of variable length point at is looked up.
    ///
    /// Without it, heap collections that only data point at are found by their signature, in bytes that nothing else
    /// uses.
    pub fn data(mut self, data: bool) -> Self {
        self.data = data;
        self
    }

    /// Whether the report lists every block.
    pub fn blocks(mut self, blocks: bool) -> Self {
        self.blocks = blocks;
        self
    }

    /// Whether only the map of blocks is wanted: names, orders and counts are not compared.
    pub fn space_only(mut self, space_only: bool) -> Self {
        self.space_only = space_only;
        self
    }
}

/// Checks an opened file.
pub(crate) fn run(core: &Arc<FileCore>, options: CheckOptions) -> Report {
    walk::Checker::new(core, options).run()
}

//! Free-space managers: which parts of a file, or of a fractal heap, are free.

pub mod header;
pub mod sections;

pub use header::{Client, FreeSpaceHeader};
pub use sections::{FreeSpaceSections, Section, SectionKind};

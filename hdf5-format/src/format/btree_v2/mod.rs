//! Version 2 B-tree (File Format Spec, III.A.2): header, nodes, records, and the sizes that follow.

pub mod header;
pub mod layout;
pub mod node;
pub mod records;

pub use header::{BTreeV2Header, RecordType};
pub use layout::Layout;
pub use node::{BTreeV2Node, ChildPointer};

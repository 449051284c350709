//! Fractal heap (File Format Spec, III.G): header, doubling table, blocks, heap ids.
//!
//! Objects up to a size are *managed*: they lie in direct blocks, which a doubling table of indirect blocks maps to
//! offsets of one address space. Larger ones are *huge*: stored alone, by address or through a B-tree. The smallest
//! are *tiny*: within the heap id itself.

pub mod direct;
pub mod doubling_table;
pub mod header;
pub mod heap_id;
pub mod indirect;

pub use direct::DirectBlock;
pub use doubling_table::DoublingTable;
pub use header::{FractalHeapHeader, HeapFilter};
pub use heap_id::{HeapId, HugeId, IdForm};
pub use indirect::{DirectEntry, IndirectBlock};

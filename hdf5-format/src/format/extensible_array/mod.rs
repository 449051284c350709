//! Extensible array (File Format Spec, VII.D): chunks of a dataset with one unlimited dimension.
//!
//! Elements lie in the index block, then in data blocks that double in size every other super block. The data blocks of
//! the first super blocks are listed in the index block, the others in super blocks of their own.

mod blocks;
mod header;

pub use blocks::{BlockPrefix, BlockType};
pub use header::{ExtensibleArrayHeader, SuperBlockInfo};

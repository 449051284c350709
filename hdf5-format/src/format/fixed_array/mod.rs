//! Fixed array (File Format Spec, VII.C): chunks of a dataset that can not grow.

mod data_block;
mod header;

pub use data_block::FixedArrayDataBlock;
pub use header::FixedArrayHeader;

//! Bytes to numbers and back: the bounded cursor, the writer, the file-wide widths, checksums.

pub mod checksum;
mod cursor;
#[cfg(test)]
pub(crate) mod testing;
mod width;
mod writer;

pub use cursor::Cursor;
pub use width::{Address, Sizes, limited_width, to_usize};
pub use writer::Writer;

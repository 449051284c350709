//! Raw data in and out.

pub mod axes;
pub mod cache;
mod chunked;
mod contiguous;
pub mod external;
pub mod file;
pub mod paste;
pub mod picks;
pub mod pieces;
pub mod read;
pub mod run;
mod spans;
pub mod stored;
mod virtual_;
mod virtual_extent;
mod virtual_pairs;
mod virtual_picks;
pub(crate) mod virtual_write;
pub mod wanted;

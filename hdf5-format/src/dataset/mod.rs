//! Raw data in and out.

pub mod axes;
pub mod cache;
mod chunked;
mod contiguous;
pub mod external;
pub mod file;
pub mod paste;
pub mod read;
pub mod stored;
mod virtual_;
mod virtual_extent;
mod virtual_pairs;

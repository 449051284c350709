//! The only code that follows addresses.

pub mod chunk_index;
mod context;
pub mod object_header;
pub mod open;
pub mod shared;
mod visited;

pub use context::{Block, FileContext};
pub use visited::Visited;

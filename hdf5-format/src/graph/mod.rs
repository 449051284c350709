//! The only code that follows addresses.

mod context;
pub mod object_header;
pub mod open;
pub mod shared;
mod visited;

pub use context::{Block, FileContext};
pub use visited::Visited;

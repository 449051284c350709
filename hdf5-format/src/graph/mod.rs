//! The only code that follows addresses.

mod context;
mod visited;

pub use context::{Block, FileContext};
pub use visited::Visited;

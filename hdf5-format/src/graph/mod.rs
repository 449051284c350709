//! The only code that follows addresses.

mod allowance;
pub mod attributes;
pub mod btree_v1;
pub mod btree_v2;
pub mod chunk_index;
mod context;
pub mod fractal_heap;
pub mod global_heap;
pub mod links;
pub mod local_heap;
pub mod object_header;
pub mod open;
pub(crate) mod redo;
pub mod shared;
pub(crate) mod survey;
#[cfg(test)]
pub(crate) mod testing;
mod visited;

pub use context::{Block, FileContext};
pub use visited::Visited;

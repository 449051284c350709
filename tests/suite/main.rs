//! Tests across the crates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod allocations;
mod check;
mod crash;
mod docs;
mod edit;
mod files;
mod fixtures;
mod hostile;
mod layers;
mod locks;
mod selections;
mod shapes;
mod threads;

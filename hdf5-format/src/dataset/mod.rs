//! Raw data in and out.

pub mod axes;

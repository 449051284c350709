//! Values, arrays and datatypes in `serde`'s data model: what they are in JSON, see [`ValueSeed`].

mod load;
mod store;

pub use load::ValueSeed;

#[cfg(test)]
mod tests;

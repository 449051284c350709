//! `#[derive(H5Type)]`: Rust structs as HDF5 compounds, enums as HDF5 enumerations.
//!
//! ```
//! use hdf5_format::{CreateOptions, H5Type, io::MemoryFile};
//!
//! #[derive(H5Type, Debug, PartialEq)]
//! struct Reading {
//!     time: u64,
//!     #[h5(rename = "T")]
//!     temperature: f32,
//!     state: State,
//!     tags: Vec<String>,
//! }
//!
//! #[derive(H5Type, Debug, PartialEq, Clone, Copy)]
//! enum State {
//!     Good = 0,
//!     Suspect = 2,
//! }
//!
//! # fn main() -> hdf5_format::Result<()> {
//! let file = CreateOptions::new().create_in(MemoryFile::new(Vec::new()))?;
//! let reading = Reading { time: 7, temperature: 21.5, state: State::Suspect, tags: vec!["lab".into()] };
//! let dataset = file.create_dataset("readings", vec![reading])?;
//! assert_eq!(
//!     dataset.dtype().to_string(),
//!     "{time: u64le, T: f32le, state: enum<i8>{Good=0, Suspect=2}, tags: vlen<str utf8>}"
//! );
//! let readings: Vec<Reading> = dataset.read_vec()?;
//! assert_eq!(readings[0].state, State::Suspect);
//!
//! // Members are found by name: others are left out.
//! #[derive(H5Type)]
//! struct Part { time: i32 }
//! assert_eq!(dataset.read_vec::<Part>()?[0].time, 7);
//! # Ok(()) }
//! ```
//!
//! # Attributes of fields
//!
//! - `#[h5(rename = "name")]`: the member's name.
//! - `#[h5(order = 0)]`: the member's position in the compound; fields without one stay in the order of their declaration,
//!   after those with one.
//! - `#[h5(skip)]`: no member; loaded as `Default::default()`.
//! - `#[h5(default)]`, `#[h5(default = "path")]`: what it is where the file has no such member.
//!
//! The fields of tuple structs are the members `0`, `1`, …
//!
//! # Enums
//!
//! Variants have no fields. They are stored in the smallest integers that hold their numbers, or in those of a
//! `#[repr(u8)]` and the like; `#[h5(rename = "name")]` names a variant. Reading goes by name where the file has names, and
//! asks for the same numbers; a number without a variant is an error.
//!
//! # What is refused
//!
//! ```compile_fail
//! #[derive(hdf5_format::H5Type)]
//! enum Shape { Circle(f64) }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_format::H5Type)]
//! union Bits { a: u8 }
//! ```
//!
//! ```compile_fail
//! struct NoElement;
//! #[derive(hdf5_format::H5Type)]
//! struct Holder { inner: NoElement }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_format::H5Type)]
//! struct Twice { a: u8, #[h5(rename = "a")] b: u8 }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_format::H5Type)]
//! struct Unknown { #[h5(rnme = "x")] a: u8 }
//! ```

#![deny(missing_docs)]

mod attributes;
mod enums;
mod structs;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Error, Result};

/// Implements `Load`, `Store` and `Scalar`: see the [crate](self).
#[proc_macro_derive(H5Type, attributes(h5))]
pub fn h5_type(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    attributes::none(&input.attrs)?;
    match &input.data {
        Data::Struct(data) => structs::expand(input, &data.fields),
        Data::Enum(data) => enums::expand(input, data),
        Data::Union(_) => {
            Err(Error::new_spanned(&input.ident, "H5Type is for structs and enums; a union has no one type"))
        }
    }
}

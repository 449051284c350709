//! The HDF5 file format in pure Rust: no C library, no C code.
//!
//! ```no_run
//! # fn main() -> hdf5_format::Result<()> {
//! use hdf5_format::File;
//! let file = File::open("data.h5")?;
//! let dataset = file.dataset("/run1/temperature")?;
//! let values: Vec<f64> = dataset.read_vec()?;
//! let units: String = dataset.attr("units")?;
//! # let _ = (values, units);
//! # Ok(()) }
//! ```
//!
//! [`File`], [`Group`], [`Dataset`], [`Attribute`] and [`Select`] are what most programs need; [`OpenOptions`] holds
//! limits, filters and the policy for other files; [`Value`] is one element of any type; [`canonical`] turns values into
//! bytes that do not depend on how a file stores them.
//!
//! # Layers
//!
//! Lowest first; a layer imports only those before it, and a test enforces that:
//! [`error`] and [`limits`], [`io`], [`codec`], [`mod@format`], [`datatype`] / [`dataspace`] / [`filter`], [`graph`],
//! [`dataset`], and the types above.
//!
//! # Guarantees
//!
//! No `unsafe` but for the optional memory map. No panic, and work and memory bounded by [`Limits`] and the file's size,
//! whatever the bytes. No file but the one opened is touched unless [`ExternalPolicy`] allows it. `no_std` with `alloc`
//! runs the same API.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;

/// For code that `#[derive(H5Type)]` writes where there is no `std`.
#[doc(hidden)]
pub use alloc::vec::Vec;
#[cfg(test)]
extern crate self as hdf5_format;

mod api;
pub mod check;
pub mod codec;
pub mod dataset;
pub mod dataspace;
pub mod datatype;
pub mod edit;
pub mod error;
pub mod filter;
pub mod format;
pub mod graph;
pub mod io;
pub mod limits;
mod sync;

#[cfg(feature = "serde")]
pub use api::ValueSeed;
pub use api::{
    Attribute, Attrs, ChunkPart, Compaction, Conversion, CreateOptions, Data, Dataset, DatasetBuilder, DynArray,
    Element, Enumeration, Field, File, FixedAscii, FixedUnicode, Group, GroupBuilder, Layout, Link, LinkKind, Load,
    Member, NamedDatatype, NativeComplex, Object, ObjectInfo, Opaque, OpenOptions, Plain, PlainField, PlainItems,
    PlainLayout, PlainNumber, Record, RecordBuilder, Reference, RegionReference, RepackOptions, Scalar, Select, Single,
    Sink, Slice, Source, Store, Stored, StoredChunk, Value, VarLenAscii, Walk, canonical, decode_elements,
    encode_elements, load_plain,
};
pub use codec::{Address, Sizes};
pub use error::{Error, ErrorKind, Result, Rule};
pub use filter::Filters;
pub use format::message::datatype::Datatype;
#[cfg(feature = "derive")]
pub use hdf5_format_derive::H5Type;
pub use io::ExternalPolicy;
pub use limits::Limits;

/// The examples of the README, and the recipes.
#[cfg(all(doctest, feature = "ndarray", feature = "derive"))]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/cookbook.md")]
#[doc = include_str!("../../docs/porting.md")]
struct Readme;

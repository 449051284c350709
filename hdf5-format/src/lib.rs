//! The HDF5 file format in pure Rust.
//!
//! Layers, lowest first; a layer imports only those before it:
//! [`error`] and [`limits`], [`io`], [`codec`], [`format`], `datatype` / `dataspace` / `filter`, [`graph`],
//! `dataset`, `api`. A test enforces the order.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(
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

mod api;
pub mod codec;
pub mod dataset;
pub mod dataspace;
pub mod datatype;
pub mod error;
pub mod filter;
pub mod format;
pub mod graph;
pub mod io;
pub mod limits;

pub use api::{
    Attribute, Dataset, Element, File, Group, Layout, Link, LinkKind, Member, NamedDatatype, Object, ObjectInfo,
    OpenOptions, Reference, Select, Slice, Value, canonical,
};
pub use codec::Address;
pub use error::{Error, ErrorKind, Result};
pub use io::ExternalPolicy;
pub use limits::Limits;

/// The examples of the README.
#[cfg(all(doctest, feature = "ndarray"))]
#[doc = include_str!("../../README.md")]
struct Readme;

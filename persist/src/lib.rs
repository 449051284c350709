//! Rust values as HDF5 files that plain h5py can read, and back, across versions of the program that wrote them.
#![deny(missing_docs)]

mod access;
pub mod dialect;
mod registry;
mod store;
mod types;
mod value;

pub use access::{ArrayView, Delayed, Lazy, OnDemand, Slot};
pub use hdf5_format::{Error, ErrorKind, Result};
#[cfg(feature = "derive")]
pub use hdf5_persist_derive::Persist;
pub use registry::{DumpVersion, LoadVersion, Migrated, Registry, RegistryStack};
pub use store::{Access, Closed, Handle, Mode, Store, StoreOptions, load, load_value, save, save_value};
pub use types::{Bytes, Dumping, Labelled, Loading, Persist, Place};
pub use value::{
    Array, Attrs, DatasetNode, Elements, GroupNode, Identity, Link, Members, Node, Object, Storage, Tag, TimeIndex,
    Timestamp, Value,
};

/// For code that `#[derive(Persist)]` writes.
#[doc(hidden)]
#[allow(missing_docs)]
pub mod derived {
    pub use crate::types::{Fields, NewNode, Spec};
}

/// The guide's examples.
#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../../docs/persist.md")]
struct Guide;

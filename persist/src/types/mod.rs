//! Rust types whose values are persisted.

mod arrays;
mod collections;
mod context;
mod fields;
mod scalars;
mod shared;

pub use context::{Dumping, Loading};
pub use fields::{Fields, NewNode, Spec};
pub use scalars::Bytes;

use crate::value::{Node, Value};
use hdf5_format::Result;

/// Where a value goes in a group that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An attribute of the group.
    Attr,
    /// A member of the group.
    Member,
}

/// A Rust type whose values are persisted.
///
/// `#[derive(Persist)]` writes it for structs and enums, with [`Labelled`].
///
/// | Rust | value |
/// | --- | --- |
/// | integers, `BigInt` | an integer |
/// | `f32`, `f64`, `bool`, complex numbers, `String`, `PathBuf`, `()` | the same |
/// | [`Bytes`] | bytes |
/// | `Vec`, arrays and slices of numbers and booleans; `ndarray`'s arrays | an array |
/// | `Vec`, arrays, `VecDeque` of other types | a list |
/// | tuples, sets, maps | a tuple, a set, a map |
/// | `Option<T>` | nothing, or that of `T` |
/// | `Rc<T>`, `Arc<T>` | that of `T`, once, however many there are of it |
/// | `Box<T>` | that of `T` |
/// | `SystemTime`, [`Timestamp`](crate::Timestamp) | a time |
/// | [`Value`] | itself |
/// | [`Lazy`](crate::Lazy) | an array that stays in its file |
/// | [`OnDemand`](crate::OnDemand), [`Delayed`](crate::Delayed) | a value that is read, or written, later |
pub trait Persist: Sized {
    /// Where fields of this type go unless their `#[persist(..)]` says otherwise.
    const PLACE: Place = Place::Member;

    /// True for types that look at shared values, and at those not yet read, themselves.
    #[doc(hidden)]
    const RAW: bool = false;

    /// The value.
    ///
    /// # Errors
    /// It has none, or a dumper fails.
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value>;

    /// The Rust value of a value.
    ///
    /// # Errors
    /// It is of another kind, does not fit, or a loader fails.
    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self>;

    /// The value of many: a list, or an array where elements are numbers.
    ///
    /// # Errors
    /// As [`dump`](Persist::dump).
    fn dump_all(values: &[Self], to: &mut Dumping<'_>) -> Result<Value> {
        values.iter().map(|value| value.dump(to)).collect::<Result<_>>().map(Value::Seq)
    }

    /// The Rust values of a list or an array.
    ///
    /// # Errors
    /// As [`load`](Persist::load).
    fn load_all(value: Value, from: &mut Loading<'_>) -> Result<Vec<Self>> {
        collections::items(value)?.into_iter().map(|item| from.load(item)).collect()
    }

    /// What a field is that a file does not have; `None` if that is an error.
    fn absent() -> Option<Self> {
        None
    }
}

/// A type whose values are objects: they carry a label and a version.
pub trait Labelled: Persist + 'static {
    /// The namespace where no registry gives another.
    const NAMESPACE: &'static str;

    /// The name of the class in files.
    const LABEL: &'static str;

    /// The version of the form that [`to_node`](Labelled::to_node) makes.
    const VERSION: i64;

    /// The group or dataset that holds a value.
    ///
    /// # Errors
    /// A field cannot be dumped.
    fn to_node(&self, to: &mut Dumping<'_>) -> Result<Node>;

    /// The value that a group or dataset holds.
    ///
    /// # Errors
    /// A field is missing, or is of another kind.
    fn from_node(node: Node, from: &mut Loading<'_>) -> Result<Self>;
}

//! What users see: files, groups, datasets, attributes.

mod attribute;
mod attrs;
mod builder;
pub mod canonical;
mod change;
mod check;
mod copy;
mod dataset;
mod decode;
mod dynamic;
mod element;
mod encode;
mod file;
mod glob;
mod group;
mod new_attributes;
mod object;
mod options;
mod put;
mod recover;
mod reference;
mod repack;
mod scales;
mod selection;
#[cfg(feature = "serde")]
mod serde;
mod space;
mod value;
mod walk;
mod write;

pub use attribute::Attribute;
pub use attrs::Attrs;
pub use builder::{DatasetBuilder, GroupBuilder};
pub use change::CreateOptions;
pub use dataset::{ChunkPart, Dataset, Layout, StoredChunk};
pub use dynamic::DynArray;
pub use element::{
    Conversion, Data, Element, Enumeration, Field, FixedAscii, FixedUnicode, Load, NativeComplex, Opaque, Plain,
    PlainField, PlainItems, PlainLayout, PlainNumber, Record, RecordBuilder, RegionReference, Scalar, Single, Sink,
    Source, Store, Stored, VarLenAscii, decode_elements, encode_elements, load_plain,
};
pub use file::File;
pub use group::{Group, Link, LinkKind, Member};
pub use object::{NamedDatatype, Object, ObjectInfo};
pub use options::OpenOptions;
pub use repack::RepackOptions;
pub use selection::{Select, Slice};
#[cfg(feature = "serde")]
pub use serde::ValueSeed;
pub use space::Compaction;
pub use value::{Reference, Value};
pub use walk::Walk;

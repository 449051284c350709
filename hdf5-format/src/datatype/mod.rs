//! Datatypes in memory: what a type contains, how it is shown, how its bits become numbers.

pub mod bits;
mod build;
pub mod conventions;
pub mod convert;
mod display;
mod float;
pub mod number;
pub mod odd;
mod parse;
pub mod pointers;

use crate::format::message::datatype::{Class, Datatype};

/// True if the type or any type inside it satisfies `wanted`. The recursion is as deep as the type.
pub fn any(datatype: &Datatype, wanted: &dyn Fn(&Datatype) -> bool) -> bool {
    wanted(datatype)
        || match &datatype.class {
            Class::Compound { members } => members.iter().any(|m| any(&m.datatype, wanted)),
            Class::Enum { base, .. }
            | Class::Vlen { base, .. }
            | Class::Array { base, .. }
            | Class::Complex { base } => any(base, wanted),
            _ => false,
        }
}

/// True if elements hold variable-length data: pointers into the global heap.
pub fn contains_vlen(datatype: &Datatype) -> bool {
    any(datatype, &|t| matches!(t.class, Class::Vlen { .. }))
}

/// True if elements hold references.
pub fn contains_reference(datatype: &Datatype) -> bool {
    any(datatype, &|t| matches!(t.class, Class::Reference { .. }))
}

/// True if stored elements mean nothing outside their file: they hold variable-length data or references.
pub fn contains_address(datatype: &Datatype) -> bool {
    any(datatype, &|t| matches!(t.class, Class::Vlen { .. } | Class::Reference { .. }))
}

//! Elements in memory, without a file: of types that keep nothing in a heap.

use super::{Conversion, Load, Sink, Source, Store};
use crate::codec::{Sizes, to_usize};
use crate::dataset::axes::box_bytes;
use crate::datatype::contains_address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use alloc::format;
use alloc::vec::Vec;

/// Values as stored elements of a datatype.
///
/// # Errors
/// The datatype is of another kind, a value does not fit it, or it keeps elements in a file's heap.
pub fn encode_elements<T: Store>(datatype: &Datatype, how: Conversion, values: &[T]) -> Result<Vec<u8>> {
    let plan = T::plan(datatype, how)?;
    if let Some(bytes) = T::bytes(values, &plan) {
        return Ok(bytes.to_vec());
    }
    let bytes = box_bytes([values.len() as u64], datatype.size() as u64).unwrap_or(u64::MAX);
    let mut out = alloc::vec![0; to_usize(bytes)?];
    let mut refuse = |_: &[u8]| Err(needs_file(datatype));
    T::store_all(values, &plan, datatype.size(), &mut out, &mut Sink::new(Sizes::EIGHT, &mut refuse))?;
    Ok(out)
}

/// Stored elements of a datatype as values.
///
/// # Errors
/// The datatype is of another kind, a value does not fit, or elements are kept in a file's heap.
pub fn decode_elements<T: Load>(datatype: &Datatype, how: Conversion, bytes: &[u8]) -> Result<Vec<T>> {
    if contains_address(datatype) {
        return Err(needs_file(datatype));
    }
    let plan = T::plan(datatype, how)?;
    let mut copy = |to: &mut [u8]| {
        let count = to.len().min(bytes.len());
        let (to, from) = (to.get_mut(..count).unwrap_or_default(), bytes.get(..count).unwrap_or_default());
        to.copy_from_slice(from);
        Ok(())
    };
    let count = bytes.len().checked_div(datatype.size()).unwrap_or(0);
    match T::load_direct(&plan, count, &mut copy) {
        Some(values) => values,
        None => T::load_all(&plan, datatype.size(), bytes, &mut Source::detached()),
    }
}

fn needs_file(datatype: &Datatype) -> Error {
    Error::new(ErrorKind::Unsupported, format!("elements of {datatype} are kept in a file's heap"))
}

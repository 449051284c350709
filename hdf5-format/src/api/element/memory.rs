//! Elements in memory, without a file: of types that keep nothing in a heap.

use super::{Conversion, Data, Load, Sink, Source};
use crate::codec::{Sizes, to_usize};
use crate::dataset::axes::box_bytes;
use crate::datatype::contains_address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use alloc::format;
use alloc::vec::Vec;

/// Values as stored elements of a datatype, appended to others.
///
/// # Errors
/// The datatype is of another kind, a value does not fit it, or it keeps elements in a file's heap. Nothing is appended
/// then.
pub fn encode_elements(datatype: &Datatype, how: Conversion, data: impl Data, out: &mut Vec<u8>) -> Result<()> {
    data.with(datatype, how, |values| {
        if let Some(bytes) = values.bytes {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let bytes = box_bytes([values.count as u64], datatype.size() as u64).unwrap_or(u64::MAX);
        let before = out.len();
        out.resize(before.saturating_add(to_usize(bytes)?), 0);
        let mut refuse = |_: &[u8]| Err(needs_file(datatype));
        let new = out.get_mut(before..).unwrap_or_default();
        let done = values.store(new, &mut Sink::new(Sizes::EIGHT, &mut refuse));
        if done.is_err() {
            out.truncate(before);
        }
        done
    })?
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

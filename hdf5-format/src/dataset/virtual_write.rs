//! Writing through a virtual dataset: which elements go into which source.

use super::picks::{Pick, Picks};
use super::read::Reader;
use super::virtual_picks;
use crate::codec::{Address, to_usize};
use crate::datatype::{contains_address, convert};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::layout::Storage;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// Elements that go into a dataset.
pub(crate) struct Part {
    /// Its file, if that is another one.
    pub(crate) file: Option<Vec<u8>>,
    /// Its header.
    pub(crate) address: Address,
    /// Where they go.
    pub(crate) picks: Picks,
    /// The elements, as the dataset stores them.
    pub(crate) elements: Vec<u8>,
}

/// The parts that picked elements of a virtual dataset are. Nothing is written.
///
/// # Errors
/// An element is in no source that there is, its value does not fit the source, or a source is damaged.
pub(crate) fn parts(
    reader: &Reader<'_>,
    picks: &Picks,
    elements: &[u8],
    how: convert::Conversion,
) -> Result<Vec<Part>> {
    let size = reader.dataset.element_size();
    let (mut parts, mut mapped) = (Vec::new(), vec![false; to_usize(picks.len())?]);
    virtual_picks::each_source(reader, picks, u64::MAX, &mut |source, list| {
        for pick in list {
            let (from, len) = (to_usize(pick.out)?, to_usize(pick.len)?);
            mapped.get_mut(from..from.saturating_add(len)).unwrap_or_default().fill(true);
        }
        let inner = source.reader(reader)?;
        let (picks, given) = gathered(list, elements, size)?;
        let given = converted(reader, &inner, given, how)?;
        if let Storage::Virtual { .. } = inner.dataset.layout.storage {
            let below = self::parts(&inner, &picks, &given, how)?;
            let own = source.file(reader);
            parts.extend(below.into_iter().map(|part| Part { file: part.file.or_else(|| own.clone()), ..part }));
            return Ok(());
        }
        if inner.dataset.external.is_some() {
            return Err(Error::unsupported("a source whose elements are in external files, which are not written"));
        }
        if source.is_linked() {
            return Err(Error::unsupported("writing to a source behind an external link"));
        }
        parts.push(Part { file: source.file(reader), address: source.address(), picks, elements: given });
        Ok(())
    })?;
    if let Some(number) = mapped.iter().position(|mapped| !mapped) {
        let message = format!("element {number} of the selection is in none of the datasets that there are");
        return Err(Error::new(ErrorKind::NotFound, message)
            .with_hint("write what the sources hold; virtual_mappings() tells what that is"));
    }
    Ok(parts)
}

/// Elements of a source in the order of their list.
fn gathered(list: &[Pick], elements: &[u8], size: usize) -> Result<(Picks, Vec<u8>)> {
    let (mut own, mut given, mut number) = (Vec::with_capacity(list.len()), Vec::new(), 0u64);
    for pick in list {
        let from = to_usize(pick.out)?.saturating_mul(size);
        let len = to_usize(pick.len)?.saturating_mul(size);
        given.extend_from_slice(elements.get(from..from.saturating_add(len)).unwrap_or(&[]));
        own.push(Pick { out: number, ..*pick });
        number = number.saturating_add(pick.len);
    }
    Ok((Picks::of_list(own), given))
}

/// Elements of the virtual dataset as the source stores them.
fn converted(outer: &Reader<'_>, inner: &Reader<'_>, given: Vec<u8>, how: convert::Conversion) -> Result<Vec<u8>> {
    let (from, to) = (&outer.dataset.datatype, &inner.dataset.datatype);
    if contains_address(to) && !from.is_same(to) {
        return Err(Error::unsupported(format!("elements of {from} in a source of {to}")));
    }
    if from.is_same(to) { Ok(given) } else { convert::elements(from, to, how, given) }
}

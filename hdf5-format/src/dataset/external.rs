//! Raw data in external files: slots of named files, one after the other, are the dataset's elements.

use super::contiguous::Linear;
use super::file::FileCore;
use super::picks::Picks;
use super::stored::StoredDataset;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::external_files::{ExternalFiles, Slot};
use crate::graph::FileContext;
use crate::graph::local_heap::LocalHeapReader;
use crate::io::{Storage, StorageMut};
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A range of an external file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSlot {
    /// Name of the file, as stored.
    pub name: Vec<u8>,
    /// First byte used of that file.
    pub offset: u64,
    /// Bytes used; `None` is unlimited.
    pub size: Option<u64>,
}

/// The slots of an external file list, with their names.
pub(super) fn slots(ctx: &FileContext, list: Option<&ExternalFiles>) -> Result<Vec<ExternalSlot>> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let heap = LocalHeapReader::open(ctx, list.heap)?;
    let slot = |s: &Slot| {
        Ok(ExternalSlot { name: heap.text(ctx, s.name_offset)?.into_owned(), offset: s.offset, size: s.size })
    };
    list.slots.iter().map(slot).collect()
}

/// The slots of one dataset, opened where reading needs them.
pub(super) struct ExternalStorage<'a> {
    pub(super) core: &'a FileCore,
    pub(super) slots: &'a [ExternalSlot],
}

impl Linear for ExternalStorage<'_> {
    fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        let mut out = vec![0; to_usize(len)?];
        self.fill(start, &mut out)?;
        Ok(Cow::Owned(out))
    }

    fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        let end = start.saturating_add(buf.len() as u64);
        let mut slot_start = 0u64;
        for slot in self.slots {
            let slot_end = slot.size.map_or(u64::MAX, |size| slot_start.saturating_add(size));
            let (from, to) = (start.max(slot_start), end.min(slot_end));
            if from < to {
                let range = to_usize(from.saturating_sub(start))?..to_usize(to.saturating_sub(start))?;
                if let Some(part) = buf.get_mut(range) {
                    self.read_slot(slot, from.saturating_sub(slot_start), part)?;
                }
            }
            slot_start = slot_end;
        }
        if slot_start < end {
            return Err(Error::new(
                ErrorKind::Corrupt,
                alloc::format!("the external files hold {slot_start} bytes, the dataset needs {end}"),
            )
            .within("external file list"));
        }
        Ok(())
    }
}

impl ExternalStorage<'_> {
    /// Bytes past the end of an external file read as zero, as libhdf5 has it.
    fn read_slot(&self, slot: &ExternalSlot, at: u64, buf: &mut [u8]) -> Result<()> {
        let file: Arc<dyn Storage> = self.core.open_raw(&slot.name)?;
        let offset = slot.offset.saturating_add(at);
        let there = file.len()?.saturating_sub(offset).min(buf.len() as u64);
        let (data, rest) = buf.split_at_mut_checked(to_usize(there)?).unwrap_or((&mut [], &mut []));
        rest.fill(0);
        if data.is_empty() { Ok(()) } else { file.read_at(offset, data) }
    }
}

/// Writes picked elements to the files that hold them. All files are opened before anything is written.
///
/// # Errors
/// The files have no room for an element, may not be written, or fail; those that do not fail may be written then.
pub fn write(core: &FileCore, dataset: &StoredDataset, picks: &Picks, elements: &[u8]) -> Result<()> {
    let slots = slots(core.ctx(), dataset.external.as_ref())?;
    let parts = parts(&slots, picks, dataset.element_size() as u64)?;
    let mut files: BTreeMap<&[u8], Arc<dyn StorageMut>> = BTreeMap::new();
    for part in &parts {
        if !files.contains_key(part.name) {
            files.insert(part.name, core.open_raw_mut(part.name)?);
        }
    }
    for part in parts {
        let bytes = to_usize(part.from)?..to_usize(part.from.saturating_add(part.len))?;
        if let (Some(file), Some(bytes)) = (files.get(part.name), elements.get(bytes)) {
            file.write_at(part.at, bytes)?;
        }
    }
    files.values().try_for_each(|file| file.sync())
}

/// Bytes of elements that go to one place.
struct Part<'s> {
    name: &'s [u8],
    /// Offset in the file.
    at: u64,
    /// Place among the elements.
    from: u64,
    len: u64,
}

fn parts<'s>(slots: &'s [ExternalSlot], picks: &Picks, size: u64) -> Result<Vec<Part<'s>>> {
    let corrupt = |text| Error::new(ErrorKind::Corrupt, text).within("external file list");
    let (mut parts, mut ahead) = (Vec::new(), slots.iter());
    let (mut slot, mut slot_start, mut slot_end): (Option<&ExternalSlot>, u64, u64) = (None, 0, 0);
    for pick in picks.list() {
        let (mut start, end) = (pick.place.saturating_mul(size), pick.end().saturating_mul(size));
        let mut from = pick.out.saturating_mul(size);
        while start < end {
            // Picks ascend, and so do the slots that they are in.
            while slot_end <= start {
                let next = ahead.next().ok_or_else(|| {
                    corrupt(alloc::format!("the external files hold {slot_end} bytes, the elements need {end}"))
                })?;
                slot_start = slot_end;
                slot_end = next.size.map_or(u64::MAX, |size| slot_start.saturating_add(size));
                slot = Some(next);
            }
            let Some(slot) = slot else { break };
            let len = end.min(slot_end).saturating_sub(start);
            let at =
                slot.offset.checked_add(start.saturating_sub(slot_start)).filter(|at| at.checked_add(len).is_some());
            let at = at.ok_or_else(|| corrupt("an offset that is past 64 bits".into()))?;
            parts.push(Part { name: &slot.name, at, from, len });
            (start, from) = (start.saturating_add(len), from.saturating_add(len));
        }
    }
    Ok(parts)
}

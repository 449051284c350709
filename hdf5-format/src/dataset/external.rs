//! Raw data in external files: slots of named files, one after the other, are the dataset's elements.

use super::contiguous::Linear;
use super::file::FileCore;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::external_files::{ExternalFiles, Slot};
use crate::graph::FileContext;
use crate::graph::local_heap::LocalHeapReader;
use crate::io::Storage;
use alloc::borrow::Cow;
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

//! Writing single elements.

use super::*;
use crate::dataset::picks::{Pick, Picks};

/// Bytes between two elements that are read and written again with them, as far as a call for each would cost more.
const GAP: u64 = 512;

/// Bytes that are read and written again at once.
const SPAN: u64 = 1 << 20;

/// Writes picked elements, each to its place, whatever their order.
pub(super) fn write(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    picks: &Picks,
    bytes: &[u8],
) -> Result<()> {
    let element = dataset.element_size();
    match &dataset.layout.storage {
        Storage::Compact { data, .. } => {
            let mut data = data.clone();
            paste(picks.list(), 0, &mut data, bytes, element);
            let layout = DataLayout { storage: Storage::Compact { data, offset: 0 }, ..dataset.layout.clone() };
            set_layout(editor, header, &layout)?;
            header::store(editor, header)
        }
        Storage::Contiguous { .. } if dataset.external.is_some() => Err(external()),
        Storage::Contiguous { address, .. } => {
            let total = box_bytes(dataset.dataspace.dims.iter().copied(), 1);
            let address = place(editor, header, dataset, *address, Some(picks.len()) == total)?;
            contiguous(editor, address, picks, bytes, element)
        }
        Storage::Chunked(layout) => chunked::write_picks(editor, header, dataset, layout, picks, bytes),
        Storage::Virtual { .. } => Err(virtual_()),
    }
}

fn contiguous(editor: &mut Editor, address: Address, picks: &Picks, bytes: &[u8], element: usize) -> Result<()> {
    let size = element as u64;
    let mut rest = picks.list();
    while let Some(first) = rest.first() {
        let start = first.place.saturating_mul(size);
        let mut end = first.end().saturating_mul(size);
        let near = rest.iter().skip(1).take_while(|pick| {
            let (from, to) = (pick.place.saturating_mul(size), pick.end().saturating_mul(size));
            let joins = from.saturating_sub(end) <= GAP && to.saturating_sub(start) <= SPAN;
            if joins {
                end = to;
            }
            joins
        });
        let count = near.count().saturating_add(1);
        let (group, tail) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        let at = Address(address.0.saturating_add(start));
        if let [pick] = group {
            let from = to_usize(pick.out)?.saturating_mul(element);
            let len = to_usize(end.saturating_sub(start))?;
            let run = bytes.get(from..).and_then(|b| b.get(..len)).unwrap_or(&[]);
            editor.write_raw(at, run)?;
        } else {
            let mut span = editor.read(at, end.saturating_sub(start), "contiguous data")?;
            paste(group, start, &mut span, bytes, element);
            editor.write_raw(at, &span)?;
        }
        rest = tail;
    }
    Ok(())
}

/// Copies picked elements to their places in stored bytes that begin at byte `start` of the dataset.
pub(super) fn paste(picks: &[Pick], start: u64, to: &mut [u8], bytes: &[u8], element: usize) {
    let size = element as u64;
    for pick in picks {
        let at = usize::try_from(pick.place.saturating_mul(size).saturating_sub(start)).unwrap_or(usize::MAX);
        let from = usize::try_from(pick.out.saturating_mul(size)).unwrap_or(usize::MAX);
        let len = usize::try_from(pick.len.saturating_mul(size)).unwrap_or(usize::MAX);
        let target = to.get_mut(at..).and_then(|t| t.get_mut(..len));
        if let (Some(target), Some(source)) = (target, bytes.get(from..).and_then(|b| b.get(..len))) {
            target.copy_from_slice(source);
        }
    }
}

//! Picking single elements out of storage that is one run of bytes.

use super::contiguous::Linear;
use super::picks::Pick;
use crate::codec::to_usize;
use crate::error::Result;

/// Bytes read at once.
const SPAN_BYTES: u64 = 1 << 20;

/// Gaps up to this are read along with the elements around them: about what a call of the system costs.
const GAP_BYTES: u64 = 16 << 10;

/// Copies the picked elements into `out`. Each part of the storage is read once, in ascending order.
pub(super) fn read(source: &dyn Linear, picks: &[Pick], element: usize, out: &mut [u8]) -> Result<()> {
    let size = element as u64;
    let mut rest = picks;
    while let Some(first) = rest.first() {
        let start = first.place.saturating_mul(size);
        let mut end = first.end().saturating_mul(size);
        let near = rest.iter().skip(1).take_while(|pick| {
            let (from, to) = (pick.place.saturating_mul(size), pick.end().saturating_mul(size));
            let joins = from.saturating_sub(end) <= GAP_BYTES && to.saturating_sub(start) <= SPAN_BYTES;
            if joins {
                end = end.max(to);
            }
            joins
        });
        let count = near.count().saturating_add(1);
        let (group, tail) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        if let [pick] = group {
            if let Some(out) = target(out, pick.out, pick.len, element) {
                source.fill(start, out)?;
            }
        } else {
            let bytes = source.bytes(start, end.saturating_sub(start))?;
            for pick in group {
                let from = to_usize(pick.place.saturating_mul(size).saturating_sub(start))?;
                copy(&bytes, from, out, pick.out, pick.len, element);
            }
        }
        rest = tail;
    }
    Ok(())
}

/// The output of `len` elements from number `first` on.
pub(super) fn target(out: &mut [u8], first: u64, len: u64, element: usize) -> Option<&mut [u8]> {
    let from = usize::try_from(first).ok()?.checked_mul(element)?;
    out.get_mut(from..)?.get_mut(..usize::try_from(len).ok()?.checked_mul(element)?)
}

/// Copies `len` elements from a byte of `from` on to number `first` of `out`; what lies outside either is left out.
pub(super) fn copy(from: &[u8], at: usize, out: &mut [u8], first: u64, len: u64, element: usize) {
    let Some(to) = target(out, first, len, element) else { return };
    let Some(from) = from.get(at..).and_then(|f| f.get(..to.len())) else { return };
    match (to.first_chunk_mut::<8>(), from.first_chunk::<8>()) {
        // A store instead of a call where there are many single numbers.
        (Some(one), Some(number)) if from.len() == 8 => *one = *number,
        _ => to.copy_from_slice(from),
    }
}

#[cfg(test)]
mod tests {
    use super::super::picks::Picks;
    use super::*;
    use alloc::borrow::Cow;
    use alloc::vec;
    use alloc::vec::Vec;
    use core::cell::Cell;

    struct Counted(Vec<u8>, Cell<u64>, Cell<u64>);

    impl Linear for Counted {
        fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>> {
            self.1.set(self.1.get() + len);
            self.2.set(self.2.get() + 1);
            Ok(Cow::Borrowed(&self.0[start as usize..(start + len) as usize]))
        }

        fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()> {
            let bytes = self.bytes(start, buf.len() as u64)?;
            buf.copy_from_slice(&bytes);
            Ok(())
        }
    }

    #[test]
    fn reads_near_elements_together_and_far_ones_apart() {
        let data: Vec<u8> = (0..1_000_000u32).flat_map(|i| i.to_le_bytes()).collect();
        let source = Counted(data, Cell::new(0), Cell::new(0));
        let places = [999_999u64, 3, 4, 5, 1000, 3, 500_000];
        let picks = Picks::of_places(places.iter().map(|&p| Ok(p))).unwrap();
        let mut out = vec![0; places.len() * 4];
        read(&source, picks.list(), 4, &mut out).unwrap();
        let want: Vec<u8> = places.iter().flat_map(|&p| (p as u32).to_le_bytes()).collect();
        assert_eq!(out, want);
        assert_eq!((source.1.get(), source.2.get()), (4 * 998 + 8, 3));
    }
}

//! Structures that stay in memory from one change to the next.
//!
//! Whoever changes a structure takes it out, and puts it back when the change is whole. A rollback forgets all of them.
//! But for those of [`waiting`](super::waiting), what is kept reads as the file does: readers need not know of it, and an
//! error costs no more than the copy.

use crate::codec::Address;
use alloc::collections::VecDeque;

/// Most structures of a kind.
const MOST: usize = 64;
/// Bytes of all structures of a kind.
const BYTES: usize = 16 << 20;

/// Something that may be kept.
pub(super) trait Keep {
    /// About how many bytes it takes.
    fn memory(&self) -> usize;
}

/// Structures of one kind by their addresses, the one that was used last at the end.
pub(super) struct Kept<T> {
    last: VecDeque<(Address, usize, T)>,
    bytes: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { last: VecDeque::new(), bytes: 0 }
    }
}

impl<T: Keep> Kept<T> {
    /// Takes a structure out.
    pub(super) fn take(&mut self, address: Address) -> Option<T> {
        let place = self.last.iter().rposition(|&(at, ..)| at == address)?;
        let (_, bytes, kept) = self.last.remove(place)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(kept)
    }

    /// A structure, which stays.
    pub(super) fn get(&self, address: Address) -> Option<&T> {
        self.last.iter().rfind(|&&(at, ..)| at == address).map(|(.., kept)| kept)
    }

    /// Keeps a structure that is as the file has it.
    pub(super) fn put(&mut self, address: Address, kept: T) {
        self.take(address);
        let bytes = kept.memory();
        self.bytes = self.bytes.saturating_add(bytes);
        self.last.push_back((address, bytes, kept));
    }

    /// Takes out what was not used for the longest time, if too much is kept.
    pub(super) fn excess(&mut self) -> Option<T> {
        if self.last.len() <= MOST && self.bytes <= BYTES {
            return None;
        }
        let (_, bytes, kept) = self.last.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(kept)
    }

    /// Everything that is kept.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.last.iter_mut().map(|(.., kept)| kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keep for usize {
        fn memory(&self) -> usize {
            *self
        }
    }

    #[test]
    fn what_was_used_last_stays() {
        let mut kept = Kept::default();
        for n in 0..MOST as u64 {
            kept.put(Address(n), 1);
            assert_eq!(kept.excess(), None);
        }
        let first = kept.take(Address(0)).unwrap();
        kept.put(Address(0), first);
        kept.put(Address(100), 2);
        assert_eq!((kept.excess(), kept.excess()), (Some(1), None));
        assert_eq!((kept.take(Address(1)), kept.take(Address(0)), kept.take(Address(100))), (None, Some(1), Some(2)));
        kept.put(Address(7), BYTES);
        assert_eq!(kept.iter_mut().count(), MOST - 2);
        assert_eq!(core::iter::from_fn(|| kept.excess()).count(), MOST - 3);
        kept.put(Address(7), BYTES + 1);
        assert_eq!((kept.excess(), kept.bytes), (Some(BYTES + 1), 0));
    }
}

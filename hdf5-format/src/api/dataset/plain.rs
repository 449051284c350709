//! Elements that are the machine's values byte for byte, and one run of the file: read and loaded in one pass, block by
//! block, on all cores.

use crate::api::element::{Load, hand_over};
use crate::codec::to_usize;
use crate::dataset::run::Run;
use crate::error::Result;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes that stay in a core's cache between reading and loading.
const BLOCK_BYTES: usize = 256 << 10;

/// Runs below this are not worth a second thread.
#[cfg(feature = "parallel")]
const PARALLEL_BYTES: u64 = 1 << 20;

/// The elements of a run, `size` bytes each.
pub(super) fn read<T: Load>(run: &Run<'_>, size: usize, plain: &T::Plain) -> Result<Vec<T>> {
    let count = to_usize(run.bytes())?.checked_div(size).unwrap_or(0);
    #[cfg(feature = "parallel")]
    if run.bytes() >= PARALLEL_BYTES && rayon::current_num_threads() > 1 {
        return parallel::read(run, size, count, plain);
    }
    let mut values = Vec::with_capacity(count);
    let (_, read) =
        fold_blocks(run, size, 0..count, &mut values, |values, bytes| hand_over::<T, _>(plain, size, bytes, values));
    read.map(|()| values)
}

/// The elements of a run over others.
pub(super) fn read_over<T: Load>(run: &Run<'_>, size: usize, plain: &T::Plain, out: &mut [T]) -> Result<()> {
    let fill = |first: usize, out: &mut [T]| {
        let elements = first..first.saturating_add(out.len());
        let (_, read) =
            fold_blocks(run, size, elements, out.iter_mut(), |left, bytes| hand_over::<T, _>(plain, size, bytes, left));
        read
    };
    #[cfg(feature = "parallel")]
    if run.bytes() >= PARALLEL_BYTES && rayon::current_num_threads() > 1 {
        use rayon::prelude::*;
        let rows = out.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts = out.par_chunks_mut(rows).enumerate();
        // The error is that of the first part, and not of the fastest thread.
        let results: Vec<_> = parts.map(|(i, out)| fill(i.saturating_mul(rows), out)).collect();
        return results.into_iter().collect();
    }
    fill(0, out)
}

/// Hands over elements in blocks, borrowed or read into memory that is used again, until one can not be read.
fn fold_blocks<S>(
    run: &Run<'_>,
    size: usize,
    elements: Range<usize>,
    mut state: S,
    mut step: impl FnMut(S, &[u8]) -> S,
) -> (S, Result<()>) {
    let (mut at, end) = (elements.start.saturating_mul(size), elements.end.saturating_mul(size));
    match run.view() {
        Ok(None) => {}
        Ok(Some(view)) => return (step(state, view.get(at..end).unwrap_or(&[])), Ok(())),
        Err(error) => return (state, Err(error)),
    }
    let block = BLOCK_BYTES.checked_div(size).unwrap_or(1).max(1).saturating_mul(size);
    let mut memory = alloc::vec![0; block.min(end.saturating_sub(at))];
    while at < end {
        let memory = memory.get_mut(..block.min(end.saturating_sub(at))).unwrap_or_default();
        if let Err(error) = run.fill(at as u64, memory) {
            return (state, Err(error));
        }
        state = step(state, memory);
        at = at.saturating_add(memory.len());
    }
    (state, Ok(()))
}

#[cfg(feature = "parallel")]
mod parallel {
    use super::{BLOCK_BYTES, Load, Result, Run, Vec, fold_blocks, hand_over};
    use crate::api::element::Take;
    use crate::error::Error;
    use crate::sync::Mutex;
    use core::marker::PhantomData;
    use rayon::iter::plumbing::{Consumer, Folder, Producer, ProducerCallback, UnindexedConsumer, bridge};
    use rayon::prelude::*;

    /// The elements of a run, each thread loading its part of the result in place.
    pub(super) fn read<T: Load>(run: &Run<'_>, size: usize, count: usize, plain: &T::Plain) -> Result<Vec<T>> {
        let failed = Mutex::new(None);
        let part = Part { run, size, first: 0, count, plain, failed: &failed, of: PhantomData };
        let mut values = Vec::new();
        part.collect_into_vec(&mut values);
        let failed = failed.lock().take();
        failed.map_or(Ok(values), |(_, error)| Err(error))
    }

    /// Elements of a run. What can not be read becomes zeros, and its error the read's.
    struct Part<'a, T: Load> {
        run: &'a Run<'a>,
        size: usize,
        first: usize,
        count: usize,
        plain: &'a T::Plain,
        /// The first element of the part that failed, and why; of several the first.
        failed: &'a Mutex<Option<(usize, Error)>>,
        of: PhantomData<fn() -> T>,
    }

    impl<T: Load> Part<'_, T> {
        fn note(&self, error: Error) {
            let mut failed = self.failed.lock();
            if failed.as_ref().is_none_or(|(first, _)| self.first < *first) {
                *failed = Some((self.first, error));
            }
        }

        /// Hands over as many elements as there are, whatever happens.
        fn give<S>(&self, state: S, mut step: impl FnMut(S, &[u8]) -> S) -> S {
            let elements = self.first..self.first.saturating_add(self.count);
            let mut given = 0usize;
            let (mut state, read) = fold_blocks(self.run, self.size, elements, state, |state, bytes| {
                given = given.saturating_add(bytes.len());
                step(state, bytes)
            });
            if let Err(error) = read {
                self.note(error);
                let zeros = alloc::vec![0; self.size];
                for _ in given.checked_div(self.size).unwrap_or(0)..self.count {
                    state = step(state, &zeros);
                }
            }
            state
        }
    }

    impl<T: Load> ParallelIterator for Part<'_, T> {
        type Item = T;

        fn drive_unindexed<C: UnindexedConsumer<T>>(self, consumer: C) -> C::Result {
            bridge(self, consumer)
        }

        fn opt_len(&self) -> Option<usize> {
            Some(self.count)
        }
    }

    impl<T: Load> IndexedParallelIterator for Part<'_, T> {
        fn len(&self) -> usize {
            self.count
        }

        fn drive<C: Consumer<T>>(self, consumer: C) -> C::Result {
            bridge(self, consumer)
        }

        fn with_producer<CB: ProducerCallback<T>>(self, callback: CB) -> CB::Output {
            callback.callback(self)
        }
    }

    impl<T: Load> Producer for Part<'_, T> {
        type Item = T;
        type IntoIter = alloc::vec::IntoIter<T>;

        fn into_iter(self) -> Self::IntoIter {
            let mut values = Vec::with_capacity(self.count);
            self.give(&mut values, |values, bytes| hand_over::<T, _>(self.plain, self.size, bytes, values));
            values.into_iter()
        }

        fn min_len(&self) -> usize {
            BLOCK_BYTES.saturating_mul(2).checked_div(self.size).unwrap_or(1).max(1)
        }

        fn split_at(self, index: usize) -> (Self, Self) {
            let (first, count) = (self.first.saturating_add(index), self.count.saturating_sub(index));
            let right = Part { first, count, ..self };
            (Part { count: index, ..self }, right)
        }

        fn fold_with<F: Folder<T>>(self, folder: F) -> F {
            let Folding(folder) =
                self.give(Folding(folder), |folder, bytes| hand_over::<T, _>(self.plain, self.size, bytes, folder));
            folder
        }
    }

    struct Folding<F>(F);

    impl<T, F: Folder<T>> Take<T> for Folding<F> {
        fn take(self, values: impl Iterator<Item = T>) -> Self {
            Folding(self.0.consume_iter(values))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Result;
    use crate::api::{CreateOptions, Dataset, Element, File};
    use crate::io::{MemoryFile, Storage};
    use num_complex::Complex;

    type Row = (u64, [f32; 3], (i16, Complex<f64>), u8);

    fn row(i: u64) -> Row {
        let x = i as f64;
        (i << 40, [x as f32, 0.5, -1.0], (i as i16, Complex::new(x, f64::INFINITY)), i as u8)
    }

    /// Storage with no bytes in memory to borrow, one of which can not be read.
    struct Failing(Vec<u8>, u64);

    impl Storage for Failing {
        fn len(&self) -> Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
            if (offset..offset + buf.len() as u64).contains(&self.1) {
                return Err(crate::Error::new(crate::ErrorKind::Io, "a bad sector").at(offset));
            }
            buf.copy_from_slice(&self.0[offset as usize..][..buf.len()]);
            Ok(())
        }
    }

    fn check<T: Element + PartialEq + Clone + std::fmt::Debug>(dataset: &Dataset, all: &[T], zero: T) {
        let n = all.len();
        assert_eq!(dataset.read_vec::<T>().unwrap(), all);
        assert_eq!(dataset.read_slice_vec::<T>(7..n as i64 - 1).unwrap(), &all[7..n - 1]);
        assert_eq!(dataset.read_slice_vec::<T>(3).unwrap(), &all[3..4]);
        let mut over = vec![zero; n - 5];
        dataset.read_slice_into(5.., &mut over).unwrap();
        assert_eq!(over, &all[5..]);
    }

    fn file_of(rows: &[Row]) -> (File, Vec<u8>) {
        let memory = MemoryFile::new([]);
        let file = CreateOptions::new().create_in(memory.clone()).unwrap();
        file.create_dataset("x", rows).unwrap();
        file.commit().unwrap();
        (file, memory.to_vec())
    }

    #[test]
    fn runs_are_read_from_memory_and_in_blocks() {
        for n in [10, 50_000] {
            let rows: Vec<Row> = (0..n).map(row).collect();
            let (file, bytes) = file_of(&rows);
            check(&file.dataset("x").unwrap(), &rows, row(0));
            check(&File::from_bytes(bytes.clone()).unwrap().dataset("x").unwrap(), &rows, row(0));
            check(&File::from_storage(Failing(bytes, u64::MAX)).unwrap().dataset("x").unwrap(), &rows, row(0));
        }
    }

    #[test]
    fn what_can_not_be_read_is_named() {
        let rows: Vec<Row> = (0..50_000).map(row).collect();
        let (_, bytes) = file_of(&rows);
        let middle = bytes.len() as u64 / 2;
        let damaged = File::from_storage(Failing(bytes, middle)).unwrap().dataset("x").unwrap();
        assert_eq!(damaged.read_slice_vec::<Row>(..5).unwrap(), &rows[..5]);
        for error in [damaged.read_vec::<Row>().map(|_| ()), damaged.read_slice_into(.., &mut rows.clone())] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains("bad sector") && error.contains("/x"), "{error}");
        }
    }
}

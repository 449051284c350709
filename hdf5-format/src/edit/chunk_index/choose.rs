//! Which index a new dataset's chunks get: libhdf5's choice, and its parameters.

use crate::edit::{Bounds, Version};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::layout::{ChunkIndexKind, ChunkedLayout, SINGLE_FILTERED, UNFILTERED_EDGES};
use alloc::vec::Vec;

/// Pages of arrays hold two to this many elements.
const PAGE_BITS: u8 = 10;

/// What the choice depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewChunks<'a> {
    /// Extent at first.
    pub(crate) dims: &'a [u64],
    /// Maximal extent; none where it is unlimited.
    pub(crate) max_dims: &'a [Option<u64>],
    /// Lengths of a chunk.
    pub(crate) chunk: &'a [u64],
    /// Bytes of a stored element.
    pub(crate) element_size: u64,
    /// There is a filter pipeline.
    pub(crate) filtered: bool,
    /// All chunks are allocated with the dataset.
    pub(crate) early: bool,
    /// Chunks that stick out of the extent are not filtered.
    pub(crate) unfiltered_edges: bool,
}

/// The layout of a new chunked dataset, without an address.
///
/// # Errors
/// The chunk does not fit the extent, or needs a version that the bounds forbid.
pub(crate) fn choose(bounds: Bounds, new: &NewChunks<'_>) -> Result<ChunkedLayout> {
    let chunk_bytes = check(new)?;
    let large = chunk_bytes > u64::from(u32::MAX);
    let (chunk, element_size) = (new.chunk.to_vec(), new.element_size);
    if bounds.low < Version::V110 && !new.unfiltered_edges && !large {
        let index = ChunkIndexKind::BTreeV1;
        return Ok(ChunkedLayout { version: 3, flags: 0, chunk, element_size, index, address: None });
    }
    let index = newer_index(new);
    let sized = new.filtered && index != ChunkIndexKind::Implicit;
    let version = if large || (bounds.low >= Version::V200 && sized) { 5 } else { 4 };
    let needed = if version == 5 { Version::V200 } else { Version::V110 };
    if bounds.high < needed {
        let why = if large { "a chunk of 4 GiB or more" } else { "this storage of chunks" };
        let text = alloc::format!("{why} needs version {needed:?} of the format, at most {:?} is allowed", bounds.high);
        return Err(Error::new(ErrorKind::Unsupported, text).with_hint("raise the upper version bound"));
    }
    let single = matches!(index, ChunkIndexKind::Single { .. });
    let mut flags = if new.unfiltered_edges && (new.filtered || !single) { UNFILTERED_EDGES } else { 0 };
    if single && new.filtered {
        flags |= SINGLE_FILTERED;
    }
    Ok(ChunkedLayout { version, flags, chunk, element_size, index, address: None })
}

/// Bytes of a chunk, if it fits the extent.
fn check(new: &NewChunks<'_>) -> Result<u64> {
    let shape = |text| Err(Error::new(ErrorKind::Shape, text));
    let rank = new.dims.len();
    if rank == 0 || new.max_dims.len() != rank || new.chunk.len() != rank {
        return shape(alloc::format!("chunks of {} dimensions in a dataset of {rank}", new.chunk.len()));
    }
    for ((&chunk, &dim), &max) in new.chunk.iter().zip(new.dims).zip(new.max_dims) {
        if chunk == 0 {
            return shape(alloc::format!("a chunk of no elements: {:?}", new.chunk));
        }
        if max.is_some_and(|max| dim > max) {
            return shape(alloc::format!("the extent {:?} is larger than its maximum {:?}", new.dims, new.max_dims));
        }
        if dim > 0 && max.is_some_and(|max| chunk > max) {
            return shape(alloc::format!("chunks {:?} are larger than the extent can be", new.chunk));
        }
    }
    let bytes = new.chunk.iter().try_fold(new.element_size, |n, &len| n.checked_mul(len));
    bytes
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| Error::new(ErrorKind::Shape, "a chunk of no bytes, or of more than 64 bits can count"))
}

/// The index in layouts of version 4 and later.
fn newer_index(new: &NewChunks<'_>) -> ChunkIndexKind {
    let unlimited = new.max_dims.iter().filter(|max| max.is_none()).count();
    let one_chunk = || {
        let dims = new.dims.iter().zip(new.max_dims).zip(new.chunk);
        dims.into_iter().all(|((&dim, &max), &chunk)| max == Some(dim) && dim == chunk)
    };
    match unlimited {
        0 if one_chunk() => ChunkIndexKind::Single { filtered: new.filtered.then_some((0, 0)) },
        0 if !new.filtered && new.early => ChunkIndexKind::Implicit,
        0 => ChunkIndexKind::FixedArray { page_bits: PAGE_BITS },
        1 => ChunkIndexKind::ExtensibleArray {
            max_bits: 32,
            index_elements: 4,
            min_pointers: 4,
            min_elements: 16,
            page_bits: PAGE_BITS,
        },
        _ => ChunkIndexKind::BTreeV2 { node_size: 2048, split_percent: 100, merge_percent: 40 },
    }
}

/// Bytes of a suggested chunk, at most; one element if that is longer.
const SUGGESTED: u64 = 1 << 20;
/// Elements that are expected along a dimension of length 0.
const EXPECTED: u64 = 1024;

/// Chunks for a dataset of which nothing is known but its extent: its shape in smaller, at most 1 MiB.
pub(crate) fn suggested_chunk(dims: &[u64], element_size: u64) -> Vec<u64> {
    let mut chunk: Vec<u64> = dims.iter().map(|&dim| if dim == 0 { EXPECTED } else { dim }).collect();
    let bytes = |chunk: &[u64]| chunk.iter().fold(element_size, |n, &len| n.saturating_mul(len));
    while bytes(&chunk) > SUGGESTED && chunk.iter().any(|&len| len > 1) {
        if let Some(longest) = chunk.iter_mut().rev().max_by_key(|len| **len) {
            *longest = longest.div_ceil(2);
        }
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new<'a>(dims: &'a [u64], max_dims: &'a [Option<u64>], chunk: &'a [u64]) -> NewChunks<'a> {
        let (filtered, early, unfiltered_edges) = Default::default();
        NewChunks { dims, max_dims, chunk, element_size: 4, filtered, early, unfiltered_edges }
    }

    fn low(low: Version) -> Bounds {
        Bounds { low, high: Version::V200 }
    }

    #[test]
    fn the_index_follows_from_the_extent() {
        let fixed = new(&[20, 6], &[Some(20), Some(6)], &[10, 6]);
        let kind = |n: &NewChunks<'_>| choose(low(Version::V110), n).unwrap().index;
        assert_eq!(kind(&fixed), ChunkIndexKind::FixedArray { page_bits: 10 });
        assert_eq!(kind(&NewChunks { early: true, ..fixed }), ChunkIndexKind::Implicit);
        let filtered = NewChunks { early: true, filtered: true, ..fixed };
        assert_eq!(kind(&filtered), ChunkIndexKind::FixedArray { page_bits: 10 });
        let whole = NewChunks { chunk: &[20, 6], ..fixed };
        assert_eq!(kind(&whole), ChunkIndexKind::Single { filtered: None });
        assert!(matches!(kind(&NewChunks { dims: &[10, 6], ..whole }), ChunkIndexKind::FixedArray { .. }));
        let one = NewChunks { max_dims: &[Some(20), None], ..whole };
        assert!(matches!(kind(&one), ChunkIndexKind::ExtensibleArray { max_bits: 32, min_elements: 16, .. }));
        let two = NewChunks { max_dims: &[None, None], ..whole };
        assert!(matches!(kind(&two), ChunkIndexKind::BTreeV2 { node_size: 2048, .. }));
        assert_eq!(choose(low(Version::V18), &two).unwrap().index, ChunkIndexKind::BTreeV1);
    }

    #[test]
    fn versions_and_flags() {
        let chunks = NewChunks { filtered: true, ..new(&[20], &[Some(20)], &[20]) };
        let of = |v, n: &NewChunks<'_>| choose(low(v), n).map(|l| (l.version, l.flags)).unwrap();
        assert_eq!(of(Version::Earliest, &chunks), (3, 0));
        assert_eq!(of(Version::V114, &chunks), (4, 2));
        assert_eq!(of(Version::V200, &chunks), (5, 2));
        let plain = NewChunks { filtered: false, ..chunks };
        assert_eq!(of(Version::V200, &plain), (4, 0));
        let edges = NewChunks { unfiltered_edges: true, chunk: &[7], ..chunks };
        assert_eq!(of(Version::Earliest, &edges), (4, 1));
        assert_eq!(of(Version::V114, &NewChunks { unfiltered_edges: true, ..plain }), (4, 0));
        let large = NewChunks { dims: &[1 << 31], max_dims: &[None], chunk: &[1 << 30], ..chunks };
        assert_eq!(of(Version::Earliest, &large), (5, 0));
        let bounds = Bounds { low: Version::Earliest, high: Version::V114 };
        assert_eq!(choose(bounds, &large).unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(choose(Bounds { low: Version::V18, high: Version::V18 }, &edges).is_err());
    }

    #[test]
    fn refuses_chunks_that_do_not_fit() {
        let fixed = new(&[20, 6], &[Some(20), None], &[10, 60]);
        let refused = |n: &NewChunks<'_>| choose(low(Version::V110), n).is_err();
        assert!(!refused(&fixed));
        assert!(refused(&NewChunks { chunk: &[21, 1], ..fixed }));
        assert!(!refused(&NewChunks { chunk: &[21, 1], dims: &[0, 6], ..fixed }));
        assert!(refused(&NewChunks { chunk: &[0, 1], ..fixed }));
        assert!(refused(&NewChunks { chunk: &[1], ..fixed }));
        assert!(refused(&NewChunks { chunk: &[1, u64::MAX], ..fixed }));
        assert!(refused(&NewChunks { element_size: 0, ..fixed }));
        assert!(refused(&NewChunks { dims: &[30, 6], ..fixed }));
    }
}

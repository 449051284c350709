//! What an unlimited virtual dataset shows: which source blocks there are, and how far it reaches.

use super::file::FileCore;
use super::virtual_::source;
use crate::dataspace;
use crate::error::{Error, ErrorKind, Result};
use crate::format::selection::{Selection, SlabDim};
use crate::format::virtual_layout::VirtualMapping;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Most source blocks that a pattern of names is tried for.
const MOST_BLOCKS: u64 = 1 << 16;

/// One source of one mapping: a pattern of names stands for many.
pub(super) struct Tile {
    pub(super) file: Vec<u8>,
    pub(super) dataset: Vec<u8>,
    source: Selection,
    target: Selection,
}

/// The sources of a mapping for an extent of the virtual dataset.
pub(super) fn tiles(mapping: &VirtualMapping, extent: &[u64]) -> Result<Vec<Tile>> {
    let Some((dim, slab)) = pattern(mapping) else {
        return Ok(alloc::vec![Tile {
            file: mapping.source_file.clone(),
            dataset: mapping.source_dataset.clone(),
            source: mapping.source_selection.clone(),
            target: mapping.virtual_selection.clone(),
        }]);
    };
    let len = extent.get(dim).copied().unwrap_or(0);
    let blocks = len.saturating_sub(slab.start).div_ceil(slab.stride.max(1));
    if blocks > MOST_BLOCKS {
        return Err(Error::limit("source blocks of a virtual dataset", MOST_BLOCKS, blocks));
    }
    (0..blocks).map(|n| block(mapping, dim, n)).collect()
}

/// Source block `n` of a mapping with a pattern of names.
fn block(mapping: &VirtualMapping, dim: usize, n: u64) -> Result<Tile> {
    let Selection::Hyperslab(dims) = &mapping.virtual_selection else {
        return Err(Error::new(ErrorKind::Corrupt, "a pattern of names without an unlimited selection"));
    };
    let mut dims = dims.clone();
    if let Some(slab) = dims.get_mut(dim) {
        slab.start = slab.start.saturating_add(n.saturating_mul(slab.stride));
        slab.count = Some(1);
    }
    Ok(Tile {
        file: with_number(&mapping.source_file, n).into_owned(),
        dataset: with_number(&mapping.source_dataset, n).into_owned(),
        source: mapping.source_selection.clone(),
        target: Selection::Hyperslab(dims),
    })
}

/// The unlimited dimension of a mapping whose names are a pattern.
fn pattern(mapping: &VirtualMapping) -> Option<(usize, SlabDim)> {
    let has_number = [&mapping.source_file, &mapping.source_dataset].iter().any(|n| n.windows(2).any(|w| w == b"%b"));
    if !has_number || dataspace::is_unlimited(&mapping.source_selection) {
        return None;
    }
    unlimited(&mapping.virtual_selection)
}

/// The unlimited dimension of a selection.
fn unlimited(selection: &Selection) -> Option<(usize, SlabDim)> {
    let Selection::Hyperslab(dims) = selection else { return None };
    dims.iter().copied().enumerate().find(|(_, d)| d.count.is_none() || d.block.is_none())
}

/// `%b` becomes the number, `%%` a percent sign.
fn with_number(name: &[u8], n: u64) -> Cow<'_, [u8]> {
    if !name.contains(&b'%') {
        return Cow::Borrowed(name);
    }
    let mut out = Vec::new();
    let mut rest = name;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.first()) {
            (b'%', Some(b'b')) => out.extend(alloc::format!("{n}").bytes()),
            (b'%', Some(b'%')) => out.push(b'%'),
            _ => {
                out.push(first);
                continue;
            }
        }
        rest = tail.get(1..).unwrap_or(&[]);
    }
    Cow::Owned(out)
}

impl Tile {
    /// The elements of the virtual dataset, within its extent.
    pub(super) fn virtual_selection(&self, extent: &[u64]) -> Result<Selection> {
        limited(&self.target, slices(&self.target, extent), extent)
    }

    /// The elements of the source and of the virtual dataset, as many of both.
    pub(super) fn pair(&self, source: &[u64], extent: &[u64]) -> Result<(Selection, Selection)> {
        let both = match (slices(&self.source, source), slices(&self.target, extent)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let (from, to) = (limited(&self.source, both, source)?, limited(&self.target, both, extent)?);
        let (a, b) = (dataspace::point_count(&from, source)?, dataspace::point_count(&to, extent)?);
        if a != b {
            let message = alloc::format!("{a} elements of the source stand for {b} of the virtual dataset");
            return Err(Error::new(ErrorKind::Corrupt, message).within("virtual dataset mappings"));
        }
        Ok((from, to))
    }
}

/// Coordinates along the unlimited dimension of a selection that fit an extent; `None` if it has no such dimension.
fn slices(selection: &Selection, extent: &[u64]) -> Option<u64> {
    let (dim, slab) = unlimited(selection)?;
    let room = extent.get(dim).copied().unwrap_or(0).saturating_sub(slab.start);
    let Some(block) = slab.block.filter(|&b| b != slab.stride) else { return Some(room) };
    let whole = room.checked_div(slab.stride).unwrap_or(0);
    let rest = room.checked_rem(slab.stride).unwrap_or(0).min(block);
    Some(whole.saturating_mul(block).saturating_add(rest))
}

/// A selection with `count` coordinates along its unlimited dimension: whole blocks, and the rest as blocks of its own.
fn limited(selection: &Selection, count: Option<u64>, extent: &[u64]) -> Result<Selection> {
    let (Some((dim, slab)), Selection::Hyperslab(dims), Some(count)) = (unlimited(selection), selection, count) else {
        return Ok(selection.clone());
    };
    if count == 0 {
        return Ok(Selection::None);
    }
    let mut dims = dims.clone();
    let Some(slot) = dims.get_mut(dim) else { return Ok(selection.clone()) };
    match slab.block.filter(|&b| b != slab.stride) {
        None => *slot = SlabDim { count: Some(1), block: Some(count), ..slab },
        Some(block) if count.is_multiple_of(block) => slot.count = count.checked_div(block),
        Some(block) if count < block => *slot = SlabDim { count: Some(1), block: Some(count), ..slab },
        Some(block) => {
            slot.count = count.checked_div(block);
            let tail_start = slab.start.saturating_add(slot.count.unwrap_or(0).saturating_mul(slab.stride));
            let mut tail = dims.clone();
            if let Some(slot) = tail.get_mut(dim) {
                *slot = SlabDim { start: tail_start, count: Some(1), block: count.checked_rem(block), ..slab };
            }
            return blocks(&[Selection::Hyperslab(dims), Selection::Hyperslab(tail)], extent);
        }
    }
    Ok(Selection::Hyperslab(dims))
}

/// Several slabs as one irregular selection.
fn blocks(slabs: &[Selection], extent: &[u64]) -> Result<Selection> {
    let mut blocks = Vec::new();
    for slab in slabs {
        for slab in dataspace::Boxes::new(slab, extent)?.iter() {
            slab.for_each_block(&mut |first, last| {
                blocks.extend_from_slice(first);
                blocks.extend_from_slice(last);
            });
        }
    }
    Ok(Selection::Blocks { rank: extent.len(), blocks })
}

/// The extent of a virtual dataset: along unlimited dimensions, as far as the sources that exist reach.
pub(super) fn extent(
    core: &Arc<FileCore>,
    mappings: &[VirtualMapping],
    dims: &[u64],
    max: &[Option<u64>],
    depth: usize,
) -> Result<Vec<u64>> {
    if !mappings.iter().any(|m| dataspace::is_unlimited(&m.virtual_selection)) {
        return Ok(dims.to_vec());
    }
    let mut out: Vec<u64> = dims.iter().zip(max).map(|(&d, m)| if m.is_some() { d } else { 0 }).collect();
    let mut reach = |dim: usize, end: u64| {
        if let Some(slot) = out.get_mut(dim) {
            *slot = (*slot).max(end);
        }
    };
    for mapping in mappings {
        let Some((dim, slab)) = unlimited(&mapping.virtual_selection) else {
            if let Ok((_, high)) = dataspace::bounds(&mapping.virtual_selection, dims) {
                let ends = high.iter().map(|h| h.saturating_add(1)).enumerate();
                ends.filter(|(d, _)| max.get(*d) == Some(&None)).for_each(|(d, end)| reach(d, end));
            }
            continue;
        };
        let count = match pattern(mapping) {
            Some(_) => numbered(core, mapping, dim, depth)?.saturating_mul(slab.block.unwrap_or(1)),
            None => match source(core, &mapping.source_file, &mapping.source_dataset, depth)? {
                Some(source) => slices(&mapping.source_selection, &source.dataset.dataspace.dims).unwrap_or(0),
                None => 0,
            },
        };
        reach(dim, end_of(&slab, count));
    }
    Ok(out.iter().zip(max).map(|(&d, m)| m.map_or(d, |m| d.min(m))).collect())
}

/// Number of leading source blocks that exist.
fn numbered(core: &Arc<FileCore>, mapping: &VirtualMapping, dim: usize, depth: usize) -> Result<u64> {
    for n in 0..MOST_BLOCKS {
        let tile = block(mapping, dim, n)?;
        if source(core, &tile.file, &tile.dataset, depth)?.is_none() {
            return Ok(n);
        }
    }
    Ok(MOST_BLOCKS)
}

/// Where `count` coordinates of a slab end.
fn end_of(slab: &SlabDim, count: u64) -> u64 {
    let Some(block) = slab.block.filter(|&b| b != slab.stride) else {
        return if count == 0 { 0 } else { slab.start.saturating_add(count) };
    };
    let whole = count.checked_div(block).unwrap_or(0);
    let rest = count.checked_rem(block).unwrap_or(0);
    match (whole, rest) {
        (0, 0) => 0,
        (whole, 0) => {
            slab.start.saturating_add(whole.saturating_sub(1).saturating_mul(slab.stride)).saturating_add(block)
        }
        (whole, rest) => slab.start.saturating_add(whole.saturating_mul(slab.stride)).saturating_add(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_into_names() {
        assert_eq!(&*with_number(b"f%b-%%b%x", 12), b"f12-%b%x");
        assert_eq!(&*with_number(b"plain", 1), b"plain");
    }

    #[test]
    fn unlimited_slabs_end_where_their_source_does() {
        let slab = |start, stride, block| SlabDim { start, stride, count: None, block: Some(block) };
        assert_eq!(end_of(&slab(2, 10, 4), 8), 16);
        assert_eq!(end_of(&slab(2, 10, 4), 9), 23);
        assert_eq!(end_of(&slab(2, 4, 4), 9), 11);
        assert_eq!(end_of(&slab(2, 10, 4), 0), 0);
        assert_eq!(slices(&Selection::Hyperslab(alloc::vec![slab(2, 10, 4)]), &[23]), Some(9));
    }
}

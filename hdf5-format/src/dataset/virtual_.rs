//! Virtual datasets: elements that lie in other datasets.

use super::axes::Axis;
use super::file::FileCore;
use super::read::Reader;
use super::stored::StoredDataset;
use super::virtual_extent::{Tile, tiles};
use super::virtual_pairs;
use crate::codec::{Address, to_usize};
use crate::dataspace::{self, Boxes, SlabAxis};
use crate::datatype::{self, convert};
use crate::error::{Error, ErrorKind, Result};
use crate::format::selection::Selection;
use crate::format::virtual_layout::{self, VirtualMapping};
use crate::graph::FileContext;
use crate::graph::global_heap::HeapReader;
use crate::graph::object_header::ObjectHeader;
use crate::io::ExternalKind;
use alloc::sync::Arc;
use alloc::vec::Vec;

const NAME: &str = "virtual dataset mappings";

/// Reads the mappings of a virtual dataset.
pub(super) fn mappings(ctx: &FileContext, address: Address, index: u32) -> Result<Vec<VirtualMapping>> {
    let mut heap = HeapReader::new(ctx);
    let bytes = heap.get(address, index)?;
    virtual_layout::parse(&mut crate::codec::Cursor::new(bytes, ctx.absolute(address), NAME, ctx.sizes()))
}

/// A source that was found.
pub(super) struct Source {
    core: Arc<FileCore>,
    pub(super) dataset: StoredDataset,
    /// Its header.
    address: Address,
    /// The file it is named in.
    file: Vec<u8>,
    /// True if an external link led out of that file.
    linked: bool,
}

impl Source {
    /// The source, to be read for the virtual dataset of `outer`.
    pub(super) fn reader<'a>(&'a self, outer: &Reader<'_>) -> Result<Reader<'a>> {
        let same_file = Arc::ptr_eq(outer.core, &self.core);
        if datatype::contains_address(&self.dataset.datatype) && !same_file {
            return Err(Error::unsupported("a virtual dataset of variable-length elements in another file"));
        }
        Ok(Reader { core: &self.core, dataset: &self.dataset, depth: outer.depth.saturating_add(1) })
    }

    /// The name of its file, if that is another one than that of the virtual dataset.
    pub(super) fn file(&self, outer: &Reader<'_>) -> Option<Vec<u8>> {
        (!Arc::ptr_eq(outer.core, &self.core)).then(|| self.file.clone())
    }

    /// Its header.
    pub(super) fn address(&self) -> Address {
        self.address
    }

    /// True if an external link led out of the file that is named.
    pub(super) fn is_linked(&self) -> bool {
        self.linked
    }
}

/// Opens a mapping's source; `None` if the file or the dataset does not exist.
pub(super) fn source(core: &Arc<FileCore>, file: &[u8], path: &[u8], depth: usize) -> Result<Option<Source>> {
    let missing = |e: Error| if e.kind() == ErrorKind::NotFound { Ok(None) } else { Err(e) };
    let limit = core.ctx().limits().file_depth;
    if depth >= limit {
        return Err(Error::limit("file_depth", limit as u64, depth.saturating_add(1) as u64)
            .with_hint("virtual datasets may be each other's sources"));
    }
    let named = if file == b"." {
        Arc::clone(core)
    } else {
        match core.open_other(ExternalKind::VirtualSource, file) {
            Ok(core) => core,
            Err(e) => return missing(e),
        }
    };
    let place = match named.resolve(named.root(), path) {
        Ok(place) => place,
        Err(e) => return missing(e),
    };
    let header = ObjectHeader::load(place.core.ctx(), place.address)?;
    let dataset = StoredDataset::load_nested(&place.core, &header, depth.saturating_add(1))?;
    let linked = !Arc::ptr_eq(&named, &place.core);
    Ok(Some(Source { core: place.core, dataset, address: place.address, file: file.to_vec(), linked }))
}

/// Copies the selected elements of all sources into `out`, whose other elements stay as they are.
pub(super) fn read(reader: &Reader<'_>, axes: &[Axis], out: &mut [u8]) -> Result<()> {
    let extent = &reader.dataset.dataspace.dims;
    for mapping in reader.virtual_mappings()? {
        for tile in tiles(&mapping, extent)? {
            read_tile(reader, &tile, axes, out)?;
        }
    }
    Ok(())
}

fn read_tile(reader: &Reader<'_>, tile: &Tile, axes: &[Axis], out: &mut [u8]) -> Result<()> {
    let extent = &reader.dataset.dataspace.dims;
    let target = tile.virtual_selection(extent)?;
    if !touches(&target, axes, extent)? {
        return Ok(());
    }
    let Some(source) = source(reader.core, &tile.file, &tile.dataset, reader.depth)? else { return Ok(()) };
    let (from, to) = tile.pair(&source.dataset.dataspace.dims, extent)?;
    let inner = source.reader(reader)?;
    match slab_pairs(&from, &to, &source.dataset.dataspace.dims, extent)? {
        Some(pairs) => read_slabs(reader, &inner, &pairs, axes, out),
        None => virtual_pairs::read(reader, &inner, (&from, &to), axes, out),
    }
}

/// True if a selection's bounds meet the coordinates that are asked for.
fn touches(selection: &Selection, axes: &[Axis], extent: &[u64]) -> Result<bool> {
    if dataspace::point_count(selection, extent)? == 0 {
        return Ok(false);
    }
    let (low, high) = dataspace::bounds(selection, extent)?;
    let meet = |((axis, &low), &high): ((&Axis, &u64), &u64)| axis.within(low, high.saturating_add(1)).is_some();
    Ok(axes.iter().zip(&low).zip(&high).all(meet))
}

/// A source axis with the virtual axis that has as many coordinates, each with its dimension.
struct AxisPair {
    from: SlabAxis,
    from_dim: usize,
    to_dim: usize,
}

/// Pairs the axes of two slabs of the same shape, dimensions of one coordinate left out.
fn slab_pairs(from: &Selection, to: &Selection, from_extent: &[u64], to_extent: &[u64]) -> Result<Option<Pairs>> {
    if matches!(from, Selection::Points { .. }) || matches!(to, Selection::Points { .. }) {
        return Ok(None);
    }
    let (from, to) = (Boxes::new(from, from_extent)?, Boxes::new(to, to_extent)?);
    let ([from], [to]) = (from.slabs(), to.slabs()) else { return Ok(None) };
    let long = |dims: &[SlabAxis]| -> Vec<(usize, SlabAxis)> {
        dims.iter().copied().enumerate().filter(|(_, a)| a.len() != 1).collect()
    };
    let (a, b) = (long(&from.dims), long(&to.dims));
    if a.len() != b.len() || a.iter().zip(&b).any(|((_, x), (_, y))| x.len() != y.len()) {
        return Ok(None);
    }
    let pair = |((from_dim, from), (to_dim, _))| AxisPair { from, from_dim, to_dim };
    let axes = a.into_iter().zip(b).map(pair).collect();
    Ok(Some(Pairs { axes, from: from.dims.clone(), to: to.dims.clone() }))
}

struct Pairs {
    axes: Vec<AxisPair>,
    from: Vec<SlabAxis>,
    to: Vec<SlabAxis>,
}

/// Reads the part of a source slab that is asked for, and puts it in its places.
fn read_slabs(reader: &Reader<'_>, inner: &Reader<'_>, pairs: &Pairs, axes: &[Axis], out: &mut [u8]) -> Result<()> {
    // Places in the output along each virtual dimension, and the source coordinates that go there.
    let mut places: Vec<Vec<usize>> = Vec::new();
    let mut wanted: Vec<Axis> = pairs.from.iter().map(|a| Axis::List(alloc::vec![a.start])).collect();
    for (dim, (axis, slab)) in axes.iter().zip(&pairs.to).enumerate() {
        let found = common(axis, slab)?;
        if found.is_empty() {
            return Ok(());
        }
        places.push(found.iter().map(|&(place, _)| place).collect());
        if let Some(pair) = pairs.axes.iter().find(|p| p.to_dim == dim) {
            let coordinates = found.iter().map(|&(_, i)| pair.from.at(i)).collect();
            if let Some(slot) = wanted.get_mut(pair.from_dim) {
                *slot = Axis::List(coordinates).simplified();
            }
        }
    }
    let raw = inner.read(&wanted)?;
    let raw = convert::elements(&inner.dataset.datatype, &reader.dataset.datatype, convert::Conversion::Clamp, raw)?;
    let shape = axes.iter().map(|a| to_usize(a.len())).collect::<Result<Vec<_>>>()?;
    scatter(&raw, &places, &shape, reader.dataset.element_size(), out);
    Ok(())
}

/// The coordinates of an axis that a slab selects: place in the axis, number in the slab.
fn common(axis: &Axis, slab: &SlabAxis) -> Result<Vec<(usize, u64)>> {
    let mut out = Vec::new();
    let last = slab.at(slab.len().saturating_sub(1));
    let Some(part) = axis.within(slab.start, last.saturating_add(1)) else { return Ok(out) };
    for i in 0..part.at.len() {
        let offset = part.at.get(i) as u64;
        let block = offset.checked_div(slab.stride).unwrap_or(0).min(slab.count.saturating_sub(1));
        let within = offset.saturating_sub(block.saturating_mul(slab.stride));
        if within < slab.block {
            let number = block.saturating_mul(slab.block).saturating_add(within);
            out.push((part.out.saturating_add(i), number));
        }
    }
    Ok(out)
}

/// Puts the elements of a box, in C order, at the places given along each dimension of `out`.
fn scatter(raw: &[u8], places: &[Vec<usize>], shape: &[usize], element: usize, out: &mut [u8]) {
    let Some((inner, outer)) = places.split_last() else {
        return copy_run(raw, out, 0, 0, element);
    };
    // Runs of neighbouring places of the innermost dimension: place, number in the box, length.
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (i, &place) in inner.iter().enumerate() {
        match runs.last_mut() {
            Some((start, _, len)) if start.saturating_add(*len) == place => *len = len.saturating_add(1),
            _ => runs.push((place, i, 1)),
        }
    }
    let row = inner.len().saturating_mul(element);
    let rows: usize = outer.iter().map(Vec::len).product();
    let mut numbers = alloc::vec![0usize; outer.len()];
    for i in 0..rows {
        let base = numbers.iter().zip(outer).zip(shape).fold(0usize, |at, ((&n, places), &len)| {
            at.saturating_mul(len).saturating_add(places.get(n).copied().unwrap_or(0))
        });
        let base = base.saturating_mul(shape.last().copied().unwrap_or(1));
        for &(place, number, len) in &runs {
            let from = i.saturating_mul(row).saturating_add(number.saturating_mul(element));
            let to = base.saturating_add(place).saturating_mul(element);
            copy_run(raw, out, from, to, len.saturating_mul(element));
        }
        for (number, places) in numbers.iter_mut().zip(outer).rev() {
            *number = number.saturating_add(1);
            if *number < places.len() {
                break;
            }
            *number = 0;
        }
    }
}

fn copy_run(raw: &[u8], out: &mut [u8], from: usize, to: usize, len: usize) {
    let source = raw.get(from..).and_then(|r| r.get(..len));
    let target = out.get_mut(to..).and_then(|o| o.get_mut(..len));
    if let (Some(source), Some(target)) = (source, target) {
        target.copy_from_slice(source);
    }
}

//! A dataset in parts: by chunk, and by rows of bounded size.

use super::{Dataset, Layout};
use crate::api::selection::{Select, Slice, points};
use crate::codec::Address;
use crate::dataset::axes::{Axis, box_bytes};
use crate::dataset::picks::{Pick, Picks};
use crate::dataset::pieces::{Piece, Pieces};
use crate::dataset::wanted::Wanted;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::chunk_index::ChunkRecord;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A chunk and what of it is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkPart {
    /// Coordinates of the chunk's first element.
    pub offset: Vec<u64>,
    /// Lengths of the chunk, without what sticks out of the dataset.
    pub shape: Vec<u64>,
    /// What of it is selected, in coordinates of the dataset.
    pub select: Select,
}

/// A chunk that is stored, and what of it is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredChunk {
    /// The chunk.
    pub part: ChunkPart,
    /// Where it is in the file.
    pub address: Address,
    /// Bytes it takes there, filtered as they are.
    pub size: u64,
    /// Bit i is set if filter i was skipped.
    pub filter_mask: u32,
}

/// Chunks that a selection may touch, by dimension: from the first to before the last.
struct Grid {
    dims: Vec<u64>,
    chunk: Vec<u64>,
}

impl Dataset {
    /// The chunks that a selection meets, stored or not, in C order, each with what is selected of it: reading these
    /// parts decodes every chunk once.
    ///
    /// ```no_run
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let dataset = hdf5_format::File::open("x.h5")?.dataset("x")?;
    /// for part in dataset.chunk_iter((100..200, ..))? {
    ///     let values: Vec<f64> = dataset.read_slice_vec(part.select)?;
    ///     println!("{:?}: {}", part.offset, values.iter().sum::<f64>());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The selection does not fit the shape, or the dataset is not chunked.
    pub fn chunk_iter(&self, selection: impl Into<Select>) -> Result<Box<dyn Iterator<Item = ChunkPart>>> {
        let (wanted, _) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        let grid = self.grid()?;
        match wanted {
            Wanted::Axes(axes) => Ok(Box::new(grid.boxes(axes))),
            Wanted::Ordered(ordered) => Ok(Box::new(grid.boxes(ordered.axes().to_vec()))),
            Wanted::Picks(picks) => Ok(Box::new(grid.picked(&picks).into_iter())),
        }
    }

    /// The stored chunks that a selection meets, in the order of the index, each with what is selected of it.
    ///
    /// # Errors
    /// As for [`Dataset::chunk_iter`], and if the chunk index is damaged.
    pub fn stored_chunks(&self, selection: impl Into<Select>) -> Result<Vec<StoredChunk>> {
        let (wanted, _) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        let grid = self.grid()?;
        let axes = match &wanted {
            Wanted::Axes(axes) => axes.as_slice(),
            Wanted::Ordered(ordered) => ordered.axes(),
            Wanted::Picks(_) => &[],
        };
        let picked = if let Wanted::Picks(picks) = &wanted { grid.picked(picks) } else { Vec::new() };
        // First and last coordinates of what is selected, along each dimension.
        let bounds: Option<Vec<(u64, u64)>> = match &wanted {
            Wanted::Picks(_) => grid.bounds(&picked),
            _ => axes.iter().map(Axis::bounds).collect(),
        };
        let Some(bounds) = bounds else { return Ok(Vec::new()) };
        let scaled = bounds.iter().zip(&grid.chunk).map(|(&(first, last), &chunk)| {
            let number = |x: u64| x.checked_div(chunk).unwrap_or(0);
            (number(first), number(last).saturating_add(1))
        });
        let (low, high): (Vec<u64>, Vec<u64>) = scaled.unzip();
        self.now_read(|reader| {
            let mut found = Vec::new();
            let mut visit = |record: ChunkRecord<'_>| {
                let offset: Vec<u64> =
                    record.scaled.iter().zip(&grid.chunk).map(|(x, c)| x.saturating_mul(*c)).collect();
                let part = match picked.binary_search_by(|p| p.offset.cmp(&offset)) {
                    Ok(i) => picked.get(i).cloned(),
                    Err(_) => grid.boxed(axes, offset),
                };
                let (address, size, filter_mask) = (record.address, record.size, record.filter_mask);
                found.extend(part.map(|part| StoredChunk { part, address, size, filter_mask }));
                Ok(())
            };
            reader.visit_chunks(&low, &high, &mut visit)?;
            Ok(found)
        })
    }

    /// The dataset in runs of whole rows (coordinates of the first dimension) of about `bytes` stored bytes, one row at
    /// least, and whole rows of chunks where they fit.
    pub fn rows(&self, bytes: u64) -> impl Iterator<Item = Select> + use<> {
        let (rows, below) = match self.shape().split_first() {
            Some((&rows, below)) => (rows, below),
            None => (1, &[][..]),
        };
        let is_scalar = self.shape().is_empty();
        let rows = if self.space().is_null() || below.contains(&0) { 0 } else { rows };
        let row = box_bytes(below.iter().copied(), self.dtype().size() as u64).unwrap_or(u64::MAX);
        let mut step = bytes.checked_div(row).unwrap_or(rows).max(1);
        if let Some(&chunk) = self.chunks().and_then(<[u64]>::first) {
            step = step.saturating_sub(step.checked_rem(chunk).unwrap_or(0)).max(step.min(chunk));
        }
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        (0..rows.div_ceil(step)).map(move |n| {
            let start = n.saturating_mul(step);
            let end = start.saturating_add(step).min(rows);
            if is_scalar { Select::all() } else { Select::from(signed(start)..signed(end)) }
        })
    }

    fn grid(&self) -> Result<Grid> {
        match (self.layout(), self.chunks()) {
            (Layout::Chunked(_), Some(chunk)) => Ok(Grid { dims: self.shape().to_vec(), chunk: chunk.to_vec() }),
            _ => {
                Err(self
                    .named(Error::new(ErrorKind::Invalid, "the dataset is not chunked").with_hint("see Dataset::rows")))
            }
        }
    }
}

impl Grid {
    /// The chunk at a position, with a selection.
    fn part(&self, offset: Vec<u64>, select: Select) -> ChunkPart {
        let sides = offset.iter().zip(&self.dims).zip(&self.chunk);
        let shape = sides.map(|((&at, &dim), &chunk)| dim.saturating_sub(at).min(chunk)).collect();
        ChunkPart { offset, shape, select }
    }

    /// The chunks that an orthogonal selection meets.
    fn boxes(self, axes: Vec<Axis>) -> impl Iterator<Item = ChunkPart> {
        let mut next = self.first(&axes, 0);
        core::iter::from_fn(move || {
            let offset = next.take()?;
            next = self.after(&axes, &offset);
            self.boxed(&axes, offset)
        })
    }

    /// What an orthogonal selection selects of a chunk, if anything.
    fn boxed(&self, axes: &[Axis], offset: Vec<u64>) -> Option<ChunkPart> {
        let along = axes.iter().zip(&offset).zip(&self.chunk);
        let slices = along.map(|((axis, &at), &chunk)| slice(axis, at, chunk)).collect::<Option<Vec<_>>>()?;
        (!slices.is_empty()).then(|| self.part(offset, Select::new(slices)))
    }

    /// First and last offsets of chunks along each dimension.
    fn bounds(&self, parts: &[ChunkPart]) -> Option<Vec<(u64, u64)>> {
        (0..self.dims.len())
            .map(|dim| {
                let along = || parts.iter().filter_map(|p| p.offset.get(dim).copied());
                Some((along().min()?, along().max()?))
            })
            .collect()
    }

    /// First element of the first chunk from a coordinate of one dimension on.
    fn along(&self, axes: &[Axis], dim: usize, from: u64) -> Option<u64> {
        let chunk = *self.chunk.get(dim)?;
        let x = axes.get(dim)?.next_from(from)?;
        Some(x.saturating_sub(x.checked_rem(chunk)?))
    }

    /// First elements along dimension `from` and those below.
    fn first(&self, axes: &[Axis], from: usize) -> Option<Vec<u64>> {
        (from..axes.len()).map(|dim| self.along(axes, dim, 0)).collect()
    }

    fn after(&self, axes: &[Axis], offset: &[u64]) -> Option<Vec<u64>> {
        (0..axes.len()).rev().find_map(|dim| {
            let here = offset.get(dim)?.saturating_add(*self.chunk.get(dim)?);
            let mut next = offset.get(..dim)?.to_vec();
            next.push(self.along(axes, dim, here)?);
            next.extend(self.first(axes, dim.saturating_add(1))?);
            Some(next)
        })
    }

    /// The chunks that hold picked elements, by their offsets.
    fn picked(&self, picks: &Picks) -> Vec<ChunkPart> {
        let mut pieces = Pieces::new(picks.list(), &self.dims, &self.chunk);
        let mut out = Vec::new();
        loop {
            let batch = pieces.next_batch();
            if batch.is_empty() {
                return out;
            }
            for chunk in batch.chunk_by(|a, b| a.chunk == b.chunk) {
                let scaled = pieces.scaled(chunk.first().map_or(0, |p| p.chunk));
                let offset: Vec<u64> = scaled.iter().zip(&self.chunk).map(|(x, c)| x.saturating_mul(*c)).collect();
                let picks = chunk.iter().map(|&Piece { at, len, out, .. }| Pick { place: at, len, out });
                let select = points(&Picks::of_list(picks.collect()), &self.chunk, &offset);
                out.push(self.part(offset, select));
            }
        }
    }
}

/// What of a chunk is selected along one dimension, if anything.
fn slice(axis: &Axis, at: u64, chunk: u64) -> Option<Slice> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let end = at.saturating_add(chunk);
    let first = axis.next_from(at).filter(|&first| first < end)?;
    Some(match axis {
        Axis::Steps { step, .. } => {
            let last = axis.bounds().map_or(at, |(_, last)| last.saturating_add(1)).min(end);
            Slice::Range { start: Some(signed(first)), end: Some(signed(last)), step: *step }
        }
        Axis::List(list) => {
            let (from, to) = (list.partition_point(|&x| x < at), list.partition_point(|&x| x < end));
            Slice::List(list.get(from..to).unwrap_or(&[]).iter().map(|&x| signed(x)).collect())
        }
    })
}

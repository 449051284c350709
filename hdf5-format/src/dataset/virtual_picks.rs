//! Single elements of a virtual dataset: each is looked up in the mappings, and all of one source are read together.

use super::picks::{Pick, Picks, extent_len, point};
use super::read::Reader;
use super::spans;
use super::virtual_::{Source, source};
use super::virtual_extent::{Tile, tiles};
use super::wanted::Asked;
use crate::codec::to_usize;
use crate::dataspace::{self, Elements};
use crate::datatype::convert;
use crate::error::Result;
use alloc::vec::Vec;

/// Bytes of a source that are read at once.
const BATCH_BYTES: u64 = 64 << 20;

/// Copies the picked elements of all sources into `out`, whose other elements stay as they are.
pub(super) fn read(reader: &Reader<'_>, picks: &Picks, out: &mut [u8]) -> Result<()> {
    each_source(reader, picks, BATCH_BYTES, &mut |source, list| copy(reader, &source.reader(reader)?, list, out))
}

/// What is done with picked elements of a source: places in it, and numbers in the output.
type Visit<'a> = &'a mut dyn FnMut(&Source, &[Pick]) -> Result<()>;

/// Shows where in the sources the picked elements are, those of about so many bytes at once.
pub(super) fn each_source(reader: &Reader<'_>, picks: &Picks, bytes: u64, visit: Visit<'_>) -> Result<()> {
    let extent = &reader.dataset.dataspace.dims;
    extent_len(extent)?;
    for mapping in reader.virtual_mappings()? {
        for tile in tiles(&mapping, extent)? {
            each_of_tile(reader, &tile, picks, bytes, visit)?;
        }
    }
    Ok(())
}

/// Neighbouring picked elements of one row.
struct Row {
    at: Vec<u64>,
    len: u64,
    out: u64,
}

fn each_of_tile(reader: &Reader<'_>, tile: &Tile, picks: &Picks, bytes: u64, visit: Visit<'_>) -> Result<()> {
    let extent = &reader.dataset.dataspace.dims;
    let target = tile.virtual_selection(extent)?;
    if dataspace::point_count(&target, extent)? == 0 {
        return Ok(());
    }
    let (low, high) = dataspace::bounds(&target, extent)?;
    let rows = rows(picks, extent, &low, &high);
    if rows.is_empty() {
        return Ok(());
    }
    let Some(source) = source(reader.core, &tile.file, &tile.dataset, reader.depth)? else { return Ok(()) };
    let dims = &source.dataset.dataspace.dims;
    let (from, to) = tile.pair(dims, extent)?;
    let (from, to) = (Elements::new(&from, dims)?, Elements::new(&to, extent)?);
    let most = bytes.checked_div(source.dataset.element_size().max(1) as u64).unwrap_or(1).max(1);
    let mut batch = Batch { source: &source, list: Vec::new(), len: 0, visit };
    let listed = to.listed_places();
    for row in rows {
        let mut found: Vec<(u64, u64, u64)> = Vec::new();
        match &listed {
            None => to.in_row(&row.at, row.len, &mut |offset, number, len| found.push((offset, number, len))),
            Some(places) => {
                let start = row.at.iter().zip(extent).fold(0u64, |n, (&x, &d)| n.saturating_mul(d).saturating_add(x));
                let first = places.partition_point(|p| p.0 < start);
                let inside = places.iter().skip(first).take_while(|p| p.0 < start.saturating_add(row.len));
                found.extend(inside.map(|&(place, number)| (place.saturating_sub(start), number, 1)));
            }
        }
        for (offset, number, len) in found {
            for run in from.runs(number..number.saturating_add(len)) {
                let skipped = offset.saturating_add(run.number.saturating_sub(number));
                batch.add(run.start, run.len, row.out.saturating_add(skipped), most)?;
            }
        }
    }
    batch.flush()
}

/// The picks that may lie in a box, both corners included, cut into rows.
fn rows(picks: &Picks, extent: &[u64], low: &[u64], high: &[u64]) -> Vec<Row> {
    let place = |at: &[u64]| at.iter().zip(extent).fold(0u64, |n, (&x, &d)| n.saturating_mul(d).saturating_add(x));
    let (first, last) = (place(low), place(high));
    let list = picks.list();
    // Ends ascend as starts do, unless elements repeat.
    let skip = if picks.repeats() { 0 } else { list.partition_point(|p| p.end() <= first) };
    let near = list.iter().skip(skip).take_while(|p| p.place <= last).filter(|p| p.end() > first);
    let width = extent.last().copied().unwrap_or(1).max(1);
    let (mut rows, mut at) = (Vec::new(), Vec::new());
    for pick in near {
        // What lies before and after the box is not walked through.
        let end = pick.end().min(last.saturating_add(1));
        let mut start = pick.place.max(first);
        while start < end {
            point(start, extent, &mut at);
            let left = width.saturating_sub(at.last().copied().unwrap_or(0));
            let len = left.min(end.saturating_sub(start)).max(1);
            let out = pick.out.saturating_add(start.saturating_sub(pick.place));
            rows.extend(clipped(&at, len, out, low, high));
            start = start.saturating_add(len);
        }
    }
    rows
}

/// What of a row lies in a box.
fn clipped(at: &[u64], len: u64, out: u64, low: &[u64], high: &[u64]) -> Option<Row> {
    let (Some((&x, outer)), Some((&from, low)), Some((&to, high))) =
        (at.split_last(), low.split_last(), high.split_last())
    else {
        return Some(Row { at: Vec::new(), len, out });
    };
    let inside = outer.iter().zip(low).zip(high).all(|((x, low), high)| x >= low && x <= high);
    let (start, end) = (x.max(from), x.saturating_add(len).min(to.saturating_add(1)));
    if !inside || start >= end {
        return None;
    }
    let mut at = at.to_vec();
    if let Some(last) = at.last_mut() {
        *last = start;
    }
    Some(Row { at, len: end.saturating_sub(start), out: out.saturating_add(start.saturating_sub(x)) })
}

/// Elements of a source that are visited together.
struct Batch<'a, 'v> {
    source: &'a Source,
    /// Places in the source, and numbers in the output.
    list: Vec<Pick>,
    len: u64,
    visit: Visit<'v>,
}

impl Batch<'_, '_> {
    fn add(&mut self, place: u64, len: u64, out: u64, most: u64) -> Result<()> {
        self.list.push(Pick { place, len, out });
        self.len = self.len.saturating_add(len);
        if self.len >= most { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let list = core::mem::take(&mut self.list);
        self.len = 0;
        if list.is_empty() { Ok(()) } else { (self.visit)(self.source, &list) }
    }
}

/// Reads elements of a source, and puts them in their places.
fn copy(reader: &Reader<'_>, inner: &Reader<'_>, list: &[Pick], out: &mut [u8]) -> Result<()> {
    let mut number = 0u64;
    let numbered = list.iter().map(|pick| {
        let own = Pick { out: number, ..*pick };
        number = number.saturating_add(pick.len);
        own
    });
    let picks = Picks::of_list(numbered.collect());
    let raw = inner.read(Asked::Picks(&picks))?;
    let (from, to) = (&inner.dataset.datatype, &reader.dataset.datatype);
    let raw = convert::elements(from, to, convert::Conversion::Clamp, raw)?;
    let element = reader.dataset.element_size();
    let mut at = 0usize;
    for pick in list {
        spans::copy(&raw, at, out, pick.out, pick.len, element);
        at = at.saturating_add(to_usize(pick.len)?.saturating_mul(element));
    }
    Ok(())
}

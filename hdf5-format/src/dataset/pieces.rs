//! Single elements and runs, cut where chunks end, and put together by chunk.

use super::picks::{Pick, point};
use alloc::vec::Vec;

/// Pieces that are put together at once, up to the end of a row of chunks.
const BATCH: usize = 1 << 18;

/// Pieces that are put together at most, within a row of chunks too: a chunk may come twice then.
const MOST: usize = 1 << 24;

/// Elements that follow each other in a chunk and in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the chunk, in C order.
    pub chunk: u64,
    /// Place of the first element in the chunk, in C order.
    pub at: u64,
    /// Number in the output of the first one.
    pub out: u64,
    /// How many.
    pub len: u64,
}

/// Cuts picks at the borders of chunks.
pub struct Pieces<'a> {
    dims: &'a [u64],
    chunk: &'a [u64],
    /// Chunks along each dimension.
    grid: Vec<u64>,
    /// Elements of a row of chunks.
    band: u64,
    rest: &'a [Pick],
    /// Elements of the first of `rest` that are done.
    done: u64,
}

impl<'a> Pieces<'a> {
    /// Cuts `picks`, ascending places in an extent, at the borders of chunks of the same rank.
    pub fn new(picks: &'a [Pick], dims: &'a [u64], chunk: &'a [u64]) -> Self {
        let grid = dims.iter().zip(chunk).map(|(&dim, &chunk)| dim.div_ceil(chunk.max(1))).collect();
        let below = dims.iter().skip(1).fold(1u64, |n, &d| n.saturating_mul(d));
        let band = chunk.first().map_or(1, |&c| c.saturating_mul(below)).max(1);
        Pieces { dims, chunk, grid, band, rest: picks, done: 0 }
    }

    /// The position of a chunk, in units of chunks.
    pub fn scaled(&self, chunk: u64) -> Vec<u64> {
        let mut out = Vec::with_capacity(self.grid.len());
        point(chunk, &self.grid, &mut out);
        out
    }

    /// The number of the chunk at a position.
    pub fn number(&self, scaled: &[u64]) -> u64 {
        scaled.iter().zip(&self.grid).fold(0, |n, (&x, &len)| n.saturating_mul(len).saturating_add(x))
    }

    /// The next pieces, by chunk and place in it; all there are of a row of chunks, and of several small rows. None at
    /// the end.
    pub fn next_batch(&mut self) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::new();
        let mut coords = Vec::with_capacity(self.dims.len());
        while let Some(pick) = self.rest.first() {
            let place = pick.place.saturating_add(self.done);
            let band = place.checked_div(self.band).unwrap_or(0);
            if out.len() >= BATCH && (out.len() >= MOST || Some(band) != self.band_of(out.last())) {
                break;
            }
            // Up to the end of the row of chunks.
            let left = band.saturating_add(1).saturating_mul(self.band).saturating_sub(place);
            let len = pick.len.saturating_sub(self.done).min(left).max(1);
            point(place, self.dims, &mut coords);
            let taken = self.cut(&mut coords, pick.out.saturating_add(self.done), len, &mut out);
            self.done = self.done.saturating_add(taken);
            if self.done >= pick.len {
                (self.rest, self.done) = (self.rest.get(1..).unwrap_or(&[]), 0);
            }
        }
        out.sort_unstable_by_key(|p| (p.chunk, p.at, p.out));
        out
    }

    fn band_of(&self, piece: Option<&Piece>) -> Option<u64> {
        let rest = self.grid.iter().skip(1).fold(1u64, |n, &len| n.saturating_mul(len));
        piece?.chunk.checked_div(rest)
    }

    /// Adds the pieces of `len` elements from a point on, and says how many elements were taken.
    fn cut(&self, coords: &mut [u64], mut number: u64, len: u64, out: &mut Vec<Piece>) -> u64 {
        let mut left = len;
        while left > 0 && out.len() <= MOST {
            let (mut chunk, mut at) = (0u64, 0u64);
            for ((&x, &each), &grid) in coords.iter().zip(self.chunk).zip(&self.grid) {
                let scaled = x.checked_div(each).unwrap_or(0);
                chunk = chunk.saturating_mul(grid).saturating_add(scaled);
                at = at.saturating_mul(each).saturating_add(x.saturating_sub(scaled.saturating_mul(each)));
            }
            let (Some(x), Some(&dim), Some(&each)) = (coords.last_mut(), self.dims.last(), self.chunk.last()) else {
                out.push(Piece { chunk: 0, at: 0, out: number, len: left });
                return len;
            };
            let border = each.saturating_sub(x.checked_rem(each).unwrap_or(0)).min(dim.saturating_sub(*x));
            let part = border.min(left).max(1);
            *x = x.saturating_add(part);
            carry(coords, self.dims);
            match out.last_mut() {
                Some(last)
                    if last.chunk == chunk
                        && last.at.saturating_add(last.len) == at
                        && last.out.saturating_add(last.len) == number =>
                {
                    last.len = last.len.saturating_add(part);
                }
                _ => out.push(Piece { chunk, at, out: number, len: part }),
            }
            number = number.saturating_add(part);
            left = left.saturating_sub(part);
        }
        len.saturating_sub(left)
    }
}

/// Moves a coordinate that reached the end of its row on to the next row.
fn carry(coords: &mut [u64], dims: &[u64]) {
    let mut over = 0u64;
    for (x, &dim) in coords.iter_mut().zip(dims).rev() {
        *x = x.saturating_add(over);
        over = u64::from(*x >= dim);
        if over == 0 {
            return;
        }
        *x = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::picks::Picks;
    use alloc::vec;

    #[test]
    fn pieces_hold_every_element_once_and_by_chunk() {
        for (dims, chunk) in
            [(vec![7, 5, 6], vec![3, 2, 4]), (vec![40], vec![7]), (vec![10, 4], vec![3, 4]), (vec![3, 3], vec![10, 10])]
        {
            let total: u64 = dims.iter().product();
            for step in [1u64, 2, 3, 11] {
                let places: Vec<u64> = (0..total).filter(|p| p % step == 0 || p % 17 < 5).collect();
                let picks = Picks::of_places(places.iter().rev().map(|&p| Ok(p))).unwrap();
                let forward = Picks::of_places(places.iter().map(|&p| Ok(p))).unwrap();
                for picks in [picks, forward] {
                    let mut pieces = Pieces::new(picks.list(), &dims, &chunk);
                    let batch = pieces.next_batch();
                    assert!(pieces.next_batch().is_empty());
                    assert!(batch.is_sorted_by_key(|p| (p.chunk, p.at)));
                    let mut got = vec![u64::MAX; places.len()];
                    for piece in &batch {
                        let scaled = pieces.scaled(piece.chunk);
                        assert_eq!(pieces.number(&scaled), piece.chunk);
                        for i in 0..piece.len {
                            let mut inside = vec![];
                            point(piece.at + i, &chunk, &mut inside);
                            let place = (0..dims.len()).fold(0, |n, d| n * dims[d] + scaled[d] * chunk[d] + inside[d]);
                            got[(piece.out + i) as usize] = place;
                        }
                    }
                    let mut want = vec![0; places.len()];
                    for p in picks.list() {
                        (0..p.len).for_each(|i| want[(p.out + i) as usize] = p.place + i);
                    }
                    assert_eq!(got, want, "{dims:?} {chunk:?} {step}");
                }
            }
        }
    }

    #[test]
    fn one_long_run_comes_in_batches_of_whole_rows_of_chunks() {
        let dims = [4096, 4096];
        let list = [Pick { place: 0, len: 4096 * 4096, out: 0 }];
        let mut pieces = Pieces::new(&list, &dims, &[16, 16]);
        let (mut last, mut elements) = (None, 0);
        loop {
            let batch = pieces.next_batch();
            let Some(first) = batch.first() else { break };
            assert!(batch.len() <= BATCH + 16 * 256 * 16, "{}", batch.len());
            assert!(last < Some(first.chunk));
            last = batch.last().map(|p| p.chunk);
            elements += batch.iter().map(|p| p.len).sum::<u64>();
        }
        assert_eq!(elements, 4096 * 4096);
    }
}

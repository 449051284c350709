//! Shuffle: the first bytes of all elements, then all second bytes, and so on.
//!
//! | | |
//! |---|---|
//! | id | 2 |
//! | name | `shuffle` |
//! | client data | `[0]` bytes of an element |
//! | payload | as long as the input: the transposed matrix of elements and their bytes; left-over bytes as they are |
//! | reference | File Format Specification, "Shuffle Filter" |
//! | done by | this file |

use super::simd::vectorized;
use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::array;

/// Filter 2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shuffle;

impl Filter for Shuffle {
    fn id(&self) -> u16 {
        2
    }

    fn name(&self) -> &str {
        "shuffle"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let size = element_size(context)?;
        if is_identity(size, input.len()) {
            return Ok(input);
        }
        let mut out = context.buffer(input.len())?;
        unshuffle(&input, &mut out, size);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let size = element_size(context)?;
        let mut out = context.buffer(input.len())?;
        shuffle(input, &mut out, size);
        Ok(Some(out))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain
    }
}

/// Client data of a dataset whose elements have `size` bytes.
pub fn client_data(size: u32) -> Vec<u32> {
    alloc::vec![size]
}

fn element_size(context: &FilterContext<'_>) -> Result<usize> {
    match context.client_data.first() {
        Some(&size) if size > 0 => crate::codec::to_usize(size.into()),
        _ => Err(context.corrupt("client data: expected the bytes of an element, found none or 0")),
    }
}

/// True where the transposed matrix is the matrix: one row or one column.
fn is_identity(size: usize, len: usize) -> bool {
    size <= 1 || len.checked_div(size).unwrap_or(0) <= 1
}

/// Restores elements of `size` bytes from shuffled `input`. `out` is as long as `input`.
pub fn unshuffle(input: &[u8], out: &mut [u8], size: usize) {
    vectorized(
        #[inline(always)]
        || unshuffle_inlined(input, out, size),
    );
}

/// [`unshuffle`] as part of another vectorized kernel.
#[inline(always)]
pub(super) fn unshuffle_inlined(input: &[u8], out: &mut [u8], size: usize) {
    if is_identity(size, input.len()) {
        return copy(input, out);
    }
    let whole = input.len().saturating_sub(input.len().checked_rem(size).unwrap_or(0));
    let (planes, rest) = input.split_at(whole);
    let (elements, rest_out) = out.split_at_mut(whole.min(out.len()));
    copy(rest, rest_out);
    // The constants let the compiler unroll the common sizes.
    match size {
        2 => join_2(planes, elements),
        4 => join_4(planes, elements),
        8 => join_8(planes, elements),
        16 => join(planes, elements, 16),
        _ => join(planes, elements, size),
    }
}

/// Sorts elements of `size` bytes into planes of first, second ... bytes. `out` is as long as `input`.
pub fn shuffle(input: &[u8], out: &mut [u8], size: usize) {
    vectorized(
        #[inline(always)]
        || shuffle_inlined(input, out, size, &mut Spare::default()),
    );
}

/// [`shuffle`] as part of another vectorized kernel.
#[inline(always)]
pub(super) fn shuffle_inlined(input: &[u8], out: &mut [u8], size: usize, spare: &mut Spare) {
    if is_identity(size, input.len()) {
        return copy(input, out);
    }
    let whole = input.len().saturating_sub(input.len().checked_rem(size).unwrap_or(0));
    let (elements, rest) = input.split_at(whole);
    let (planes, rest_out) = out.split_at_mut(whole.min(out.len()));
    copy(rest, rest_out);
    match size {
        2 => split_2(elements, planes),
        4 => split_blocks(elements, planes, spare, unzip_4),
        8 => split_blocks(elements, planes, spare, unzip_8),
        16 => split_blocks(elements, planes, spare, unzip_16),
        _ => split(elements, planes, size),
    }
}

#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Elements in a block that stays in the fastest cache.
const BLOCK: usize = 512;

/// Bytes in a block of elements that are taken apart.
const SPLIT_BLOCK: usize = 1024;

/// Between the rounds of taking apart.
pub(super) struct Spare([u8; 3 * SPLIT_BLOCK]);

impl Default for Spare {
    fn default() -> Self {
        Spare([0; 3 * SPLIT_BLOCK])
    }
}

/// Bytes of `a` and `b` in turn. The loop becomes byte-interleaving vector instructions.
#[inline(always)]
fn zip(a: &[u8], b: &[u8], out: &mut [u8]) {
    for ((pair, a), b) in out.as_chunks_mut::<2>().0.iter_mut().zip(a).zip(b) {
        *pair = [*a, *b];
    }
}

#[inline(always)]
fn join_2(planes: &[u8], out: &mut [u8]) {
    let (a, b) = planes.split_at(planes.len() / 2);
    zip(a, b, out);
}

/// Two rounds of interleaving: (0,2) and (1,3), then the results. At most [`BLOCK`] elements.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "each plane has at most BLOCK bytes")]
fn zip_4([a, b, c, d]: [&[u8]; 4], out: &mut [u8]) {
    let (mut even, mut odd) = ([0; 2 * BLOCK], [0; 2 * BLOCK]);
    let (even, odd) = (&mut even[..2 * a.len()], &mut odd[..2 * a.len()]);
    zip(a, c, even);
    zip(b, d, odd);
    zip(even, odd, out);
}

/// The `N` planes, a block at a time.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "plane < N, start < count and len <= count - start"
)]
fn blocks<const N: usize>(planes: &[u8]) -> impl Iterator<Item = [&[u8]; N]> {
    let count = planes.len() / N;
    (0..count).step_by(BLOCK).map(move |start| {
        let len = BLOCK.min(count - start);
        array::from_fn(|plane| &planes[plane * count + start..][..len])
    })
}

#[inline(always)]
fn join_4(planes: &[u8], out: &mut [u8]) {
    for (planes, out) in blocks(planes).zip(out.chunks_mut(4 * BLOCK)) {
        zip_4(planes, out);
    }
}

/// Three rounds: the even planes, the odd planes, the results.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "a block has at most 8 * BLOCK bytes")]
fn join_8(planes: &[u8], out: &mut [u8]) {
    let (mut even, mut odd) = ([0; 4 * BLOCK], [0; 4 * BLOCK]);
    for ([a, b, c, d, e, f, g, h], out) in blocks(planes).zip(out.chunks_mut(8 * BLOCK)) {
        let half = out.len() / 2;
        zip_4([a, c, e, g], &mut even[..half]);
        zip_4([b, d, f, h], &mut odd[..half]);
        zip(&even[..half], &odd[..half], out);
    }
}

/// An 8 by 8 matrix of bytes, transposed; the rows are little-endian words.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "indices are constants below 8")]
fn transpose(mut rows: [u64; 8]) -> [u64; 8] {
    const HALF: u64 = 0x0000_0000_ffff_ffff;
    const PAIR: u64 = 0x0000_ffff_0000_ffff;
    const BYTE: u64 = 0x00ff_00ff_00ff_00ff;
    for (k, l) in [(0, 4), (1, 5), (2, 6), (3, 7)] {
        (rows[k], rows[l]) = swap(rows[k], rows[l], 32, HALF);
    }
    for (k, l) in [(0, 2), (1, 3), (4, 6), (5, 7)] {
        (rows[k], rows[l]) = swap(rows[k], rows[l], 16, PAIR);
    }
    for (k, l) in [(0, 1), (2, 3), (4, 5), (6, 7)] {
        (rows[k], rows[l]) = swap(rows[k], rows[l], 8, BYTE);
    }
    rows
}

/// Exchanges the upper parts of `a` with the lower parts of `b`.
#[inline(always)]
fn swap(a: u64, b: u64, shift: u32, mask: u64) -> (u64, u64) {
    let changed = (a.wrapping_shr(shift) ^ b) & mask;
    (a ^ changed.wrapping_shl(shift), b ^ changed)
}

/// Any element size: eight planes and eight elements at a time, single bytes at the edges.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "plane < size, block < blocks and k < 8; both slices have size * count bytes"
)]
fn join(planes: &[u8], out: &mut [u8], size: usize) {
    let count = planes.len() / size;
    let (whole_planes, blocks) = (size / 8 * 8, count / 8);
    for plane in (0..whole_planes).step_by(8) {
        let rows: [&[[u8; 8]]; 8] =
            array::from_fn(|k| &planes[(plane + k) * count..][..count].as_chunks::<8>().0[..blocks]);
        for (block, elements) in out.chunks_exact_mut(8 * size).take(blocks).enumerate() {
            let words = transpose(array::from_fn(|k| u64::from_le_bytes(rows[k][block])));
            for (element, word) in elements.chunks_exact_mut(size).zip(words) {
                element[plane..plane + 8].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    for plane in 0..size {
        let first = if plane < whole_planes { 8 * blocks } else { 0 };
        let bytes = &planes[plane * count + first..(plane + 1) * count];
        for (element, byte) in out[first * size..].chunks_exact_mut(size).zip(bytes) {
            element[plane] = *byte;
        }
    }
}

/// The inverse of [`join`].
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "plane < size and element < count, and both slices have size * count bytes"
)]
fn split(elements: &[u8], out: &mut [u8], size: usize) {
    let count = elements.len() / size;
    let (whole_planes, blocks) = (size / 8 * 8, count / 8);
    for plane in (0..whole_planes).step_by(8) {
        for (block, elements) in elements.chunks_exact(8 * size).take(blocks).enumerate() {
            let words = transpose(array::from_fn(|k| {
                let mut word = [0; 8];
                word.copy_from_slice(&elements[k * size + plane..][..8]);
                u64::from_le_bytes(word)
            }));
            for (k, word) in words.into_iter().enumerate() {
                out[(plane + k) * count + 8 * block..][..8].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    for plane in 0..size {
        let first = if plane < whole_planes { 8 * blocks } else { 0 };
        let bytes = &mut out[plane * count + first..(plane + 1) * count];
        for (byte, element) in bytes.iter_mut().zip(elements[first * size..].chunks_exact(size)) {
            *byte = element[plane];
        }
    }
}

/// Bytes at even places to one slice, those at odd places to the other: the inverse of [`zip`]. The loop becomes
/// byte-packing vector instructions.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "eight bits each")]
fn unzip(pairs: &[u8], even: &mut [u8], odd: &mut [u8]) {
    for ((pair, even), odd) in pairs.as_chunks::<2>().0.iter().zip(even).zip(odd) {
        // A shift and a narrowing, which the compiler knows as vector instructions.
        let pair = u16::from_le_bytes(*pair);
        [*even, *odd] = [(pair & 0xff) as u8, (pair >> 8) as u8];
    }
}

#[inline(always)]
fn split_2(elements: &[u8], out: &mut [u8]) {
    let (even, odd) = out.split_at_mut(elements.len() / 2);
    unzip(elements, even, odd);
}

/// Two rounds: even and odd bytes, then those again. `spare` is as long as `elements`.
#[inline(always)]
fn unzip_4(elements: &[u8], [a, b, c, d]: [&mut [u8]; 4], spare: &mut [u8]) {
    let (even, odd) = spare.split_at_mut(elements.len() / 2);
    unzip(elements, even, odd);
    unzip(even, a, c);
    unzip(odd, b, d);
}

/// A third round before those of [`unzip_4`]. `spare` is twice as long as `elements`.
#[inline(always)]
fn unzip_8(elements: &[u8], [a, b, c, d, e, f, g, h]: [&mut [u8]; 8], spare: &mut [u8]) {
    let (halves, spare) = spare.split_at_mut(elements.len());
    let (even, odd) = halves.split_at_mut(elements.len() / 2);
    let spare = spare.get_mut(..even.len()).unwrap_or(&mut []);
    unzip(elements, even, odd);
    unzip_4(even, [a, c, e, g], spare);
    unzip_4(odd, [b, d, f, h], spare);
}

/// A fourth round before those of [`unzip_8`]. `spare` is three times as long as `elements`.
#[inline(always)]
fn unzip_16(elements: &[u8], planes: [&mut [u8]; 16], spare: &mut [u8]) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = planes;
    let (halves, spare) = spare.split_at_mut(elements.len());
    let (even, odd) = halves.split_at_mut(elements.len() / 2);
    unzip(elements, even, odd);
    unzip_8(even, [a, c, e, g, i, k, m, o], spare);
    unzip_8(odd, [b, d, f, h, j, l, n, p], spare);
}

/// Gives a block of elements of `N` bytes, its part of each plane and space of three times its length to `unzip`.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "N is not 0")]
fn split_blocks<const N: usize>(
    elements: &[u8],
    out: &mut [u8],
    Spare(spare): &mut Spare,
    unzip: impl Fn(&[u8], [&mut [u8]; N], &mut [u8]),
) {
    let mut rest = out.chunks_exact_mut((elements.len() / N).max(1));
    let mut planes: [&mut [u8]; N] = array::from_fn(|_| rest.next().unwrap_or(&mut []));
    for block in elements.chunks(SPLIT_BLOCK) {
        let parts = planes.each_mut().map(|plane| {
            let (part, rest) = core::mem::take(plane).split_at_mut(block.len() / N);
            *plane = rest;
            part
        });
        let spare = spare.get_mut(..block.len().saturating_mul(3)).unwrap_or(&mut []);
        unzip(block, parts, spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    /// The definition.
    fn plain(input: &[u8], size: usize) -> Vec<u8> {
        let count = input.len() / size;
        let mut out: Vec<u8> = (0..size * count).map(|i| input[i % count * size + i / count]).collect();
        out.extend_from_slice(&input[size * count..]);
        out
    }

    #[test]
    fn agrees_with_the_definition_for_every_size_and_remainder() {
        let data = noise(4096, 3);
        for size in (1..=34).chain([64, 100, 257]) {
            for len in (size..size + 3).chain([17 * size, 33 * size + size / 2, 4096 - size]) {
                if len < size || len > data.len() {
                    continue;
                }
                let (input, data_size) = (&data[..len], [size as u32]);
                let shuffled = encode(&Shuffle, input, &data_size).unwrap().unwrap();
                assert_eq!(shuffled, plain(input, size), "size {size}, {len} bytes");
                assert_eq!(decode(&Shuffle, &shuffled, &data_size, len).unwrap(), input, "size {size}, {len} bytes");
            }
        }
    }

    #[test]
    fn long_blocks() {
        let data = noise(40_000, 4);
        for size in [2, 4, 8, 12, 16] {
            let shuffled = encode(&Shuffle, &data, &[size]).unwrap().unwrap();
            assert_eq!(shuffled, plain(&data, size as usize));
            assert_eq!(decode(&Shuffle, &shuffled, &[size], data.len()).unwrap(), data);
        }
    }

    #[test]
    fn needs_the_element_size() {
        assert!(decode(&Shuffle, b"1234", &[], 4).is_err());
        assert!(decode(&Shuffle, b"1234", &[0], 4).is_err());
        assert_eq!(decode(&Shuffle, b"1234", &[u32::MAX], 4).unwrap(), b"1234");
    }
}

//! The bit matrix of elements, transposed: first bits of all elements, then all second bits, and so on, the least
//! significant bit of the first byte first.
//!
//! Done as three transpositions of bytes or bits: elements to planes of bytes; in a plane, each eight bytes as an 8 by
//! 8 matrix of bits; then eight bytes to eight rows of bits.

use crate::filter::shuffle::{Spare, shuffle_inlined, unshuffle_inlined};
use crate::filter::simd::vectorized;

/// `input` holds elements of `size` bytes, a multiple of eight of them; `out` and `spare` are as long as `input`.
pub(in crate::filter) fn transpose(input: &[u8], out: &mut [u8], spare: &mut [u8], size: usize) {
    vectorized(
        #[inline(always)]
        || {
            let split = &mut Spare::default();
            shuffle_inlined(input, out, size, split);
            transpose_octets(out, spare);
            for (plane, rows) in planes(spare, size).zip(planes_mut(out, size)) {
                shuffle_inlined(plane, rows, 8, split);
            }
        },
    );
}

/// The inverse of [`transpose`].
pub(in crate::filter) fn untranspose(input: &[u8], out: &mut [u8], spare: &mut [u8], size: usize) {
    vectorized(
        #[inline(always)]
        || {
            for (rows, plane) in planes(input, size).zip(planes_mut(out, size)) {
                unshuffle_inlined(rows, plane, 8);
            }
            transpose_octets(out, spare);
            unshuffle_inlined(spare, out, size);
        },
    );
}

fn planes(bytes: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    bytes.chunks_exact(bytes.len().checked_div(size).unwrap_or(0).max(1))
}

fn planes_mut(bytes: &mut [u8], size: usize) -> impl Iterator<Item = &mut [u8]> {
    let len = bytes.len().checked_div(size).unwrap_or(0).max(1);
    bytes.chunks_exact_mut(len)
}

/// Each eight bytes as a matrix of bits, transposed. The loop becomes vector instructions on 64-bit lanes.
#[inline(always)]
fn transpose_octets(input: &[u8], out: &mut [u8]) {
    for (from, to) in input.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        *to = transpose_octet(u64::from_le_bytes(*from)).to_le_bytes();
    }
}

/// Exchanges bit `8 * i + j` with bit `8 * j + i`.
#[inline(always)]
fn transpose_octet(mut bits: u64) -> u64 {
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)] {
        let changed = (bits ^ bits.wrapping_shr(shift)) & mask;
        bits ^= changed ^ changed.wrapping_shl(shift);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::noise;
    use alloc::vec;

    #[test]
    fn agrees_with_the_definition() {
        for size in [1, 2, 3, 4, 5, 8, 12, 16, 17, 40] {
            for count in [8, 16, 24, 128, 1000] {
                let input = noise(size * count, 7);
                let (mut out, mut back, mut spare) = (vec![0; input.len()], vec![0; input.len()], vec![9; input.len()]);
                transpose(&input, &mut out, &mut spare, size);
                for row in 0..8 * size {
                    for element in 0..count {
                        let bit = input[element * size + row / 8] >> (row % 8) & 1;
                        assert_eq!(out[row * (count / 8) + element / 8] >> (element % 8) & 1, bit);
                    }
                }
                untranspose(&out, &mut back, &mut spare, size);
                assert_eq!(back, input, "{count} of {size}");
            }
        }
    }
}

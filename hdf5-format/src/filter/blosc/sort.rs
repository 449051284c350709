//! How the bytes of a block are sorted before they are encoded. Common to Blosc 1 and 2.

use crate::filter::bitshuffle::kernel;

/// Bytes of a block of `length` that are sorted bit by bit: the elements up to a multiple of eight.
pub(in crate::filter) fn whole_octets(length: usize, size: usize) -> usize {
    let eight = size.saturating_mul(8);
    length.saturating_sub(length.checked_rem(eight).unwrap_or(length))
}

/// Sorts the bits of the first `sorted` bytes; what is left stays as it is. `out` and `spare` are as long as `input`.
pub(in crate::filter) fn transpose(input: &[u8], out: &mut [u8], spare: &mut [u8], size: usize, sorted: usize) {
    by_bits(kernel::transpose, input, out, spare, size, sorted);
}

/// The inverse of [`transpose`].
pub(in crate::filter) fn untranspose(input: &[u8], out: &mut [u8], spare: &mut [u8], size: usize, sorted: usize) {
    by_bits(kernel::untranspose, input, out, spare, size, sorted);
}

fn by_bits(
    kernel: impl Fn(&[u8], &mut [u8], &mut [u8], usize),
    input: &[u8],
    out: &mut [u8],
    spare: &mut [u8],
    size: usize,
    sorted: usize,
) {
    let sorted = sorted.min(input.len()).min(out.len()).min(spare.len());
    let ((bits, rest), (bits_out, rest_out)) = (input.split_at(sorted), out.split_at_mut(sorted));
    kernel(bits, bits_out, spare.split_at_mut(sorted).0, size);
    rest_out.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
}

/// The first `length` bytes of a buffer that is reused.
pub(in crate::filter) fn room(buffer: &mut alloc::vec::Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    buffer.split_at_mut(length).0
}

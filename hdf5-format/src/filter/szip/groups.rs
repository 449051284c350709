//! Blocks as loops of vector instructions want them: groups of a fixed length, as many as a block needs.

/// Values that vector instructions work on together.
pub(super) const GROUP: usize = 8;

/// Values that vector instructions work on together.
pub(super) type Group = [u32; GROUP];

/// Combines the values of two groups. All of them are read before any is written, which lets the loop become vector
/// instructions wherever the groups are.
#[inline(always)]
pub(super) fn pairwise(left: Group, right: Group, with: impl Fn(u32, u32) -> u32) -> Group {
    let mut out = left;
    out.iter_mut().zip(right).for_each(|(left, right)| *left = with(*left, right));
    out
}

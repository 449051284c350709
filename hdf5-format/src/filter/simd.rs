//! Loops compiled once for each vector extension of the processor, the best one chosen when they run.
//!
//! The crate `fearless_simd` keeps the `unsafe` that this takes to itself.

/// Runs `work` where the compiler may use all vector instructions that this processor has. Only code that is inlined
/// into the closure gains: mark it and what it calls `#[inline(always)]`.
#[cfg(feature = "simd")]
#[inline]
pub(super) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    use fearless_simd::{Level, Simd, dispatch};
    dispatch!(Level::new(), simd => simd.vectorize(work))
}

/// Runs `work` as it is compiled.
#[cfg(not(feature = "simd"))]
#[inline]
pub(super) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    work()
}

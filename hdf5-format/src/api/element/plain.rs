//! Elements that are the machine's values byte for byte: loading them can not fail and needs no heap.

use super::Load;
use core::convert::Infallible;

/// Loads elements that hold the bytes of values of the machine.
pub trait Plain<T>: Send + Sync {
    /// The value at the start of an element.
    fn get(&self, element: &[u8]) -> T;
}

/// For types whose elements are never plain.
impl<T> Plain<T> for Infallible {
    fn get(&self, _: &[u8]) -> T {
        match *self {}
    }
}

/// A plain number.
#[derive(Debug)]
pub struct PlainNumber;

/// A plain part of an element.
#[derive(Debug)]
pub struct PlainField<P> {
    at: usize,
    plain: P,
}

impl<P> PlainField<P> {
    pub(super) fn new(at: usize, plain: P) -> Self {
        PlainField { at, plain }
    }

    /// Its value in an element.
    #[inline]
    pub fn get<T>(&self, element: &[u8]) -> T
    where
        P: Plain<T>,
    {
        self.plain.get(element.get(self.at..).unwrap_or(&[]))
    }
}

/// Plain items that follow each other.
#[derive(Debug)]
pub struct PlainItems<P> {
    pub(super) size: usize,
    pub(super) plain: P,
}

impl<T, P: Plain<T>, const N: usize> Plain<[T; N]> for PlainItems<P> {
    #[inline]
    fn get(&self, element: &[u8]) -> [T; N] {
        core::array::from_fn(|i| self.plain.get(element.get(i.saturating_mul(self.size)..).unwrap_or(&[])))
    }
}

/// The values of whole elements of `size` bytes.
pub(crate) fn values<'a, T: Load>(
    plain: &'a T::Plain,
    size: usize,
    bytes: &'a [u8],
) -> impl Iterator<Item = T> + use<'a, T> {
    bytes.chunks_exact(size.max(1)).map(|element| plain.get(element))
}

//! Elements that are the machine's values byte for byte: loading them can not fail and needs no heap.
//!
//! Most elements lie in one of two ways that follow from their type alone, packed or as in C: then all offsets are constants
//! and a row is loaded without a check.

use super::Load;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Loads elements that hold the bytes of values of the machine.
pub trait Plain<T>: Send + Sync {
    /// What an element needs if its parts follow from the type.
    const LAYOUT: PlainLayout;

    /// The value at the start of an element.
    fn get(&self, element: &[u8]) -> T;

    /// True if the parts lie as [`LAYOUT`](Plain::LAYOUT) says, packed or as in C.
    fn is_laid<const NATURAL: bool>(&self) -> bool;

    /// The value at the start of an element whose parts lie so.
    fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> T;
}

/// Bytes of an element, packed and as C lays it.
#[derive(Clone, Copy, Debug)]
pub struct PlainLayout {
    packed: usize,
    natural: usize,
    align: usize,
}

impl PlainLayout {
    const EMPTY: PlainLayout = PlainLayout { packed: 0, natural: 0, align: 1 };

    /// A number of so many bytes.
    pub(super) const fn number(size: usize) -> Self {
        PlainLayout { packed: size, natural: size, align: size }
    }

    /// So many of them.
    pub(super) const fn times(self, n: usize) -> Self {
        let size = self.size(true);
        PlainLayout { packed: self.packed.saturating_mul(n), natural: size.saturating_mul(n), ..self }
    }

    /// One part after the other.
    pub const fn of(mut parts: &[PlainLayout]) -> Self {
        let mut row = PlainLayout::EMPTY;
        while let [part, rest @ ..] = parts {
            row = PlainLayout {
                packed: row.packed.saturating_add(part.packed),
                natural: row.end(part.align).saturating_add(part.size(true)),
                align: if part.align > row.align { part.align } else { row.align },
            };
            parts = rest;
        }
        row
    }

    /// Where part `i` of several lies.
    pub const fn offset(parts: &[PlainLayout], i: usize, natural: bool) -> usize {
        let Some((before, [part, ..])) = parts.split_at_checked(i) else {
            return usize::MAX;
        };
        let before = PlainLayout::of(before);
        if natural { before.end(part.align) } else { before.packed }
    }

    /// Bytes of a whole element.
    pub const fn size(self, natural: bool) -> usize {
        if natural { self.end(self.align) } else { self.packed }
    }

    const fn end(self, align: usize) -> usize {
        self.natural.next_multiple_of(align)
    }
}

/// For types whose elements are never plain.
impl<T> Plain<T> for Infallible {
    const LAYOUT: PlainLayout = PlainLayout::EMPTY;

    fn get(&self, _: &[u8]) -> T {
        match *self {}
    }

    fn is_laid<const NATURAL: bool>(&self) -> bool {
        match *self {}
    }

    fn get_laid<const NATURAL: bool>(&self, _: &[u8]) -> T {
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

    /// True if it lies at an offset, and its parts as the type says.
    pub fn is_laid<T, const NATURAL: bool>(&self, at: usize) -> bool
    where
        P: Plain<T>,
    {
        self.at == at && self.plain.is_laid::<NATURAL>()
    }

    /// Its value in an element where that is so.
    #[inline(always)]
    pub fn get_laid<T, const NATURAL: bool>(&self, at: usize, element: &[u8]) -> T
    where
        P: Plain<T>,
    {
        self.plain.get_laid::<NATURAL>(element.get(at..).unwrap_or(&[]))
    }
}

/// Plain items that follow each other.
#[derive(Debug)]
pub struct PlainItems<P> {
    pub(super) size: usize,
    pub(super) plain: P,
}

impl<T, P: Plain<T>, const N: usize> Plain<[T; N]> for PlainItems<P> {
    const LAYOUT: PlainLayout = P::LAYOUT.times(N);

    #[inline]
    fn get(&self, element: &[u8]) -> [T; N] {
        core::array::from_fn(|i| self.plain.get(element.get(i.saturating_mul(self.size)..).unwrap_or(&[])))
    }

    fn is_laid<const NATURAL: bool>(&self) -> bool {
        self.size == P::LAYOUT.size(NATURAL) && self.plain.is_laid::<NATURAL>()
    }

    #[inline]
    fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> [T; N] {
        let size = const { P::LAYOUT.size(NATURAL) };
        core::array::from_fn(|i| self.plain.get_laid::<NATURAL>(element.get(i.saturating_mul(size)..).unwrap_or(&[])))
    }
}

/// What takes values in their order.
pub(crate) trait Take<T>: Sized {
    fn take(self, values: impl Iterator<Item = T>) -> Self;
}

impl<T> Take<T> for &mut Vec<T> {
    fn take(self, values: impl Iterator<Item = T>) -> Self {
        self.extend(values);
        self
    }
}

/// Places that are filled one after the other.
impl<T> Take<T> for core::slice::IterMut<'_, T> {
    fn take(mut self, values: impl Iterator<Item = T>) -> Self {
        for (value, to) in values.zip(&mut self) {
            *to = value;
        }
        self
    }
}

/// Hands over the values of whole elements of `size` bytes.
pub(crate) fn hand_over<T: Load, S: Take<T>>(plain: &T::Plain, size: usize, bytes: &[u8], to: S) -> S {
    if size == laid::<T, false>() && plain.is_laid::<false>() {
        return to.take(bytes.chunks_exact(laid::<T, false>().max(1)).map(|e| plain.get_laid::<false>(e)));
    }
    if size == laid::<T, true>() && plain.is_laid::<true>() {
        return to.take(bytes.chunks_exact(laid::<T, true>().max(1)).map(|e| plain.get_laid::<true>(e)));
    }
    to.take(bytes.chunks_exact(size.max(1)).map(|e| plain.get(e)))
}

/// Appends the values of whole elements of `size` bytes.
pub fn load_plain<T: Load>(plain: &T::Plain, size: usize, bytes: &[u8], values: &mut Vec<T>) {
    hand_over::<T, _>(plain, size, bytes, values);
}

const fn laid<T: Load, const NATURAL: bool>() -> usize {
    const { <T::Plain as Plain<T>>::LAYOUT.size(NATURAL) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Datatype;
    use crate::api::{Conversion, Source, Store};
    use crate::codec::Sizes;
    use crate::format::message::datatype::Class;

    type Row = (u8, u32, (i16, f64), [u16; 3]);

    /// The compound of a row, its members at these offsets.
    fn placed(size: u32, offsets: [u32; 4], nested: (u32, [u32; 2])) -> Datatype {
        let place = |datatype: Datatype, size: u32, offsets: &[u32]| {
            let Class::Compound { mut members } = datatype.class else { panic!("no compound") };
            members.iter_mut().zip(offsets).for_each(|(m, at)| m.offset = *at);
            Datatype { class: Class::Compound { members }, size, ..datatype }
        };
        let mut row = place(Row::datatype(Sizes::new(8, 8).unwrap()), size, &offsets);
        let Class::Compound { members } = &mut row.class else { panic!("no compound") };
        members[2].datatype = place(members[2].datatype.clone(), nested.0, &nested.1);
        row
    }

    #[test]
    fn rows_are_loaded_wherever_their_members_lie() {
        assert_eq!(<<Row as Load>::Plain as Plain<Row>>::LAYOUT.size(false), 21);
        assert_eq!(<<Row as Load>::Plain as Plain<Row>>::LAYOUT.size(true), 32);
        let value = |i: u8| (i, u32::from(i) << 20, (-i16::from(i), f64::from(i) / 3.0), [u16::from(i) << 8, 7, 0]);
        // Packed, as in C, with a gap, and in another order.
        for (size, offsets, nested, laid) in [
            (21, [0, 1, 5, 15], (10, [0, 2]), Some(false)),
            (32, [0, 4, 8, 24], (16, [0, 8]), Some(true)),
            (32, [0, 4, 8, 25], (16, [0, 8]), None),
            (32, [0, 4, 8, 24], (16, [8, 0]), None),
            (40, [0, 4, 8, 24], (16, [0, 8]), None),
        ] {
            let datatype = placed(size, offsets, nested);
            let plan = <Row as Load>::plan(&datatype, Conversion::Exact).unwrap();
            let plain = <Row as Load>::plain(&plan).unwrap();
            assert_eq!(Plain::<Row>::is_laid::<false>(&plain), laid == Some(false));
            assert_eq!(Plain::<Row>::is_laid::<true>(&plain) && size == 32, laid == Some(true));
            let mut bytes = Vec::new();
            for (a, b, (c, d), e) in (0..100).map(value) {
                let mut element = [0xee; 40];
                let mut put = |at: u32, bytes: &[u8]| element[at as usize..][..bytes.len()].copy_from_slice(bytes);
                put(offsets[0], &a.to_ne_bytes());
                put(offsets[1], &b.to_ne_bytes());
                put(offsets[2] + nested.1[0], &c.to_ne_bytes());
                put(offsets[2] + nested.1[1], &d.to_ne_bytes());
                put(offsets[3], bytemuck::bytes_of(&e));
                bytes.extend_from_slice(&element[..size as usize]);
            }
            let rows = Row::load_all(&plan, size as usize, &bytes, &mut Source::detached()).unwrap();
            assert_eq!(rows, (0..100).map(value).collect::<Vec<_>>());
        }
    }
}

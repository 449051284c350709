//! Arrays, sequences of variable length, and tuples.

use super::record::{Field, Record, RecordBuilder};
use super::text::BytesPlan;
use super::{Conversion, Load, Plain, PlainField, PlainItems, PlainLayout, Sink, Source, Store, mismatch};
use crate::codec::Sizes;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype, VlenKind};
use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

/// How elements in elements are stored.
pub struct ItemsPlan<P> {
    /// Bytes of an item.
    size: usize,
    item: P,
}

/// What sequences are stored as.
pub enum SequencePlan<P> {
    /// Variable-length elements.
    Items(ItemsPlan<P>),
    /// Bytes that the datatype has another name for.
    #[doc(hidden)]
    Bytes(Bytes),
}

#[doc(hidden)]
pub struct Bytes(BytesPlan);

/// The base of a sequence type.
fn sequence(datatype: &Datatype) -> Option<&Datatype> {
    match &datatype.class {
        Class::Vlen { kind: VlenKind::Sequence, base, .. } => Some(base),
        _ => None,
    }
}

impl<T: Load> Load for Vec<T> {
    const EXPECTED: &'static str = "sequences of variable length";
    type Plan = SequencePlan<T::Plan>;
    type Plain = Infallible;

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        if let Some(base) = sequence(datatype) {
            return Ok(SequencePlan::Items(ItemsPlan { size: base.size(), item: T::plan(base, how)? }));
        }
        let bytes = BytesPlan::new(datatype).filter(|_| T::from_bytes(&[]).is_some());
        bytes.map(|plan| SequencePlan::Bytes(Bytes(plan))).ok_or_else(|| mismatch(Self::EXPECTED, datatype))
    }

    fn load(plan: &Self::Plan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        match plan {
            SequencePlan::Items(ItemsPlan { size, item }) => {
                let items = source.vlen(element, *size)?.to_vec();
                T::load_all(item, *size, &items, source)
            }
            SequencePlan::Bytes(plan) => Ok(T::from_bytes(&plan.0.load(element, source)?).unwrap_or_default()),
        }
    }
}

impl<T: Store> Store for Vec<T> {
    type Plan = SequencePlan<T::Plan>;

    fn datatype(sizes: Sizes) -> Datatype {
        Datatype::vlen(T::datatype(sizes), sizes)
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        if let Some(base) = sequence(datatype) {
            return Ok(SequencePlan::Items(ItemsPlan { size: base.size(), item: T::plan(base, how)? }));
        }
        let bytes = BytesPlan::new(datatype).filter(|_| T::as_bytes(&[]).is_some());
        let plan = bytes.map(|plan| SequencePlan::Bytes(Bytes(plan)));
        plan.ok_or_else(|| mismatch("elements that hold sequences of variable length", datatype))
    }

    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        match plan {
            SequencePlan::Items(ItemsPlan { size, item }) => {
                if let Some(bytes) = T::bytes(self, item) {
                    return sink.vlen(self.len(), bytes, out);
                }
                let mut items = alloc::vec![0; self.len().saturating_mul(*size)];
                T::store_all(self, item, *size, &mut items, sink)?;
                sink.vlen(self.len(), &items, out)
            }
            SequencePlan::Bytes(plan) => plan.0.store(T::as_bytes(self).unwrap_or(&[]), out, sink),
        }
    }
}

/// The base of an array type of so many elements.
fn array(datatype: &Datatype, count: usize) -> Option<&Datatype> {
    match &datatype.class {
        Class::Array { base, .. } => {
            let whole = base.size().checked_mul(count) == Some(datatype.size());
            whole.then_some(base)
        }
        _ => None,
    }
}

impl<T: Load, const N: usize> Load for [T; N] {
    const EXPECTED: &'static str = "arrays of as many elements";
    type Plan = ItemsPlan<T::Plan>;
    type Plain = PlainItems<T::Plain>;

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        // An array of arrays may be stored as one of more dimensions.
        let unfolded = unfold(datatype, N);
        let base = unfolded.as_ref().or_else(|| array(datatype, N));
        let base = base.ok_or_else(|| mismatch(&format!("an array of {N} elements"), datatype))?;
        Ok(ItemsPlan { size: base.size(), item: T::plan(base, how)? })
    }

    fn plain(plan: &Self::Plan) -> Option<Self::Plain> {
        Some(PlainItems { size: plan.size, plain: T::plain(&plan.item)? })
    }

    fn load(plan: &Self::Plan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        let items = T::load_all(&plan.item, plan.size, element, source)?;
        let found = items.len();
        items.try_into().map_err(|_| {
            Error::new(ErrorKind::Corrupt, format!("an array element: expected {N} elements, found {found}"))
        })
    }
}

/// What remains of an array type of several dimensions below the first, if that has so many elements.
fn unfold(datatype: &Datatype, count: usize) -> Option<Datatype> {
    match &datatype.class {
        Class::Array { dims, base } => {
            let (first, rest) = dims.split_first()?;
            if rest.is_empty() || *first != count as u64 {
                return None;
            }
            Datatype::array(rest, (**base).clone()).ok()
        }
        _ => None,
    }
}

impl<T: Store, const N: usize> Store for [T; N] {
    type Plan = ItemsPlan<T::Plan>;

    fn datatype(sizes: Sizes) -> Datatype {
        let base = T::datatype(sizes);
        let (mut dims, base) = match base.class {
            Class::Array { dims, base } => (dims, *base),
            _ => (Vec::new(), base),
        };
        dims.insert(0, N as u64);
        // No value of the type fits into memory where its size does not fit the format.
        Datatype::array(dims, base).unwrap_or_else(|_| Datatype::opaque(u32::MAX, ""))
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        let unfolded = unfold(datatype, N);
        let base = unfolded.as_ref().or_else(|| array(datatype, N));
        let base = base.ok_or_else(|| mismatch(&format!("elements that hold arrays of {N} elements"), datatype))?;
        Ok(ItemsPlan { size: base.size(), item: T::plan(base, how)? })
    }

    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        T::store_all(self, &plan.item, plan.size, out, sink)
    }
}

macro_rules! tuples {
    ($($($name:ident $at:tt),+;)+) => { $(
        impl<$($name: Load),+> Plain<($($name,)+)> for ($(PlainField<$name::Plain>,)+) {
            const LAYOUT: PlainLayout = PlainLayout::of(&[$(<$name::Plain as Plain<$name>>::LAYOUT),+]);

            #[inline]
            fn get(&self, element: &[u8]) -> ($($name,)+) {
                ($(self.$at.get::<$name>(element),)+)
            }

            fn is_laid<const NATURAL: bool>(&self) -> bool {
                let parts = [$(<$name::Plain as Plain<$name>>::LAYOUT),+];
                true $(&& self.$at.is_laid::<$name, NATURAL>(PlainLayout::offset(&parts, $at, NATURAL)))+
            }

            #[inline]
            fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> ($($name,)+) {
                let at = const {
                    let parts = [$(<$name::Plain as Plain<$name>>::LAYOUT),+];
                    ($(PlainLayout::offset(&parts, $at, NATURAL),)+)
                };
                ($(self.$at.get_laid::<$name, NATURAL>(at.$at, element),)+)
            }
        }

        impl<$($name: Load),+> Load for ($($name,)+) {
            const EXPECTED: &'static str = "compounds";
            type Plan = ($(Field<$name::Plan>,)+);
            type Plain = ($(PlainField<$name::Plain>,)+);

            fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
                let record = Record::new(datatype, "a tuple", how)?;
                Ok(($(record.load::<$name>(stringify!($at))?,)+))
            }

            fn plain(plan: &Self::Plan) -> Option<Self::Plain> {
                Some(($(plan.$at.plain::<$name>()?,)+))
            }

            fn load(plan: &Self::Plan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
                Ok(($(plan.$at.load::<$name>(element, source)?,)+))
            }
        }

        impl<$($name: Store),+> Store for ($($name,)+) {
            type Plan = ($(Field<$name::Plan>,)+);

            fn datatype(sizes: Sizes) -> Datatype {
                RecordBuilder::new(sizes)$(.field::<$name>(stringify!($at)))+.finish()
            }

            fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
                let record = Record::new(datatype, "a tuple", how)?.to_store(&[$(stringify!($at)),+])?;
                Ok(($(record.store::<$name>(stringify!($at))?,)+))
            }

            fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
                $( plan.$at.store(&self.$at, out, sink)?; )+
                Ok(())
            }
        }
    )+ };
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

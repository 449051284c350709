//! What is written: values and their shape.

use super::text::{FixedAscii, FixedUnicode, Opaque, VarLenAscii};
use super::{Conversion, NativeComplex, Reference, RegionReference, Sink, Store};
use crate::codec::Sizes;
use crate::error::Result;
use crate::format::message::datatype::Datatype;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use half::{bf16, f16};
use num_complex::Complex;

/// Values that go into a dataset or an attribute, and their shape.
///
/// A single value ([`Scalar`]), slices, arrays and vectors of values, which have one dimension, `ndarray`'s arrays, and
/// [`DynArray`](crate::DynArray)s. A single value of a type that is itself a sequence is wrapped: `Single(vec![1, 2])`.
pub trait Data {
    /// Lengths of the dimensions; none for a single value.
    fn shape(&self) -> Vec<u64>;

    /// True if there are no values and no shape: for the null space.
    fn is_null(&self) -> bool {
        false
    }

    /// The datatype that the values have by themselves, in a file of these widths.
    fn datatype(&self, sizes: Sizes) -> Datatype;

    /// Hands over the values, in C order, as elements of a datatype.
    ///
    /// # Errors
    /// The datatype is of another kind.
    fn with<R>(&self, datatype: &Datatype, how: Conversion, use_values: impl FnOnce(Stored<'_>) -> R) -> Result<R>;
}

/// Values that become elements of one datatype.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// How many.
    pub(crate) count: usize,
    /// Their elements, if these are there.
    pub(crate) bytes: Option<&'a [u8]>,
    store: &'a dyn Fn(&mut [u8], &mut Sink<'_>) -> Result<()>,
}

impl<'a> Stored<'a> {
    /// Values of which `store` makes the elements, over zeros.
    pub fn new(count: usize, store: &'a dyn Fn(&mut [u8], &mut Sink<'_>) -> Result<()>) -> Self {
        Stored { count, bytes: None, store }
    }

    /// Hands over values of a Rust type as elements of a datatype.
    ///
    /// # Errors
    /// The datatype is of another kind.
    pub fn with_values<T: Store, R>(
        values: &[T],
        datatype: &Datatype,
        how: Conversion,
        use_values: impl FnOnce(Stored<'_>) -> R,
    ) -> Result<R> {
        let (plan, size) = (T::plan(datatype, how)?, datatype.size());
        let store = |out: &mut [u8], sink: &mut Sink<'_>| T::store_all(values, &plan, size, out, sink);
        Ok(use_values(Stored { count: values.len(), bytes: T::bytes(values, &plan), store: &store }))
    }

    /// Hands over elements of a datatype as they are stored.
    pub(crate) fn with_elements<R>(
        elements: &[u8],
        datatype: &Datatype,
        use_values: impl FnOnce(Stored<'_>) -> R,
    ) -> R {
        let store = |out: &mut [u8], _: &mut Sink<'_>| {
            out.iter_mut().zip(elements).for_each(|(out, byte)| *out = *byte);
            Ok(())
        };
        let count = elements.len().checked_div(datatype.size()).unwrap_or(0);
        use_values(Stored { count, bytes: Some(elements), store: &store })
    }

    /// Stores the values over zeros.
    pub(crate) fn store(&self, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        (self.store)(out, sink)
    }
}

/// Types of which a value by itself is a single element.
pub trait Scalar: Store {}

macro_rules! scalars {
    ($($type:ty),+) => { $( impl Scalar for $type {} )+ };
}

scalars!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128, usize, isize, f16, bf16, f32, f64, bool);
scalars!(String, &str, Cow<'_, str>, Box<str>, VarLenAscii, Reference, RegionReference);

impl<const N: usize> Scalar for FixedAscii<N> {}
impl<const N: usize> Scalar for FixedUnicode<N> {}
impl<const N: usize> Scalar for Opaque<N> {}
impl<T: Store> Scalar for Complex<T> {}
impl<T: Store> Scalar for NativeComplex<T> {}
impl<T: Store> Scalar for Single<T> {}

impl<T: Scalar> Data for T {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn datatype(&self, sizes: Sizes) -> Datatype {
        <T as Store>::datatype(sizes)
    }

    fn with<R>(&self, datatype: &Datatype, how: Conversion, use_values: impl FnOnce(Stored<'_>) -> R) -> Result<R> {
        Stored::with_values(core::slice::from_ref(self), datatype, how, use_values)
    }
}

/// One element, whatever its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Single<T>(pub T);

impl<T: Store> Store for Single<T> {
    type Plan = T::Plan;

    fn datatype(sizes: Sizes) -> Datatype {
        T::datatype(sizes)
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        T::plan(datatype, how)
    }

    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        self.0.store(plan, out, sink)
    }
}

macro_rules! one_dimension {
    ($(($($generics:tt)*) $type:ty;)+) => { $(
        impl<$($generics)*> Data for $type {
            fn shape(&self) -> Vec<u64> {
                alloc::vec![self.len() as u64]
            }

            fn datatype(&self, sizes: Sizes) -> Datatype {
                <T as Store>::datatype(sizes)
            }

            fn with<R>(
                &self,
                datatype: &Datatype,
                how: Conversion,
                use_values: impl FnOnce(Stored<'_>) -> R,
            ) -> Result<R> {
                Stored::with_values::<T, R>(self.as_ref(), datatype, how, use_values)
            }
        }
    )+ };
}

one_dimension! {
    (T: Store) &[T];
    (T: Store) Vec<T>;
    (T: Store) &Vec<T>;
    (T: Store, const N: usize) [T; N];
    (T: Store, const N: usize) &[T; N];
}

#[cfg(feature = "ndarray")]
mod arrays {
    use super::{Conversion, Data, Datatype, Result, Sizes, Store, Stored, Vec};
    use ndarray::{ArrayBase, Data as Memory, Dimension};

    macro_rules! arrays {
        ($($type:ty),+) => { $(
            impl<T: Store + Clone, S: Memory<Elem = T>, D: Dimension> Data for $type {
                fn shape(&self) -> Vec<u64> {
                    ArrayBase::shape(self).iter().map(|&n| n as u64).collect()
                }

                fn datatype(&self, sizes: Sizes) -> Datatype {
                    <T as Store>::datatype(sizes)
                }

                fn with<R>(
                    &self,
                    datatype: &Datatype,
                    how: Conversion,
                    use_values: impl FnOnce(Stored<'_>) -> R,
                ) -> Result<R> {
                    let ordered = self.as_standard_layout();
                    Stored::with_values(ordered.as_slice().unwrap_or(&[]), datatype, how, use_values)
                }
            }
        )+ };
    }

    arrays!(ArrayBase<S, D>, &ArrayBase<S, D>);
}

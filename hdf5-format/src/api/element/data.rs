//! What is written: values and their shape.

use super::text::{FixedAscii, FixedUnicode, Opaque, VarLenAscii};
use super::{Reference, RegionReference, Store};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use half::{bf16, f16};
use num_complex::Complex;

/// Values that go into a dataset or an attribute, and their shape.
///
/// A single value ([`Scalar`]), slices, arrays and vectors of values, which have one dimension, and `ndarray`'s arrays.
/// A single value of a type that is itself a sequence is wrapped: `Single(vec![1, 2])`.
pub trait Data {
    /// Type of the values.
    type Element: Store;

    /// Lengths of the dimensions; none for a single value.
    fn shape(&self) -> Vec<u64>;

    /// Hands over the values in C order.
    fn with<R>(&self, use_values: impl FnOnce(&[Self::Element]) -> R) -> R;
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
impl<T: Store> Scalar for Single<T> {}

impl<T: Scalar> Data for T {
    type Element = T;

    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn with<R>(&self, use_values: impl FnOnce(&[T]) -> R) -> R {
        use_values(core::slice::from_ref(self))
    }
}

/// One element, whatever its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Single<T>(pub T);

impl<T: Store> Store for Single<T> {
    type Plan = T::Plan;

    fn datatype(sizes: crate::codec::Sizes) -> crate::format::message::datatype::Datatype {
        T::datatype(sizes)
    }

    fn plan(
        datatype: &crate::format::message::datatype::Datatype,
        how: super::Conversion,
    ) -> crate::error::Result<Self::Plan> {
        T::plan(datatype, how)
    }

    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut super::Sink<'_>) -> crate::error::Result<()> {
        self.0.store(plan, out, sink)
    }
}

macro_rules! one_dimension {
    ($(($($generics:tt)*) $type:ty;)+) => { $(
        impl<$($generics)*> Data for $type {
            type Element = T;

            fn shape(&self) -> Vec<u64> {
                alloc::vec![self.len() as u64]
            }

            fn with<R>(&self, use_values: impl FnOnce(&[T]) -> R) -> R {
                use_values(self.as_ref())
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
    use super::{Data, Store, Vec};
    use ndarray::{ArrayBase, Data as Memory, Dimension};

    macro_rules! arrays {
        ($($type:ty),+) => { $(
            impl<T: Store + Clone, S: Memory<Elem = T>, D: Dimension> Data for $type {
                type Element = T;

                fn shape(&self) -> Vec<u64> {
                    ArrayBase::shape(self).iter().map(|&n| n as u64).collect()
                }

                fn with<R>(&self, use_values: impl FnOnce(&[T]) -> R) -> R {
                    let ordered = self.as_standard_layout();
                    use_values(ordered.as_slice().unwrap_or(&[]))
                }
            }
        )+ };
    }

    arrays!(ArrayBase<S, D>, &ArrayBase<S, D>);
}

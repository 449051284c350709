//! Complex numbers: h5py's compound of two parts, other programs' pairs, and the class of HDF5 2.0.

use super::{Conversion, Load, Plain, PlainField, PlainLayout, Sink, Source, Store, mismatch, short};
use crate::codec::Sizes;
use crate::error::Result;
use crate::format::message::datatype::{Class, Datatype};
use num_complex::Complex;

/// Where the parts of a complex number are.
pub struct ComplexPlan<P> {
    real: usize,
    imaginary: usize,
    /// Bytes of a part.
    size: usize,
    part: P,
}

/// Names of the real and the imaginary part that programs use.
const NAMES: [(&str, &str); 5] =
    [("r", "i"), ("re", "im"), ("real", "imag"), ("real", "imaginary"), ("_real", "_imag")];

impl<P> ComplexPlan<P> {
    fn new(datatype: &Datatype, expected: &str, part: impl FnOnce(&Datatype) -> Result<P>) -> Result<Self> {
        match &datatype.class {
            Class::Complex { base } => {
                Ok(ComplexPlan { real: 0, imaginary: base.size(), size: base.size(), part: part(base)? })
            }
            Class::Compound { members } => {
                let [first, second] = members.as_slice() else { return Err(mismatch(expected, datatype)) };
                let named = |(r, i): &(&str, &str)| {
                    first.name.eq_ignore_ascii_case(r.as_bytes()) && second.name.eq_ignore_ascii_case(i.as_bytes())
                };
                if first.datatype != second.datatype || !NAMES.iter().any(named) {
                    return Err(mismatch(expected, datatype));
                }
                let at = |offset: u32| crate::codec::to_usize(offset.into());
                let (real, imaginary) = (at(first.offset)?, at(second.offset)?);
                Ok(ComplexPlan { real, imaginary, size: first.datatype.size(), part: part(&first.datatype)? })
            }
            _ => Err(mismatch(expected, datatype)),
        }
    }
}

impl<T, P: Plain<T>> Plain<Complex<T>> for (PlainField<P>, PlainField<P>) {
    const LAYOUT: PlainLayout = P::LAYOUT.times(2);

    #[inline]
    fn get(&self, element: &[u8]) -> Complex<T> {
        Complex { re: self.0.get(element), im: self.1.get(element) }
    }

    fn is_laid<const NATURAL: bool>(&self) -> bool {
        self.0.is_laid::<T, NATURAL>(0) && self.1.is_laid::<T, NATURAL>(P::LAYOUT.size(NATURAL))
    }

    #[inline]
    fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> Complex<T> {
        let second = const { P::LAYOUT.size(NATURAL) };
        Complex { re: self.0.get_laid::<T, NATURAL>(0, element), im: self.1.get_laid::<T, NATURAL>(second, element) }
    }
}

impl<T: Load> Load for Complex<T> {
    const EXPECTED: &'static str = "complex numbers";
    type Plan = ComplexPlan<T::Plan>;
    type Plain = (PlainField<T::Plain>, PlainField<T::Plain>);

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        ComplexPlan::new(datatype, Self::EXPECTED, |base| T::plan(base, how))
    }

    fn plain(plan: &Self::Plan) -> Option<Self::Plain> {
        let part = |at| Some(PlainField::new(at, T::plain(&plan.part)?));
        Some((part(plan.real)?, part(plan.imaginary)?))
    }

    fn load(plan: &Self::Plan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        let mut part = |at: usize| {
            let stored = element.get(at..).and_then(|e| e.get(..plan.size)).ok_or_else(short)?;
            T::load(&plan.part, stored, source)
        };
        Ok(Complex { re: part(plan.real)?, im: part(plan.imaginary)? })
    }
}

impl<T: Store> Store for Complex<T> {
    type Plan = ComplexPlan<T::Plan>;

    fn datatype(sizes: Sizes) -> Datatype {
        Datatype::complex_compound(T::datatype(sizes))
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        ComplexPlan::new(datatype, "elements that hold complex numbers", |base| T::plan(base, how))
    }

    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        for (at, value) in [(plan.real, &self.re), (plan.imaginary, &self.im)] {
            let place = out.get_mut(at..).and_then(|e| e.get_mut(..plan.size)).ok_or_else(short)?;
            value.store(&plan.part, place, sink)?;
        }
        Ok(())
    }
}

/// A complex number that is stored in the class of HDF5 2.0, where [`Complex`] is stored as h5py's compound. Libraries before
/// 2.0 do not read such datasets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NativeComplex<T>(pub Complex<T>);

impl<T, P: Plain<T>> Plain<NativeComplex<T>> for (PlainField<P>, PlainField<P>) {
    const LAYOUT: PlainLayout = <Self as Plain<Complex<T>>>::LAYOUT;

    #[inline]
    fn get(&self, element: &[u8]) -> NativeComplex<T> {
        NativeComplex(Plain::<Complex<T>>::get(self, element))
    }

    fn is_laid<const NATURAL: bool>(&self) -> bool {
        Plain::<Complex<T>>::is_laid::<NATURAL>(self)
    }

    #[inline]
    fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> NativeComplex<T> {
        NativeComplex(Plain::<Complex<T>>::get_laid::<NATURAL>(self, element))
    }
}

impl<T: Load> Load for NativeComplex<T> {
    const EXPECTED: &'static str = Complex::<T>::EXPECTED;
    type Plan = ComplexPlan<T::Plan>;
    type Plain = (PlainField<T::Plain>, PlainField<T::Plain>);

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        <Complex<T> as Load>::plan(datatype, how)
    }

    fn plain(plan: &Self::Plan) -> Option<Self::Plain> {
        <Complex<T> as Load>::plain(plan)
    }

    fn load(plan: &Self::Plan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        Complex::load(plan, element, source).map(NativeComplex)
    }
}

impl<T: Store> Store for NativeComplex<T> {
    type Plan = ComplexPlan<T::Plan>;

    fn datatype(sizes: Sizes) -> Datatype {
        Datatype::complex(T::datatype(sizes))
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan> {
        <Complex<T> as Store>::plan(datatype, how)
    }

    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        self.0.store(plan, out, sink)
    }
}

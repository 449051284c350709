//! Numbers.

use super::{Conversion, Load, Plain, PlainLayout, PlainNumber, Sink, Source, Store, mismatch};
use crate::codec::Sizes;
use crate::datatype::number::{Number, NumberFormat, NumberKind, One};
use crate::datatype::odd;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;
use half::{bf16, f16};

/// How stored numbers and numbers of the machine become each other.
pub struct NumberPlan<T> {
    how: Conversion,
    route: Route<T>,
}

enum Route<T> {
    /// They are the same.
    Native,
    /// Others that machines load; one by one by the function, after a swap of bytes if so.
    Format(NumberFormat, One<T>, bool),
    Odd(Datatype),
}

impl<T: Number> NumberPlan<T> {
    fn new(datatype: &Datatype, how: Conversion, expected: &'static str) -> Result<Self> {
        let route = match NumberFormat::of(datatype) {
            Some(format) if format.is::<T>() => Route::Native,
            Some(format) => {
                let (one, swap) = format.one(how);
                Route::Format(format, one, swap)
            }
            None if is_number(datatype) => Route::Odd(datatype.clone()),
            None => return Err(mismatch(expected, datatype)),
        };
        Ok(NumberPlan { how, route })
    }

    fn is_native(&self) -> bool {
        matches!(self.route, Route::Native)
    }

    #[inline]
    fn load(&self, element: &[u8], expected: &'static str) -> Result<T> {
        match &self.route {
            Route::Native => Ok(T::load(element)),
            Route::Format(_, one, swap) => {
                let mut bytes = [0u8; 16];
                let bytes = bytes.get_mut(..element.len()).unwrap_or_default();
                bytes.copy_from_slice(element.get(..bytes.len()).unwrap_or(&[]));
                if *swap {
                    bytes.reverse();
                }
                one(bytes).map_or_else(|| self.load_run(element, expected), Ok)
            }
            Route::Odd(_) => self.load_run(element, expected),
        }
    }

    #[cold]
    fn load_run(&self, element: &[u8], expected: &'static str) -> Result<T> {
        let mut value = [T::default()];
        self.run(element.len(), element, &mut value, expected)?;
        Ok(value[0])
    }

    fn run(&self, size: usize, bytes: &[u8], out: &mut [T], expected: &'static str) -> Result<()> {
        let misfit = |i: usize| {
            let element = bytes.chunks_exact(size.max(1)).nth(i).unwrap_or(&[]);
            let shown = self.shown(element);
            let message = format!("element {i} of the selection{shown} does not fit {expected}");
            Error::new(ErrorKind::TypeMismatch, message).with_hint("read it as a wider type, or with Conversion::Clamp")
        };
        match &self.route {
            Route::Native => NumberFormat::native::<T>().load(self.how, bytes, out).map_err(misfit),
            Route::Format(format, ..) => format.load(self.how, bytes, out).map_err(misfit),
            Route::Odd(datatype) => {
                for (i, (element, out)) in bytes.chunks_exact(size.max(1)).zip(out).enumerate() {
                    let value = odd::Scalar::load(datatype, element).ok_or_else(|| mismatch(expected, datatype))?;
                    *out = value.to(self.how).ok_or_else(|| misfit(i))?;
                }
                Ok(())
            }
        }
    }

    /// A stored number for people.
    fn shown(&self, element: &[u8]) -> alloc::string::String {
        let value = match &self.route {
            Route::Odd(datatype) => odd::Scalar::load(datatype, element).and_then(|v| v.to::<f64>(Conversion::Clamp)),
            Route::Native => None,
            Route::Format(format, ..) => {
                let mut wide = [0i128];
                if format.load(Conversion::Exact, element, &mut wide).is_ok() {
                    return format!(", {},", wide[0]);
                }
                let mut float = [0f64];
                format.load(Conversion::Clamp, element, &mut float).ok().map(|()| float[0])
            }
        };
        value.map_or_else(Default::default, |value| format!(", {value:?},"))
    }

    #[cold]
    fn store_run(&self, values: &[T], out: &mut [u8]) -> Result<()> {
        self.store(values, out.len(), out)
    }

    fn store(&self, values: &[T], size: usize, out: &mut [u8]) -> Result<()> {
        let native = NumberFormat::native::<T>();
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let misfit = |i: usize| {
            let shown = values.get(i).map_or_else(Default::default, |&v| format!(", {},", Shown(v)));
            Error::new(ErrorKind::TypeMismatch, format!("value {i}{shown} does not fit the elements"))
                .with_hint("give the dataset a wider type, or write with Conversion::Clamp")
        };
        match &self.route {
            Route::Native => native.convert(native, self.how, bytes, out).map_err(misfit),
            Route::Format(format, ..) => native.convert(*format, self.how, bytes, out).map_err(misfit),
            Route::Odd(datatype) => {
                for (i, (&value, out)) in values.iter().zip(out.chunks_exact_mut(size.max(1))).enumerate() {
                    scalar(value).store(datatype, self.how, out).ok_or_else(|| misfit(i))?;
                }
                Ok(())
            }
        }
    }
}

/// True for types that hold one number.
fn is_number(datatype: &Datatype) -> bool {
    match &datatype.class {
        Class::Enum { base, .. } => is_number(base),
        class => matches!(class, Class::FixedPoint { .. } | Class::BitField { .. } | Class::FloatingPoint(_)),
    }
}

/// A number of the machine for code that takes any.
fn scalar<T: Number>(value: T) -> odd::Scalar {
    let bytes = bytemuck::bytes_of(&value);
    let native = NumberFormat::native::<T>();
    let (mut integer, mut unsigned, mut float) = ([0i128], [0u128], [0f64]);
    if T::KIND.is_float() {
        // Every float of the machine is a double.
        return match native.load(Conversion::Exact, bytes, &mut float) {
            Ok(()) => odd::Scalar::float(float[0]),
            Err(_) => odd::Scalar::float(f64::NAN),
        };
    }
    match native.load(Conversion::Exact, bytes, &mut integer) {
        Ok(()) => odd::Scalar::Integer(integer[0]),
        Err(_) => match native.load(Conversion::Exact, bytes, &mut unsigned) {
            Ok(()) => odd::Scalar::Unsigned(unsigned[0]),
            Err(_) => odd::Scalar::float(f64::NAN),
        },
    }
}

struct Shown<T>(T);

impl<T: Number> core::fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match scalar(self.0) {
            odd::Scalar::Integer(value) => write!(f, "{value}"),
            odd::Scalar::Unsigned(value) => write!(f, "{value}"),
            odd::Scalar::Float { value, .. } => write!(f, "{value:?}"),
        }
    }
}

const ORDER: ByteOrder = if cfg!(target_endian = "big") { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };

macro_rules! numbers {
    ($($type:ty: $datatype:expr),+ $(,)?) => { $(
        impl Plain<$type> for PlainNumber {
            const LAYOUT: PlainLayout = PlainLayout::number(size_of::<$type>());

            #[inline]
            fn get(&self, element: &[u8]) -> $type {
                <$type as Number>::load(element)
            }

            fn is_laid<const NATURAL: bool>(&self) -> bool {
                true
            }

            #[inline]
            fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> $type {
                <$type as Number>::load(element)
            }
        }

        impl Load for $type {
            const EXPECTED: &'static str = concat!("numbers that ", stringify!($type), " can hold");
            type Plan = NumberPlan<$type>;
            type Plain = PlainNumber;

            fn plan(datatype: &Datatype, how: Conversion) -> Result<NumberPlan<$type>> {
                NumberPlan::new(datatype, how, <$type as Load>::EXPECTED)
            }

            fn plain(plan: &NumberPlan<$type>) -> Option<PlainNumber> {
                plan.is_native().then_some(PlainNumber)
            }

            #[inline]
            fn load(plan: &NumberPlan<$type>, element: &[u8], _: &mut Source<'_>) -> Result<Self> {
                plan.load(element, <$type as Load>::EXPECTED)
            }

            fn load_into(
                plan: &NumberPlan<$type>,
                size: usize,
                bytes: &[u8],
                _: &mut Source<'_>,
                values: &mut Vec<Self>,
            ) -> Result<()> {
                let start = values.len();
                values.resize(start.saturating_add(bytes.len().checked_div(size).unwrap_or(0)), <$type>::default());
                plan.run(size, bytes, values.get_mut(start..).unwrap_or_default(), <$type as Load>::EXPECTED)
            }

            fn load_direct(
                plan: &NumberPlan<$type>,
                count: usize,
                fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
            ) -> Option<Result<Vec<Self>>> {
                plan.is_native().then(|| {
                    let mut values = alloc::vec![<$type>::default(); count];
                    fill(bytemuck::cast_slice_mut(&mut values))?;
                    Ok(values)
                })
            }

            fn bytes_mut<'a>(plan: &NumberPlan<$type>, values: &'a mut [Self]) -> Option<&'a mut [u8]> {
                plan.is_native().then(|| bytemuck::cast_slice_mut(values))
            }

            fn from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
                (<$type as Number>::KIND == NumberKind::U8).then(|| {
                    let mut values = alloc::vec![<$type>::default(); bytes.len()];
                    bytemuck::cast_slice_mut(&mut values).copy_from_slice(bytes);
                    values
                })
            }
        }

        impl Store for $type {
            type Plan = NumberPlan<$type>;

            fn datatype(_: Sizes) -> Datatype {
                $datatype
            }

            fn plan(datatype: &Datatype, how: Conversion) -> Result<NumberPlan<$type>> {
                NumberPlan::new(datatype, how, concat!("elements that hold ", stringify!($type)))
            }

            #[inline]
            fn store(&self, plan: &NumberPlan<$type>, out: &mut [u8], _: &mut Sink<'_>) -> Result<()> {
                if plan.is_native()
                    && let Some(place) = out.first_chunk_mut()
                {
                    *place = self.to_ne_bytes();
                    return Ok(());
                }
                plan.store_run(core::slice::from_ref(self), out)
            }

            fn store_all(
                values: &[Self],
                plan: &NumberPlan<$type>,
                size: usize,
                out: &mut [u8],
                _: &mut Sink<'_>,
            ) -> Result<()> {
                plan.store(values, size, out)
            }

            fn bytes<'a>(values: &'a [Self], plan: &NumberPlan<$type>) -> Option<&'a [u8]> {
                plan.is_native().then(|| bytemuck::cast_slice(values))
            }

            fn as_bytes(values: &[Self]) -> Option<&[u8]> {
                (<$type as Number>::KIND == NumberKind::U8).then(|| bytemuck::cast_slice(values))
            }
        }
    )+ };
}

numbers!(
    u8: Datatype::integer(1, false, ORDER),
    i8: Datatype::integer(1, true, ORDER),
    u16: Datatype::integer(2, false, ORDER),
    i16: Datatype::integer(2, true, ORDER),
    u32: Datatype::integer(4, false, ORDER),
    i32: Datatype::integer(4, true, ORDER),
    u64: Datatype::integer(8, false, ORDER),
    i64: Datatype::integer(8, true, ORDER),
    u128: Datatype::integer(16, false, ORDER),
    i128: Datatype::integer(16, true, ORDER),
    f16: Datatype::half(ORDER),
    bf16: Datatype::bfloat16(ORDER),
    f32: Datatype::single(ORDER),
    f64: Datatype::double(ORDER),
);

/// Integers of the machine's width are stored in 64 bits on every machine.
macro_rules! machine_integers {
    ($($type:ty as $wide:ty),+) => { $(
        impl Load for $type {
            const EXPECTED: &'static str = concat!("numbers that ", stringify!($type), " can hold");
            type Plan = NumberPlan<$wide>;
            type Plain = Infallible;

            fn plan(datatype: &Datatype, how: Conversion) -> Result<NumberPlan<$wide>> {
                NumberPlan::new(datatype, how, <$type as Load>::EXPECTED)
            }

            fn load(plan: &NumberPlan<$wide>, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
                let wide = <$wide as Load>::load(plan, element, source)?;
                <$type>::try_from(wide).map_err(|_| {
                    Error::new(ErrorKind::TypeMismatch, format!("{wide} does not fit {}", <$type as Load>::EXPECTED))
                })
            }
        }

        impl Store for $type {
            type Plan = NumberPlan<$wide>;

            fn datatype(sizes: Sizes) -> Datatype {
                <$wide as Store>::datatype(sizes)
            }

            fn plan(datatype: &Datatype, how: Conversion) -> Result<NumberPlan<$wide>> {
                <$wide as Store>::plan(datatype, how)
            }

            fn store(&self, plan: &NumberPlan<$wide>, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
                // No supported target has wider integers.
                <$wide>::try_from(*self).unwrap_or_default().store(plan, out, sink)
            }
        }
    )+ };
}

machine_integers!(usize as u64, isize as i64);

impl Load for bool {
    const EXPECTED: &'static str = "booleans (0 or 1)";
    type Plan = NumberPlan<u8>;
    type Plain = Infallible;

    fn plan(datatype: &Datatype, _: Conversion) -> Result<NumberPlan<u8>> {
        NumberPlan::new(datatype, Conversion::Exact, bool::EXPECTED)
    }

    fn load(plan: &NumberPlan<u8>, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        match <u8 as Load>::load(plan, element, source) {
            Ok(0) => Ok(false),
            Ok(1) => Ok(true),
            Ok(other) => {
                Err(Error::new(ErrorKind::TypeMismatch, format!("expected {}, found {other}", bool::EXPECTED)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Store for bool {
    type Plan = NumberPlan<u8>;

    fn datatype(_: Sizes) -> Datatype {
        Datatype::boolean()
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<NumberPlan<u8>> {
        NumberPlan::new(datatype, how, "elements that hold booleans")
    }

    fn store(&self, plan: &NumberPlan<u8>, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        u8::from(*self).store(plan, out, sink)
    }
}

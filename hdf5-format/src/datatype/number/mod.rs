//! Numbers as machines have them, and runs of one format made into another.
//!
//! A run is converted by one loop, chosen once for its pair of formats. Formats that no machine loads (bits that do not
//! fill their bytes, odd floats, more than 16 bytes) go element by element: see [`odd`](super::odd).

mod cast;

use super::bits;
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
pub use cast::Cast;
use half::{bf16, f16};

/// What becomes of a value that the other type does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// It is an error: what is converted is equal to what was there.
    #[default]
    Exact,
    /// The nearest value there is, as libhdf5 converts: integers stop at the ends of their range, fractions are cut off
    /// where the other type has none, floats are rounded to the nearest and become infinite past the largest; what is
    /// no number becomes the integer 0.
    Clamp,
}

/// A number format that machines load, in one of the two byte orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// The number.
    pub kind: NumberKind,
    /// Highest byte first.
    pub big: bool,
}

macro_rules! kinds {
    ($($name:ident: $type:ty),+) => {
        /// The number formats that machines load.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the names of the Rust types")]
        pub enum NumberKind { $($name),+ }

        $( impl Number for $type {
            const KIND: NumberKind = NumberKind::$name;

            #[inline]
            fn load(bytes: &[u8]) -> Self {
                <$type>::from_ne_bytes(bytes.first_chunk().copied().unwrap_or_default())
            }
        } )+

        impl NumberKind {
            /// Bytes of a number.
            pub const fn size(self) -> usize {
                match self { $( NumberKind::$name => size_of::<$type>(), )+ }
            }

            /// True for floats.
            pub const fn is_float(self) -> bool {
                matches!(self, NumberKind::F16 | NumberKind::BF16 | NumberKind::F32 | NumberKind::F64)
            }
        }

        /// Converts whole numbers of the machine's byte order.
        fn native<T: Number>(kind: NumberKind, how: Conversion, bytes: &[u8], out: &mut [T]) -> Result<(), usize> {
            match kind { $( NumberKind::$name => pair::<$type, T>(how, bytes, out), )+ }
        }

        /// The conversion of one number of the machine's byte order.
        fn single<T: Number>(kind: NumberKind, how: Conversion) -> One<T> {
            match (kind, how) { $(
                (NumberKind::$name, Conversion::Exact) => |bytes| T::exact(<$type as Number>::load(bytes)),
                (NumberKind::$name, Conversion::Clamp) => |bytes| Some(T::clamp(<$type as Number>::load(bytes))),
            )+ }
        }

        /// Everything that numbers convert from.
        pub trait FromNumbers: $( Cast<$type> + )+ Sized {}
        impl<T: $( Cast<$type> + )+ Sized> FromNumbers for T {}

        /// Converts whole numbers to numbers of another format; the position of one that does not fit.
        fn between(
            from: NumberFormat,
            to: NumberFormat,
            how: Conversion,
            bytes: &[u8],
            out: &mut [u8],
        ) -> Result<(), usize> {
            match to.kind { $( NumberKind::$name => typed::<$type>(from, to.big, how, bytes, out), )+ }
        }
    };
}

kinds!(
    U8: u8, I8: i8, U16: u16, I16: i16, U32: u32, I32: i32, U64: u64, I64: i64, U128: u128, I128: i128,
    F16: f16, BF16: bf16, F32: f32, F64: f64
);

/// Converts one number, if it fits.
pub type One<T> = fn(&[u8]) -> Option<T>;

/// A number of the machine.
pub trait Number: Copy + Default + bytemuck::Pod + FromNumbers + Send + Sync + 'static {
    /// Its format.
    const KIND: NumberKind;

    /// From bytes in the machine's order, which are as many as it has.
    fn load(bytes: &[u8]) -> Self;
}

/// Numbers that are converted at once: they and their bytes stay in the first cache.
const BLOCK: usize = 256;

const NATIVE_BIG: bool = cfg!(target_endian = "big");

impl NumberFormat {
    /// The format of a Rust type on this machine.
    pub const fn native<T: Number>() -> Self {
        NumberFormat { kind: T::KIND, big: NATIVE_BIG }
    }

    /// The format of a stored number: an integer, a bit field, an enumeration's number, or a float; `None` for odd ones.
    pub fn of(datatype: &Datatype) -> Option<Self> {
        let (kind, order) = match &datatype.class {
            Class::Enum { base, .. } => return NumberFormat::of(base),
            Class::FixedPoint { signed, .. } => (integer_kind(datatype.size(), *signed)?, bits::whole_bytes(datatype)?),
            Class::BitField { .. } => (integer_kind(datatype.size(), false)?, bits::whole_bytes(datatype)?),
            Class::FloatingPoint(format) => {
                let kind = match datatype.ieee_bits() {
                    Some(16) => NumberKind::F16,
                    Some(32) => NumberKind::F32,
                    Some(64) => NumberKind::F64,
                    _ if datatype.is_bfloat16() => NumberKind::BF16,
                    _ => return None,
                };
                (kind, format.order)
            }
            _ => return None,
        };
        (order != ByteOrder::Vax)
            .then_some(NumberFormat { kind, big: kind.size() > 1 && order == ByteOrder::BigEndian })
    }

    /// True if stored numbers are those of the Rust type as they are.
    pub fn is<T: Number>(self) -> bool {
        self.kind == T::KIND && (self.big == NATIVE_BIG || self.kind.size() == 1)
    }

    /// How one stored number becomes Rust's: the conversion from the machine's byte order, and whether that is not the
    /// stored one.
    pub fn one<T: Number>(self, how: Conversion) -> (One<T>, bool) {
        (single(self.kind, how), self.big != NATIVE_BIG && self.kind.size() > 1)
    }

    /// Converts stored numbers to Rust's; as many as `out` has room for.
    ///
    /// # Errors
    /// The position of a number that does not fit, if it must.
    pub fn load<T: Number>(self, how: Conversion, bytes: &[u8], out: &mut [T]) -> Result<(), usize> {
        let size = self.kind.size();
        if self.is::<T>() {
            let to = bytemuck::cast_slice_mut(out);
            let len = to.len().min(bytes.len());
            if let (Some(to), Some(from)) = (to.get_mut(..len), bytes.get(..len)) {
                to.copy_from_slice(from);
            }
            return Ok(());
        }
        if self.big == NATIVE_BIG || size == 1 {
            return native(self.kind, how, bytes, out);
        }
        let mut swapped = [0u8; BLOCK * 16];
        let blocks = bytes.chunks(size.saturating_mul(BLOCK)).zip(out.chunks_mut(BLOCK));
        for (i, (bytes, out)) in blocks.enumerate() {
            let block = swapped.get_mut(..bytes.len()).unwrap_or_default();
            swap(size, bytes, block);
            native(self.kind, how, block, out).map_err(|n| n.saturating_add(i.saturating_mul(BLOCK)))?;
        }
        Ok(())
    }

    /// Converts stored numbers to stored numbers of another format; as many as there is room for.
    ///
    /// # Errors
    /// The position of a number that does not fit, if it must.
    pub fn convert(self, to: NumberFormat, how: Conversion, bytes: &[u8], out: &mut [u8]) -> Result<(), usize> {
        if self == to {
            let len = out.len().min(bytes.len());
            if let (Some(to), Some(from)) = (out.get_mut(..len), bytes.get(..len)) {
                to.copy_from_slice(from);
            }
            return Ok(());
        }
        if self.kind == to.kind {
            swap(self.kind.size(), bytes, out);
            return Ok(());
        }
        between(self, to, how, bytes, out)
    }
}

fn integer_kind(size: usize, signed: bool) -> Option<NumberKind> {
    Some(match (size, signed) {
        (1, false) => NumberKind::U8,
        (1, true) => NumberKind::I8,
        (2, false) => NumberKind::U16,
        (2, true) => NumberKind::I16,
        (4, false) => NumberKind::U32,
        (4, true) => NumberKind::I32,
        (8, false) => NumberKind::U64,
        (8, true) => NumberKind::I64,
        (16, false) => NumberKind::U128,
        (16, true) => NumberKind::I128,
        _ => return None,
    })
}

/// One pair of formats, in the machine's byte order.
fn pair<S: Number, T: Number + Cast<S>>(how: Conversion, bytes: &[u8], out: &mut [T]) -> Result<(), usize> {
    let size = size_of::<S>();
    if how == Conversion::Clamp {
        for (to, from) in out.iter_mut().zip(bytes.chunks_exact(size)) {
            *to = T::clamp(S::load(from));
        }
        return Ok(());
    }
    // Whether all of a block fit is asked once, so that the loop has no way out in its middle.
    for (i, (to, from)) in out.chunks_mut(BLOCK).zip(bytes.chunks(size.saturating_mul(BLOCK))).enumerate() {
        let mut fits = true;
        for (to, from) in to.iter_mut().zip(from.chunks_exact(size)) {
            let value = T::exact(S::load(from));
            fits &= value.is_some();
            *to = value.unwrap_or_default();
        }
        if !fits {
            let first = from.chunks_exact(size).position(|from| T::exact(S::load(from)).is_none());
            return Err(first.unwrap_or(0).saturating_add(i.saturating_mul(BLOCK)));
        }
    }
    Ok(())
}

/// Stored numbers to stored numbers of the format of `T`.
fn typed<T: Number>(from: NumberFormat, big: bool, how: Conversion, bytes: &[u8], out: &mut [u8]) -> Result<(), usize> {
    let (from_size, size) = (from.kind.size(), size_of::<T>());
    let mut values = [T::default(); BLOCK];
    let blocks = bytes.chunks(from_size.saturating_mul(BLOCK)).zip(out.chunks_mut(size.saturating_mul(BLOCK)));
    for (i, (bytes, out)) in blocks.enumerate() {
        let count = bytes.len().checked_div(from_size).unwrap_or(0).min(out.len().checked_div(size).unwrap_or(0));
        let values = values.get_mut(..count).unwrap_or_default();
        from.load(how, bytes, values).map_err(|n| n.saturating_add(i.saturating_mul(BLOCK)))?;
        let native: &[u8] = bytemuck::cast_slice(values);
        let out = out.get_mut(..native.len()).unwrap_or_default();
        if big == NATIVE_BIG || size == 1 { out.copy_from_slice(native) } else { swap(size, native, out) }
    }
    Ok(())
}

/// Copies elements of so many bytes with their bytes turned around.
fn swap(size: usize, from: &[u8], to: &mut [u8]) {
    match size {
        2 => swap_n::<2>(from, to),
        4 => swap_n::<4>(from, to),
        8 => swap_n::<8>(from, to),
        16 => swap_n::<16>(from, to),
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}

fn swap_n<const N: usize>(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<N>().0) {
        *to = *from;
        to.reverse();
    }
}

#[cfg(test)]
mod tests;

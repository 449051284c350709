//! Datatypes put together.
//!
//! ```
//! use hdf5_format::codec::Sizes;
//! use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Datatype};
//! let point = Datatype::compound([
//!     ("x", Datatype::float(8, ByteOrder::LittleEndian).unwrap()),
//!     ("name", Datatype::vlen_string(CharacterSet::Utf8, Sizes::EIGHT)),
//! ]);
//! assert_eq!(point.size(), 24);
//! ```

use crate::codec::Sizes;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, FloatFormat, Member, Normalization, ReferenceKind,
    StringPadding, VlenKind,
};
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Datatype {
    /// True if elements are the same: the version that a type is encoded in does not count.
    pub fn is_same(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }

    /// The same type without versions.
    fn plain(&self) -> Self {
        let mut plain = self.clone();
        plain.version = 0;
        match &mut plain.class {
            Class::Compound { members } => members.iter_mut().for_each(|m| m.datatype = m.datatype.plain()),
            Class::Enum { base, .. }
            | Class::Vlen { base, .. }
            | Class::Array { base, .. }
            | Class::Complex { base } => {
                **base = base.plain();
            }
            _ => {}
        }
        plain
    }

    fn of(size: u32, class: Class) -> Self {
        Datatype { version: 1, size, class }
    }

    /// Integers of so many bytes.
    pub fn integer(bytes: u8, signed: bool, order: ByteOrder) -> Self {
        let precision = u16::from(bytes).saturating_mul(8);
        let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
        let class = Class::FixedPoint { order, low_pad, high_pad, signed, bit_offset: 0, precision };
        Datatype::of(bytes.into(), class)
    }

    /// IEEE floats of 2, 4 or 8 bytes.
    ///
    /// # Errors
    /// There are none of this size.
    pub fn float(bytes: u8, order: ByteOrder) -> Result<Self> {
        match bytes {
            2 => Ok(Datatype::half(order)),
            4 => Ok(Datatype::single(order)),
            8 => Ok(Datatype::double(order)),
            _ => {
                let text = alloc::format!("IEEE floats of {bytes} bytes, expected 2, 4 or 8");
                Err(Error::new(ErrorKind::Invalid, text))
            }
        }
    }

    /// IEEE floats of 2 bytes.
    pub fn half(order: ByteOrder) -> Self {
        Datatype::float_of(2, (5, 10, 15), order)
    }

    /// The upper halves of IEEE floats of 4 bytes.
    pub fn bfloat16(order: ByteOrder) -> Self {
        Datatype::float_of(2, (8, 7, 127), order)
    }

    /// IEEE floats of 4 bytes.
    pub fn single(order: ByteOrder) -> Self {
        Datatype::float_of(4, (8, 23, 127), order)
    }

    /// IEEE floats of 8 bytes.
    pub fn double(order: ByteOrder) -> Self {
        Datatype::float_of(8, (11, 52, 1023), order)
    }

    /// A sign, an exponent and a mantissa that fill so many bytes.
    fn float_of(bytes: u8, (exponent, mantissa, exponent_bias): (u8, u8, u32), order: ByteOrder) -> Self {
        let format = FloatFormat {
            order,
            low_pad: BitPadding::Zero,
            high_pad: BitPadding::Zero,
            internal_pad: BitPadding::Zero,
            normalization: Normalization::Implied,
            sign_position: exponent.saturating_add(mantissa),
            bit_offset: 0,
            precision: u16::from(bytes).saturating_mul(8),
            exponent_position: mantissa,
            exponent_size: exponent,
            mantissa_position: 0,
            mantissa_size: mantissa,
            exponent_bias,
        };
        Datatype::of(bytes.into(), Class::FloatingPoint(format))
    }

    /// Booleans as h5py has them: an enumeration of one byte, `FALSE` and `TRUE`.
    pub fn boolean() -> Self {
        let base = Datatype::integer(1, true, ByteOrder::LittleEndian);
        Datatype::enumeration(base, [("FALSE", [0]), ("TRUE", [1])])
    }

    /// Strings of a fixed number of bytes, filled up with NUL.
    pub fn string(bytes: u32, charset: CharacterSet) -> Self {
        Datatype::of(bytes, Class::String { padding: StringPadding::NullPadded, charset })
    }

    /// Strings of variable length, in a file of these widths.
    pub fn vlen_string(charset: CharacterSet, sizes: Sizes) -> Self {
        let padding = StringPadding::NullTerminated;
        let character = Datatype::of(1, Class::String { padding, charset: CharacterSet::Ascii });
        Datatype::vlen_class(VlenKind::String, charset, character, sizes)
    }

    /// Sequences of variable length, in a file of these widths.
    pub fn vlen(base: Datatype, sizes: Sizes) -> Self {
        Datatype::vlen_class(VlenKind::Sequence, CharacterSet::Ascii, base, sizes)
    }

    fn vlen_class(kind: VlenKind, charset: CharacterSet, base: Datatype, sizes: Sizes) -> Self {
        let class = Class::Vlen { kind, padding: StringPadding::NullTerminated, charset, base: Box::new(base) };
        Datatype::of(u32::from(sizes.offset).saturating_add(8), class)
    }

    /// References to objects, in a file of these widths.
    pub fn object_reference(sizes: Sizes) -> Self {
        Datatype::of(sizes.offset.into(), Class::Reference { kind: ReferenceKind::Object })
    }

    /// References to regions of datasets, in a file of these widths.
    pub fn region_reference(sizes: Sizes) -> Self {
        Datatype::of(u32::from(sizes.offset).saturating_add(4), Class::Reference { kind: ReferenceKind::Region })
    }

    /// Bytes that only programs understand.
    pub fn opaque(bytes: u32, tag: impl Into<Vec<u8>>) -> Self {
        Datatype::of(bytes, Class::Opaque { tag: tag.into() })
    }

    /// Named numbers; each number as a stored element of the base, an integer type.
    pub fn enumeration<N: Into<Vec<u8>>, V: Into<Vec<u8>>>(
        base: Datatype,
        members: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let members = members.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Datatype::of(base.size, Class::Enum { base: Box::new(base), members })
    }

    /// Named members, one after the other without gaps.
    pub fn compound<N: Into<Vec<u8>>>(members: impl IntoIterator<Item = (N, Datatype)>) -> Self {
        let mut size = 0u32;
        let members = members.into_iter().map(|(name, datatype)| {
            let offset = size;
            size = size.saturating_add(datatype.size);
            Member { name: name.into(), offset, datatype }
        });
        let members = members.collect();
        Datatype::of(size, Class::Compound { members })
    }

    /// Arrays of a fixed shape.
    ///
    /// # Errors
    /// They have more than 4 GiB.
    pub fn array(dims: impl Into<Vec<u64>>, base: Datatype) -> Result<Self> {
        let dims = dims.into();
        let bytes = dims.iter().try_fold(u64::from(base.size), |n, &dim| n.checked_mul(dim));
        let bytes = bytes.and_then(|n| u32::try_from(n).ok());
        let bytes = bytes.ok_or_else(|| Error::new(ErrorKind::Limit, "an array type of more than 4 GiB"))?;
        Ok(Datatype { version: 2, size: bytes, class: Class::Array { dims, base: Box::new(base) } })
    }

    /// Complex numbers of the native class, whose parts are floats.
    pub fn complex(part: Datatype) -> Self {
        Datatype { version: 5, size: part.size.saturating_mul(2), class: Class::Complex { base: Box::new(part) } }
    }

    /// Complex numbers as h5py has them: a compound of `r` and `i`.
    pub fn complex_compound(part: Datatype) -> Self {
        Datatype::compound([("r", part.clone()), ("i", part)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Cursor;
    use crate::limits::Limits;

    #[test]
    fn what_is_built_is_read_back() {
        let order = ByteOrder::BigEndian;
        let float = Datatype::float(4, order).unwrap();
        let types = [
            Datatype::integer(8, false, order),
            float.clone(),
            Datatype::boolean(),
            Datatype::string(7, CharacterSet::Utf8),
            Datatype::vlen_string(CharacterSet::Ascii, Sizes::EIGHT),
            Datatype::vlen(float.clone(), Sizes::EIGHT),
            Datatype::object_reference(Sizes::EIGHT),
            Datatype::region_reference(Sizes::EIGHT),
            Datatype::opaque(3, "a tag"),
            Datatype::array([2, 3], float.clone()).unwrap(),
            Datatype::complex_compound(float),
        ];
        for datatype in types {
            let mut writer = crate::codec::Writer::new(Sizes::EIGHT);
            datatype.encode(&mut writer).unwrap();
            let mut cursor = Cursor::new(writer.as_slice(), 0, "datatype", Sizes::EIGHT);
            let found = Datatype::parse(&mut cursor, &Limits::default()).unwrap();
            assert_eq!((&found.class, found.size), (&datatype.class, datatype.size));
        }
        assert!(Datatype::float(3, order).is_err());
        assert!(Datatype::array([1 << 40], Datatype::boolean()).is_err());
    }
}

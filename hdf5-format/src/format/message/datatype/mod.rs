//! Datatype message (File Format Spec v3/4, IV.A.2.d)
//!
//! ```text
//! | version * 16 + class 1 | class bits 3 | size 4 | properties |
//!
//!  0 fixed point, 4 bit field   | bit offset 2 | precision 2 |
//!  1 floating point             | bit offset 2 | precision 2 | exponent position 1, size 1 |
//!                               | mantissa position 1, size 1 | exponent bias 4 |
//!  2 time                       | precision 2 |
//!  3 string, 7 reference        nothing
//!  5 opaque                     | tag, a multiple of 8 |
//!  6 compound                   members: | name, NUL | offset | [v1: rank 1 | 0 3 | 0 4 | 0 4 | 4 dimensions 4] |
//!                               | datatype |
//!  8 enumeration                | base datatype | names, NUL | values |
//!  9 variable length, 11 complex  | base datatype |
//! 10 array                      | rank 1 | [v2: 0 3] | dimensions 4 | [v2: permutation 4] | base datatype |
//! ```
//! Names are padded to a multiple of 8 bytes up to version 2. A member's offset has 4 bytes up to version 2, then as
//! many as the compound's size needs.
//!
//! Found in headers of datasets and committed datatypes, in attributes, and inside each other.

mod encode;
mod parse;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Longest tag of an opaque type, in bytes.
pub const LONGEST_TAG: usize = 248;

/// A datatype. All sizes are those in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datatype {
    /// Version of the message, 1 to 5.
    pub version: u8,
    /// Bytes of an element.
    pub size: u32,
    /// The class and its properties.
    pub class: Class,
}

/// The classes, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// 0: integers.
    FixedPoint {
        /// Byte order.
        order: ByteOrder,
        /// Bits below the number.
        low_pad: BitPadding,
        /// Bits above the number.
        high_pad: BitPadding,
        /// Two's complement.
        signed: bool,
        /// First bit of the number.
        bit_offset: u16,
        /// Bits of the number.
        precision: u16,
    },
    /// 1: floating point.
    FloatingPoint(FloatFormat),
    /// 2: time.
    Time {
        /// Byte order.
        order: ByteOrder,
        /// Bits of the number.
        precision: u16,
    },
    /// 3: strings of a fixed length.
    String {
        /// What fills the room after the text.
        padding: StringPadding,
        /// Character set.
        charset: CharacterSet,
    },
    /// 4: bit fields.
    BitField {
        /// Byte order.
        order: ByteOrder,
        /// Bits below the field.
        low_pad: BitPadding,
        /// Bits above the field.
        high_pad: BitPadding,
        /// First bit of the field.
        bit_offset: u16,
        /// Bits of the field.
        precision: u16,
    },
    /// 5: bytes that only programs understand.
    Opaque {
        /// What they are.
        tag: Vec<u8>,
    },
    /// 6: named members.
    Compound {
        /// Members in the order of definition.
        members: Vec<Member>,
    },
    /// 7: references.
    Reference {
        /// To what.
        kind: ReferenceKind,
    },
    /// 8: named numbers.
    Enum {
        /// An integer type.
        base: Box<Datatype>,
        /// Names, and numbers as stored elements of the base type.
        members: Vec<(Vec<u8>, Vec<u8>)>,
    },
    /// 9: variable-length sequences and strings.
    Vlen {
        /// Which of the two.
        kind: VlenKind,
        /// What fills the room after the text of a string.
        padding: StringPadding,
        /// Character set of a string.
        charset: CharacterSet,
        /// Type of the sequence's elements; a character for strings.
        base: Box<Datatype>,
    },
    /// 10: arrays of a fixed shape.
    Array {
        /// Lengths.
        dims: Vec<u64>,
        /// Type of the elements.
        base: Box<Datatype>,
    },
    /// 11: complex numbers: real and imaginary part.
    Complex {
        /// A floating-point type.
        base: Box<Datatype>,
    },
}

/// A floating-point format. All positions are bits from the lowest of the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatFormat {
    /// Byte order.
    pub order: ByteOrder,
    /// Bits below the number.
    pub low_pad: BitPadding,
    /// Bits above the number.
    pub high_pad: BitPadding,
    /// Bits between the fields.
    pub internal_pad: BitPadding,
    /// How the mantissa's highest bit is stored.
    pub normalization: Normalization,
    /// The sign bit.
    pub sign_position: u8,
    /// First bit of the number.
    pub bit_offset: u16,
    /// Bits of the number.
    pub precision: u16,
    /// First bit of the exponent.
    pub exponent_position: u8,
    /// Bits of the exponent.
    pub exponent_size: u8,
    /// First bit of the mantissa.
    pub mantissa_position: u8,
    /// Bits of the mantissa.
    pub mantissa_size: u8,
    /// What the stored exponent is too large by.
    pub exponent_bias: u32,
}

/// A member of a compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name, without NUL.
    pub name: Vec<u8>,
    /// First byte within the element.
    pub offset: u32,
    /// Type.
    pub datatype: Datatype,
}

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Lowest byte first.
    LittleEndian,
    /// Highest byte first.
    BigEndian,
    /// 16-bit words, highest first, each lowest byte first.
    Vax,
}

/// What unused bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitPadding {
    /// All 0.
    Zero,
    /// All 1.
    One,
}

/// How a mantissa's highest bit is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// As it is.
    None,
    /// Always set, and stored.
    MsbSet,
    /// Always set, and not stored.
    Implied,
}

/// What fills the room after a string's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringPadding {
    /// The text ends at the first NUL.
    NullTerminated,
    /// NULs at the end are not text.
    NullPadded,
    /// Spaces at the end are not text.
    SpacePadded,
}

/// Character set of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharacterSet {
    /// ASCII.
    Ascii,
    /// UTF-8.
    Utf8,
}

/// What references point at, and in which encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// Objects: the address.
    Object,
    /// Regions of datasets, in the global heap.
    Region,
    /// Objects, in the encoding of HDF5 1.12.
    Object2,
    /// Regions, in the encoding of HDF5 1.12.
    Region2,
    /// Attributes.
    Attribute,
}

/// The two uses of the variable-length class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlenKind {
    /// Sequences of any type.
    Sequence,
    /// Text.
    String,
}

impl Datatype {
    /// Bytes of an element.
    pub fn size(&self) -> usize {
        // 32 bits fit every supported target's usize.
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    /// Bits of an IEEE 754 half, single or double; `None` for any other type.
    pub fn ieee_bits(&self) -> Option<u16> {
        let Class::FloatingPoint(f) = &self.class else { return None };
        let fields = (f.sign_position, f.exponent_position, f.exponent_size, f.mantissa_size, f.exponent_bias);
        let bits = match fields {
            (15, 10, 5, 10, 15) => 16,
            (31, 23, 8, 23, 127) => 32,
            (63, 52, 11, 52, 1023) => 64,
            _ => return None,
        };
        let plain = f.normalization == Normalization::Implied
            && f.mantissa_position == 0
            && f.bit_offset == 0
            && f.precision == bits
            && self.size == u32::from(bits / 8)
            && f.order != ByteOrder::Vax;
        plain.then_some(bits)
    }

    /// True for the upper half of an IEEE single: 8 bits of exponent, 7 of mantissa.
    pub fn is_bfloat16(&self) -> bool {
        let Class::FloatingPoint(f) = &self.class else { return false };
        let positions = (f.sign_position, f.exponent_position, f.mantissa_position);
        let sizes = (f.exponent_size, f.mantissa_size, f.exponent_bias);
        (positions, sizes) == ((15, 7, 0), (8, 7, 127))
            && f.normalization == Normalization::Implied
            && (f.bit_offset, f.precision, self.size) == (0, 16, 2)
            && f.order != ByteOrder::Vax
    }
}

impl StringPadding {
    /// The text of a stored string: without terminator or padding.
    pub fn trim(self, stored: &[u8]) -> &[u8] {
        let end = match self {
            StringPadding::NullTerminated => stored.iter().position(|&b| b == 0),
            StringPadding::NullPadded => stored.iter().rposition(|&b| b != 0).map_or(Some(0), |i| i.checked_add(1)),
            StringPadding::SpacePadded => stored.iter().rposition(|&b| b != b' ').map_or(Some(0), |i| i.checked_add(1)),
        };
        end.and_then(|end| stored.get(..end)).unwrap_or(stored)
    }
}

//! Encoding. Compounds, arrays and enumerations follow the file's bound of versions, other classes stay in the lowest
//! version that holds them; a type's version is never below that of a type inside it.

use super::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, FloatFormat, LONGEST_TAG, Member, Normalization,
    ReferenceKind, StringPadding, VlenKind,
};
use crate::codec::{Sizes, Writer, limited_width};
use crate::error::{Error, ErrorKind, Result};
use alloc::borrow::Cow;
use alloc::format;

impl Class {
    /// Number in the file.
    pub fn number(&self) -> u8 {
        match self {
            Class::FixedPoint { .. } => 0,
            Class::FloatingPoint(_) => 1,
            Class::Time { .. } => 2,
            Class::String { .. } => 3,
            Class::BitField { .. } => 4,
            Class::Opaque { .. } => 5,
            Class::Compound { .. } => 6,
            Class::Reference { .. } => 7,
            Class::Enum { .. } => 8,
            Class::Vlen { .. } => 9,
            Class::Array { .. } => 10,
            Class::Complex { .. } => 11,
        }
    }
}

impl Datatype {
    /// The version that is written: at least `low` for compounds, arrays and enumerations, what is needed for all,
    /// never below the type's own or that of a type inside it.
    pub fn stored_version(&self, low: u8) -> u8 {
        match &self.class {
            Class::Compound { members } => {
                members.iter().map(|m| m.datatype.stored_version(low)).fold(self.version.max(low), u8::max)
            }
            Class::Enum { base, .. } => base.stored_version(low).max(self.version).max(low),
            Class::Array { base, .. } => base.stored_version(low).max(self.version).max(low).max(2),
            Class::Vlen { base, .. } => base.stored_version(low).max(self.version),
            Class::Complex { base } => base.stored_version(low).max(self.version).max(5),
            Class::FloatingPoint(f) if f.order == ByteOrder::Vax => self.version.max(3),
            Class::Reference { kind: ReferenceKind::Object | ReferenceKind::Region } => self.version,
            Class::Reference { .. } => self.version.max(4),
            _ => self.version,
        }
    }

    /// Bytes of the message as [`Datatype::encode_at_least`] writes it.
    ///
    /// # Errors
    /// The type can not be written.
    pub fn encoded_len(&self, sizes: Sizes, low: u8) -> Result<usize> {
        let mut writer = Writer::new(sizes);
        self.encode_at_least(&mut writer, low)?;
        Ok(writer.position())
    }

    /// Encodes the message in the version it has, raised where that can not hold it.
    ///
    /// # Errors
    /// A count or name is not one that the format can express.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        self.encode_at_least(writer, 1)
    }

    /// Encodes the message in the version that libhdf5 chooses for the lower bound `low` of versions.
    ///
    /// # Errors
    /// A count or name is not one that the format can express.
    pub fn encode_at_least(&self, writer: &mut Writer, low: u8) -> Result<()> {
        let version = self.stored_version(low);
        let [a, b, c, _] = self.class_bits()?.to_le_bytes();
        writer.bytes(&[(version << 4) | self.class.number(), a, b, c]);
        writer.u32(self.size);
        match &self.class {
            Class::FixedPoint { bit_offset, precision, .. } | Class::BitField { bit_offset, precision, .. } => {
                writer.u16(*bit_offset);
                writer.u16(*precision);
            }
            Class::FloatingPoint(f) => float(f, writer),
            Class::Time { precision, .. } => writer.u16(*precision),
            Class::Opaque { tag } => {
                writer.bytes(tag);
                writer.zeros(tag.len().next_multiple_of(8).saturating_sub(tag.len()));
            }
            Class::Compound { members } => {
                members.iter().try_for_each(|m| m.encode(writer, (version, low), self.size))?;
            }
            Class::Enum { base, members } => {
                base.encode_at_least(writer, low)?;
                members.iter().try_for_each(|(n, _)| name(n, version, writer))?;
                for (_, value) in members {
                    if value.len() != base.size() {
                        return Err(invalid(format!("an enumeration value of {} bytes", value.len())));
                    }
                    writer.bytes(value);
                }
            }
            Class::Vlen { base, .. } | Class::Complex { base } => base.encode_at_least(writer, low)?,
            Class::Array { dims, base } => array(dims, base, version, low, writer)?,
            Class::String { .. } | Class::Reference { .. } => {}
        }
        Ok(())
    }

    fn class_bits(&self) -> Result<u32> {
        Ok(match &self.class {
            Class::FixedPoint { order, low_pad, high_pad, signed, .. } => {
                order_bits(*order) | pad(*low_pad, 1) | pad(*high_pad, 2) | (u32::from(*signed) << 3)
            }
            Class::BitField { order, low_pad, high_pad, .. } => {
                order_bits(*order) | pad(*low_pad, 1) | pad(*high_pad, 2)
            }
            Class::FloatingPoint(f) => {
                let norm: u32 = match f.normalization {
                    Normalization::None => 0,
                    Normalization::MsbSet => 1,
                    Normalization::Implied => 2,
                };
                let pads = pad(f.low_pad, 1) | pad(f.high_pad, 2) | pad(f.internal_pad, 3);
                order_bits(f.order) | pads | (norm << 4) | (u32::from(f.sign_position) << 8)
            }
            Class::Time { order, .. } => order_bits(*order),
            Class::String { padding, charset } => padding_bits(*padding) | (charset_bits(*charset) << 4),
            Class::Opaque { tag } if tag.len() > LONGEST_TAG || tag.contains(&0) => {
                return Err(invalid(format!("an opaque tag of {} bytes, or with a NUL in it", tag.len())));
            }
            Class::Opaque { tag } => count(tag.len().next_multiple_of(8))?.into(),
            Class::Compound { members } if members.is_empty() => return Err(invalid("a compound without members")),
            Class::Compound { members } => count(members.len())?.into(),
            Class::Enum { members, .. } => count(members.len())?.into(),
            Class::Reference { kind } => match kind {
                ReferenceKind::Object => 0,
                ReferenceKind::Region => 1,
                ReferenceKind::Object2 => 0x12,
                ReferenceKind::Region2 => 0x13,
                ReferenceKind::Attribute => 0x14,
            },
            Class::Vlen { kind: VlenKind::Sequence, .. } => 0,
            Class::Vlen { padding, charset, .. } => 1 | (padding_bits(*padding) << 4) | (charset_bits(*charset) << 8),
            Class::Array { .. } => 0,
            Class::Complex { .. } => 1,
        })
    }
}

impl Member {
    fn encode(&self, writer: &mut Writer, (version, low): (u8, u8), size: u32) -> Result<()> {
        name(&self.name, version, writer)?;
        if version < 3 {
            writer.u32(self.offset);
        } else {
            writer.uint(self.offset.into(), limited_width(size.into()))?;
        }
        if version == 1 {
            // No dimensions: they have a type of their own since version 2.
            writer.zeros(28);
        }
        self.datatype.encode_at_least(writer, low)
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Invalid, message).within("datatype")
}

fn count(n: usize) -> Result<u16> {
    u16::try_from(n).map_err(|_| invalid(format!("{n} members, of 65535 that the format can count")))
}

fn name(name: &[u8], version: u8, writer: &mut Writer) -> Result<()> {
    if name.contains(&0) {
        return Err(invalid(format!("a member's name with a NUL in it: \"{}\"", name.escape_ascii())));
    }
    let start = writer.position();
    writer.bytes(name);
    writer.u8(0);
    if version < 3 {
        writer.align_from(start, 8);
    }
    Ok(())
}

fn array(dims: &[u64], base: &Datatype, version: u8, low: u8, writer: &mut Writer) -> Result<()> {
    if dims.is_empty() || dims.len() > 32 {
        return Err(invalid(format!("an array type of {} dimensions, of 1 to 32", dims.len())));
    }
    writer.uint(dims.len() as u64, 1)?;
    writer.zeros(if version == 2 { 3 } else { 0 });
    dims.iter().try_for_each(|&d| writer.uint(d, 4))?;
    if version == 2 {
        // The permutation, never other than the identity.
        (0u32..).zip(dims).for_each(|(i, _)| writer.u32(i));
    }
    base.encode_at_least(writer, low)
}

fn float(f: &FloatFormat, writer: &mut Writer) {
    writer.u16(f.bit_offset);
    writer.u16(f.precision);
    writer.bytes(&[f.exponent_position, f.exponent_size, f.mantissa_position, f.mantissa_size]);
    writer.u32(f.exponent_bias);
}

fn order_bits(order: ByteOrder) -> u32 {
    match order {
        ByteOrder::LittleEndian => 0,
        ByteOrder::BigEndian => 1,
        ByteOrder::Vax => 0x41,
    }
}

fn pad(padding: BitPadding, bit: u32) -> u32 {
    if padding == BitPadding::One { 1u32.checked_shl(bit).unwrap_or(0) } else { 0 }
}

fn padding_bits(padding: StringPadding) -> u32 {
    match padding {
        StringPadding::NullTerminated => 0,
        StringPadding::NullPadded => 1,
        StringPadding::SpacePadded => 2,
    }
}

fn charset_bits(charset: CharacterSet) -> u32 {
    u32::from(charset == CharacterSet::Utf8)
}

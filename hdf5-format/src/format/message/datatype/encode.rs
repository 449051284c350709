//! Encoding. A type is written in its own version: containers need one at least as high as their members'.

use super::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, FloatFormat, Member, Normalization, ReferenceKind,
    StringPadding, VlenKind,
};
use crate::codec::{Writer, limited_width};
use crate::error::Result;
use alloc::vec::Vec;

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
    /// The lowest version that can hold the type.
    pub fn needed_version(&self) -> u8 {
        match &self.class {
            Class::FloatingPoint(f) if f.order == ByteOrder::Vax => 3,
            Class::Reference { kind: ReferenceKind::Object | ReferenceKind::Region } => 1,
            Class::Reference { .. } => 4,
            Class::Compound { members } => members.iter().map(|m| m.datatype.needed_version()).max().unwrap_or(1),
            Class::Enum { base, .. } | Class::Vlen { base, .. } => base.needed_version(),
            Class::Array { base, .. } => base.needed_version().max(2),
            Class::Complex { .. } => 5,
            _ => 1,
        }
    }

    /// Encodes the message in the version it has, raised where that can not hold it.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        self.encode_at_least(writer, self.version)
    }

    /// Encodes the message in the version that libhdf5 chooses for a low bound: containers at least `low`, others in
    /// the lowest that holds them.
    pub fn encode_at_least(&self, writer: &mut Writer, low: u8) -> Result<()> {
        let version = low.max(self.needed_version());
        writer.u8((version << 4) | self.class.number());
        let [a, b, c, _] = self.class_bits().to_le_bytes();
        writer.bytes(&[a, b, c]);
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
                writer.zeros(tag_len(tag).saturating_sub(tag.len()));
            }
            Class::Compound { members } => {
                for member in members {
                    member.encode(writer, version, self.size)?;
                }
            }
            Class::Enum { base, members } => {
                base.encode(writer)?;
                members.iter().for_each(|(n, _)| name(n, version, writer));
                members.iter().for_each(|(_, value)| writer.bytes(value));
            }
            Class::Vlen { base, .. } | Class::Complex { base } => base.encode(writer)?,
            Class::Array { dims, base } => {
                writer.uint(dims.len() as u64, 1)?;
                writer.zeros(if version == 2 { 3 } else { 0 });
                dims.iter().try_for_each(|&d| writer.uint(d, 4))?;
                writer.zeros(if version == 2 { dims.len().saturating_mul(4) } else { 0 });
                base.encode(writer)?;
            }
            Class::String { .. } | Class::Reference { .. } => {}
        }
        Ok(())
    }

    fn class_bits(&self) -> u32 {
        match &self.class {
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
            Class::Opaque { tag } => u32::try_from(tag_len(tag)).unwrap_or(0),
            Class::Compound { members } => u32::try_from(members.len()).unwrap_or(0),
            Class::Enum { members, .. } => u32::try_from(members.len()).unwrap_or(0),
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
        }
    }
}

impl Member {
    fn encode(&self, writer: &mut Writer, version: u8, size: u32) -> Result<()> {
        name(&self.name, version, writer);
        if version < 3 {
            writer.u32(self.offset);
        } else {
            writer.uint(self.offset.into(), limited_width(size.into()))?;
        }
        if version == 1 {
            writer.zeros(28);
        }
        self.datatype.encode(writer)
    }
}

fn name(name: &[u8], version: u8, writer: &mut Writer) {
    let start = writer.position();
    writer.bytes(name);
    writer.u8(0);
    if version < 3 {
        writer.align_from(start, 8);
    }
}

/// A tag and its NUL, padded to a multiple of 8 bytes.
fn tag_len(tag: &Vec<u8>) -> usize {
    if tag.is_empty() { 0 } else { tag.len().saturating_add(1).next_multiple_of(8).min(248) }
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

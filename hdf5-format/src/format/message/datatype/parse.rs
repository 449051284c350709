//! Parsing. What a rule of the format forbids is refused, also where only later libraries check it.

use super::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, FloatFormat, Member, Normalization, ReferenceKind,
    StringPadding, VlenKind,
};
use crate::codec::{Cursor, limited_width};
use crate::error::{Error, Result};
use crate::limits::Limits;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

/// How many types may still lie in each other.
#[derive(Clone, Copy)]
struct Depth {
    left: usize,
    limit: usize,
}

impl Depth {
    fn inner(self) -> Result<Self> {
        let left = self.left.checked_sub(1).ok_or_else(|| {
            let limit = self.limit as u64;
            Error::limit("datatype_depth", limit, limit.saturating_add(1))
        })?;
        Ok(Depth { left, ..self })
    }
}

/// The 24 class bits.
#[derive(Clone, Copy)]
struct Bits(u32);

impl Bits {
    fn get(self, from: u32, len: u32) -> u32 {
        self.0.checked_shr(from).unwrap_or(0) & 1u32.checked_shl(len).unwrap_or(0).wrapping_sub(1)
    }

    fn low_byte(self, from: u32) -> u8 {
        self.get(from, 8).to_le_bytes()[0]
    }

    fn padding(self, bit: u32) -> BitPadding {
        if self.get(bit, 1) == 1 { BitPadding::One } else { BitPadding::Zero }
    }

    fn order(self) -> ByteOrder {
        if self.get(0, 1) == 1 { ByteOrder::BigEndian } else { ByteOrder::LittleEndian }
    }
}

impl Datatype {
    /// Parses the message.
    ///
    /// # Errors
    /// It breaks a rule of the format, or types nest deeper than the limits allow.
    pub fn parse(cursor: &mut Cursor<'_>, limits: &Limits) -> Result<Self> {
        Datatype::nested(cursor, Depth { left: limits.datatype_depth, limit: limits.datatype_depth })
    }

    /// A type; the recursion is as deep as the limit allows.
    fn nested(cursor: &mut Cursor<'_>, depth: Depth) -> Result<Self> {
        let start = cursor.clone();
        let depth = depth.inner().map_err(|e| e.within("datatype").at(start.offset()))?;
        let first = cursor.u8()?;
        let (version, class) = (first >> 4, first & 0x0f);
        if version == 0 || version > 5 {
            return Err(start.unexpected("datatype version", "1 to 5", version));
        }
        let [a, b, c] = cursor.array()?;
        let bits = Bits(u32::from_le_bytes([a, b, c, 0]));
        let size = cursor.u32()?;
        if size == 0 {
            return Err(start.corrupt("a datatype of 0 bytes"));
        }
        let class = match class {
            0 => fixed_point(cursor, bits, size)?,
            1 => floating_point(cursor, version, bits, size)?,
            2 => Class::Time { order: bits.order(), precision: cursor.u16()? },
            3 => Class::String { padding: padding(&start, bits.get(0, 4))?, charset: charset(&start, bits.get(4, 4))? },
            4 => bit_field(cursor, bits, size)?,
            5 => opaque(cursor, bits)?,
            6 => compound(cursor, version, bits, size, depth)?,
            7 => Class::Reference { kind: reference(&start, bits)? },
            8 => enumeration(cursor, version, bits, size, depth)?,
            9 => vlen(cursor, bits, size, depth)?,
            10 => array(cursor, version, size, depth)?,
            11 => complex(cursor, bits, size, depth)?,
            other => return Err(start.unexpected("datatype class", "0 to 11", other)),
        };
        let mut datatype = Datatype { version, size, class };
        // Old writers gave containers too low a version.
        datatype.version = datatype.stored_version(1);
        Ok(datatype)
    }
}

/// Offset and precision of a number, checked against its size.
fn extent(cursor: &mut Cursor<'_>, size: u32) -> Result<(u16, u16)> {
    let start = cursor.clone();
    let (bit_offset, precision) = (cursor.u16()?, cursor.u16()?);
    let end = u64::from(bit_offset).saturating_add(u64::from(precision));
    if precision == 0 || end > u64::from(size).saturating_mul(8) {
        let found = format!("{precision} bits at {bit_offset}");
        return Err(start.unexpected("precision", format!("1 bit or more within {size} bytes"), found));
    }
    Ok((bit_offset, precision))
}

fn fixed_point(cursor: &mut Cursor<'_>, bits: Bits, size: u32) -> Result<Class> {
    let (bit_offset, precision) = extent(cursor, size)?;
    let (order, low_pad, high_pad) = (bits.order(), bits.padding(1), bits.padding(2));
    Ok(Class::FixedPoint { order, low_pad, high_pad, signed: bits.get(3, 1) == 1, bit_offset, precision })
}

fn bit_field(cursor: &mut Cursor<'_>, bits: Bits, size: u32) -> Result<Class> {
    let (bit_offset, precision) = extent(cursor, size)?;
    let (order, low_pad, high_pad) = (bits.order(), bits.padding(1), bits.padding(2));
    Ok(Class::BitField { order, low_pad, high_pad, bit_offset, precision })
}

fn floating_point(cursor: &mut Cursor<'_>, version: u8, bits: Bits, size: u32) -> Result<Class> {
    let start = cursor.clone();
    // The second bit has a meaning from version 3 on.
    let order = match (bits.get(0, 1), if version < 3 { 0 } else { bits.get(6, 1) }) {
        (_, 0) => bits.order(),
        (1, _) if size.is_multiple_of(2) => ByteOrder::Vax,
        (low, high) => {
            let expected = "0 0, 1 0, or 1 1 for an even size";
            return Err(start.unexpected("byte order bits", expected, format!("{low} {high}")));
        }
    };
    let normalization = match bits.get(4, 2) {
        0 => Normalization::None,
        1 => Normalization::MsbSet,
        2 => Normalization::Implied,
        other => return Err(start.unexpected("mantissa normalization", "0 to 2", other)),
    };
    let (bit_offset, precision) = extent(cursor, size)?;
    let here = cursor.clone();
    let format = FloatFormat {
        order,
        low_pad: bits.padding(1),
        high_pad: bits.padding(2),
        internal_pad: bits.padding(3),
        normalization,
        sign_position: bits.low_byte(8),
        bit_offset,
        precision,
        exponent_position: cursor.u8()?,
        exponent_size: cursor.u8()?,
        mantissa_position: cursor.u8()?,
        mantissa_size: cursor.u8()?,
        exponent_bias: cursor.u32()?,
    };
    check_fields(&here, &format, size)?;
    Ok(Class::FloatingPoint(format))
}

/// Sign, exponent and mantissa lie within the element and apart from each other.
fn check_fields(at: &Cursor<'_>, f: &FloatFormat, size: u32) -> Result<()> {
    let end = |position: u8, size: u8| u16::from(position).saturating_add(u16::from(size));
    let (sign, exponent, mantissa) =
        (end(f.sign_position, 1), end(f.exponent_position, f.exponent_size), end(f.mantissa_position, f.mantissa_size));
    if f.exponent_size == 0 || f.mantissa_size == 0 {
        return Err(at.corrupt("a floating-point type without exponent or mantissa"));
    }
    let bits = u64::from(size).saturating_mul(8);
    if [sign, exponent, mantissa].iter().any(|&e| u64::from(e) > bits) {
        return Err(at.corrupt("a field of the floating-point type lies outside the element"));
    }
    let within = |p: u8, from: u8, to: u16| p >= from && u16::from(p) < to;
    let overlap = within(f.sign_position, f.exponent_position, exponent)
        || within(f.sign_position, f.mantissa_position, mantissa)
        || within(f.mantissa_position, f.exponent_position, exponent)
        || within(f.exponent_position, f.mantissa_position, mantissa);
    if overlap { Err(at.corrupt("fields of the floating-point type overlap")) } else { Ok(()) }
}

fn padding(at: &Cursor<'_>, number: u32) -> Result<StringPadding> {
    match number {
        0 => Ok(StringPadding::NullTerminated),
        1 => Ok(StringPadding::NullPadded),
        2 => Ok(StringPadding::SpacePadded),
        other => Err(at.unexpected("string padding", "0 to 2", other)),
    }
}

fn charset(at: &Cursor<'_>, number: u32) -> Result<CharacterSet> {
    match number {
        0 => Ok(CharacterSet::Ascii),
        1 => Ok(CharacterSet::Utf8),
        other => Err(at.unexpected("character set", "0 or 1", other)),
    }
}

fn opaque(cursor: &mut Cursor<'_>, bits: Bits) -> Result<Class> {
    let start = cursor.clone();
    let len = bits.low_byte(0);
    if !len.is_multiple_of(8) {
        return Err(start.unexpected("length of the opaque tag", "a multiple of 8", len));
    }
    let stored = cursor.bytes(usize::from(len))?;
    Ok(Class::Opaque { tag: StringPadding::NullTerminated.trim(stored).to_vec() })
}

/// A name; up to version 2 its NUL is padded to a multiple of 8 bytes.
fn name(cursor: &mut Cursor<'_>, version: u8) -> Result<Vec<u8>> {
    let name = cursor.c_str()?;
    if version < 3 {
        let len = name.len().saturating_add(1);
        cursor.skip(len.next_multiple_of(8).saturating_sub(len))?;
    }
    Ok(name.to_vec())
}

fn compound(cursor: &mut Cursor<'_>, version: u8, bits: Bits, size: u32, depth: Depth) -> Result<Class> {
    let start = cursor.clone();
    let count = bits.get(0, 16);
    if count == 0 {
        return Err(start.corrupt("a compound without members"));
    }
    let mut members: Vec<Member> = Vec::new();
    for _ in 0..count {
        members.push(member(cursor, version, size, depth)?);
    }
    check_members(&start, &members, size)?;
    Ok(Class::Compound { members })
}

fn member(cursor: &mut Cursor<'_>, version: u8, size: u32, depth: Depth) -> Result<Member> {
    let name = name(cursor, version)?;
    let start = cursor.clone();
    let offset = if version < 3 { cursor.u32()?.into() } else { cursor.uint(limited_width(size.into()))? };
    let offset = u32::try_from(offset).map_err(|_| start.corrupt("member offset above 32 bits"))?;
    let mut dims = Vec::new();
    if version == 1 {
        let here = cursor.clone();
        let rank = cursor.u8()?;
        if rank > 4 {
            return Err(here.unexpected("dimensions of the member", "0 to 4", rank));
        }
        cursor.skip(11)?;
        let stored = [cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?];
        dims.extend(stored.iter().take(usize::from(rank)).map(|&d| u64::from(d)));
    }
    let mut datatype = Datatype::nested(cursor, depth)?;
    if !dims.is_empty() {
        datatype = array_of(&start, dims, datatype)?;
    }
    Ok(Member { name, offset, datatype })
}

/// Members lie within the element and apart from each other, and their names differ.
fn check_members(at: &Cursor<'_>, members: &[Member], size: u32) -> Result<()> {
    let mut places: Vec<(u32, u64)> = Vec::with_capacity(members.len());
    let mut names = BTreeSet::new();
    for member in members {
        let shown = member.name.escape_ascii();
        let end = u64::from(member.offset).saturating_add(u64::from(member.datatype.size));
        if end > u64::from(size) {
            return Err(at.corrupt(format!("member \"{shown}\" ends at byte {end} of a compound of {size} bytes")));
        }
        if !names.insert(&member.name) {
            return Err(at.corrupt(format!("two members named \"{shown}\"")));
        }
        places.push((member.offset, end));
    }
    places.sort_unstable();
    let overlap = places.windows(2).any(|w| matches!(w, [(_, end), (start, _)] if u64::from(*start) < *end));
    if overlap { Err(at.corrupt("members of the compound overlap")) } else { Ok(()) }
}

fn reference(at: &Cursor<'_>, bits: Bits) -> Result<ReferenceKind> {
    let kind = match bits.get(0, 4) {
        0 => return Ok(ReferenceKind::Object),
        1 => return Ok(ReferenceKind::Region),
        2 => ReferenceKind::Object2,
        3 => ReferenceKind::Region2,
        4 => ReferenceKind::Attribute,
        other => return Err(at.unexpected("reference type", "0 to 4", other)),
    };
    // libhdf5: early releases of 1.12 wrote these types in messages of version 1.
    if bits.get(4, 4) != 1 {
        return Err(at.unexpected("reference encoding", 1, bits.get(4, 4)));
    }
    Ok(kind)
}

fn enumeration(cursor: &mut Cursor<'_>, version: u8, bits: Bits, size: u32, depth: Depth) -> Result<Class> {
    let start = cursor.clone();
    let base = Datatype::nested(cursor, depth)?;
    if !matches!(base.class, Class::FixedPoint { .. }) || base.size != size {
        return Err(start.corrupt("the base of an enumeration must be an integer of the same size"));
    }
    let count = bits.get(0, 16);
    let mut names = Vec::new();
    for _ in 0..count {
        let here = cursor.clone();
        let name = name(cursor, version)?;
        if name.is_empty() {
            return Err(here.corrupt("a member of an enumeration without a name"));
        }
        names.push(name);
    }
    let mut members = Vec::new();
    for name in names {
        members.push((name, cursor.bytes(base.size())?.to_vec()));
    }
    Ok(Class::Enum { base: Box::new(base), members })
}

fn vlen(cursor: &mut Cursor<'_>, bits: Bits, size: u32, depth: Depth) -> Result<Class> {
    let start = cursor.clone();
    // Number of elements, address of the heap, index in it.
    let expected = u32::from(cursor.sizes().offset).saturating_add(8);
    if size != expected {
        return Err(start.unexpected("size of the variable-length type", expected, size));
    }
    let kind = match bits.get(0, 4) {
        0 => VlenKind::Sequence,
        1 => VlenKind::String,
        other => return Err(start.unexpected("variable-length type", "0 or 1", other)),
    };
    let (mut pad, mut set) = (StringPadding::NullTerminated, CharacterSet::Ascii);
    if kind == VlenKind::String {
        (pad, set) = (padding(&start, bits.get(4, 4))?, charset(&start, bits.get(8, 4))?);
    }
    let base = Box::new(Datatype::nested(cursor, depth)?);
    Ok(Class::Vlen { kind, padding: pad, charset: set, base })
}

fn array(cursor: &mut Cursor<'_>, version: u8, size: u32, depth: Depth) -> Result<Class> {
    let start = cursor.clone();
    let rank = cursor.u8()?;
    if rank == 0 || rank > 32 {
        return Err(start.unexpected("dimensions of the array type", "1 to 32", rank));
    }
    if version < 3 {
        cursor.skip(3)?;
    }
    let dims = (0..rank).map(|_| cursor.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    if version < 3 {
        cursor.skip(usize::from(rank).saturating_mul(4))?;
    }
    let base = Datatype::nested(cursor, depth)?;
    let array = array_of(&start, dims, base)?;
    if array.size != size {
        return Err(start.unexpected("size of the array type", array.size, size));
    }
    Ok(array.class)
}

fn array_of(at: &Cursor<'_>, dims: Vec<u64>, base: Datatype) -> Result<Datatype> {
    let size = dims.iter().try_fold(u64::from(base.size), |n, &d| n.checked_mul(d));
    let size = size.and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
    let size = size.ok_or_else(|| at.corrupt("an array type of no bytes or above 32 bits"))?;
    Ok(Datatype { version: base.version.max(2), size, class: Class::Array { dims, base: Box::new(base) } })
}

fn complex(cursor: &mut Cursor<'_>, bits: Bits, size: u32, depth: Depth) -> Result<Class> {
    let start = cursor.clone();
    // Two parts of one type, in rectangular form: the only kind there is.
    if bits.get(0, 24) != 1 {
        return Err(start.unexpected("bits of the complex type", 1, bits.get(0, 24)));
    }
    let base = Datatype::nested(cursor, depth)?;
    if !matches!(base.class, Class::FloatingPoint(_)) || base.size.checked_mul(2) != Some(size) {
        return Err(start.corrupt("the base of a complex type must be a floating-point type of half its size"));
    }
    Ok(Class::Complex { base: Box::new(base) })
}

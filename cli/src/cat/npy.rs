//! NumPy's file of one array: the stored elements behind a header that names their type.
//!
//! Reference: `numpy.lib.format`, versions 1.0 to 3.0.

use super::Rows;
use crate::Outcome;
use hdf5_format::datatype::{bits, conventions};
use hdf5_format::format::message::datatype::{ByteOrder, Class, Datatype, Member, StringPadding};
use hdf5_format::{Dataset, Error, ErrorKind};
use std::fmt::Write as _;
use std::io::Write;

/// Writes the selected elements as they are stored.
pub(super) fn print(dataset: &Dataset, rows: Rows<'_>, shape: &[u64], out: &mut dyn Write) -> Outcome {
    let Some(descr) = descr(dataset.dtype()) else {
        let message = format!("values of type {} do not go into .npy", dataset.dtype());
        return Err(Error::new(ErrorKind::Unsupported, message)
            .on(dataset.path())
            .with_hint("use --format json")
            .into());
    };
    let (element, inner) = array_parts(dataset.dtype());
    debug_assert!(!matches!(element.class, Class::Array { .. }));
    let dims = shape.iter().copied().chain(inner).map(|d| format!("{d},")).collect::<String>();
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({dims}), }}");
    out.write_all(&framed(header))?;
    rows.each_raw(|bytes| Ok(out.write_all(bytes)?))
}

/// Magic, version, length and header, which ends at a multiple of 64 with a line feed.
fn framed(mut header: String) -> Vec<u8> {
    let version = if !header.is_ascii() { 3 } else { 1 + u8::from(header.len() > 60_000) };
    let before = if version == 1 { 10 } else { 12 };
    let padding = (64 - (header.len() + before + 1) % 64) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let len = u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
    bytes.extend_from_slice(if version == 1 { &len[..2] } else { &len });
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

/// The type of one array's elements and the array's dimensions, nested ones joined.
fn array_parts(datatype: &Datatype) -> (&Datatype, Vec<u64>) {
    let (mut element, mut dims) = (datatype, Vec::new());
    while let Class::Array { dims: more, base } = &element.class {
        dims.extend(more);
        element = base;
    }
    (element, dims)
}

/// NumPy's description of a type whose stored bytes are NumPy's own; that of the elements for an array.
fn descr(datatype: &Datatype) -> Option<String> {
    let (element, _) = array_parts(datatype);
    match &element.class {
        Class::Compound { members } if !conventions::is_complex(element) && !conventions::is_bool(element) => {
            fields(members, element.size)
        }
        _ => scalar(element).map(|name| format!("'{name}'")),
    }
}

/// A list of names and types in the order of their places; gaps are void.
fn fields(members: &[Member], size: u32) -> Option<String> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|member| member.offset);
    let mut list = String::from("[");
    let mut at = 0;
    for member in sorted {
        gap(&mut list, at, member.offset)?;
        let (_, dims) = array_parts(&member.datatype);
        let name = String::from_utf8_lossy(&member.name).replace('\\', "\\\\").replace('\'', "\\'");
        write!(list, "('{name}', {}", descr(&member.datatype)?).ok()?;
        if !dims.is_empty() {
            write!(list, ", ({})", dims.iter().map(|d| format!("{d},")).collect::<String>()).ok()?;
        }
        list.push_str("), ");
        at = member.offset.checked_add(member.datatype.size)?;
    }
    gap(&mut list, at, size)?;
    list.push(']');
    Some(list)
}

/// `None` where members overlap.
fn gap(list: &mut String, from: u32, to: u32) -> Option<()> {
    match to.checked_sub(from)? {
        0 => Some(()),
        bytes => write!(list, "('', '|V{bytes}'), ").ok(),
    }
}

fn scalar(datatype: &Datatype) -> Option<String> {
    let mark = |order: ByteOrder| match order {
        ByteOrder::LittleEndian => Some('<'),
        ByteOrder::BigEndian => Some('>'),
        ByteOrder::Vax => None,
    };
    let size = datatype.size();
    match &datatype.class {
        _ if conventions::is_bool(datatype) => Some("|b1".into()),
        Class::FixedPoint { signed, .. } if matches!(size, 1 | 2 | 4 | 8) => {
            let letter = if *signed { 'i' } else { 'u' };
            let order = mark(bits::whole_bytes(datatype)?)?;
            let order = if size == 1 { '|' } else { order };
            Some(format!("{order}{letter}{size}"))
        }
        Class::Enum { base, .. } => scalar(base),
        Class::FloatingPoint(f) => datatype.ieee_bits().and(mark(f.order)).map(|order| format!("{order}f{size}")),
        Class::Complex { base } => scalar(base).map(|b| format!("{}c{size}", &b[..1])),
        Class::Compound { members } if conventions::is_complex(datatype) => {
            scalar(&members[0].datatype).map(|b| format!("{}c{size}", &b[..1]))
        }
        Class::String { padding, .. } if *padding != StringPadding::SpacePadded => Some(format!("|S{size}")),
        Class::Opaque { .. } => Some(format!("|V{size}")),
        _ => None,
    }
}

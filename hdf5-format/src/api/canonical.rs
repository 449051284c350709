//! Canonical bytes of values: the same for the same values, however the file stores them.
//!
//! All integers are little-endian. Integers, bit fields, enumerations and times are their significant bits, extended
//! to the type's size; floats and complex numbers are their stored bytes in little-endian order; strings are a `u32`
//! length and the text without padding; opaque values are their bytes; compounds are their members in index order
//! without padding; arrays are their elements in C order; variable-length sequences are a `u32` count and their
//! elements; references are a tag (0 null, 1 object, 2 region, 3 attribute, 255 unresolvable) and what they name.

use super::reference;
use super::value::Reference;
use crate::codec::Address;
use crate::dataspace;
use crate::datatype::bits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype, StringPadding, VlenKind};
use crate::format::selection::Selection;
use crate::graph::FileContext;
use crate::graph::global_heap::HeapReader;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Names for the objects that references point at.
pub trait ObjectNames {
    /// The name of the object whose header is at `address`, or `None` if there is no such object.
    fn name(&self, address: Address) -> Option<Vec<u8>>;

    /// The extent of the dataset whose header is at `address`: regions are resolved on it.
    fn extent(&self, address: Address) -> Option<Vec<u64>>;

    /// The name of an object of another file, or `None` if it can not be told.
    fn external(&self, file: &[u8], address: Address) -> Option<Vec<u8>> {
        let _ = (file, address);
        None
    }
}

/// Points listed one by one in a region; above it only the bounds are.
const REGION_POINTS: u64 = 100_000;

/// Turns stored elements of one datatype into canonical bytes.
pub struct Canonical<'a> {
    ctx: &'a FileContext,
    heap: HeapReader<'a>,
    names: &'a dyn ObjectNames,
    plan: Plan,
    size: usize,
}

/// What to do with one element, worked out once from its datatype.
enum Plan {
    /// The bytes as they are.
    Copy(usize),
    /// The bytes in another order.
    Permute(Vec<usize>),
    /// Significant bits of an integer, extended.
    Bits { datatype: Datatype, size: usize },
    /// A fixed-length string.
    String { size: usize, padding: StringPadding },
    /// Members of a compound: byte offset and plan.
    Compound(Vec<(usize, Plan)>),
    /// Elements of an array: number, bytes of one, plan.
    Array(usize, usize, Box<Plan>),
    /// A variable-length string.
    VlenString,
    /// A variable-length sequence: bytes of one element, plan.
    Sequence(usize, Box<Plan>),
    /// A reference of this datatype.
    Reference { datatype: Datatype, size: usize },
}

impl Plan {
    fn new(datatype: &Datatype) -> Result<Plan> {
        let size = datatype.size();
        Ok(match &datatype.class {
            Class::FixedPoint { .. } | Class::BitField { .. } => Plan::integer(datatype),
            Class::Time { order, .. } => Plan::ordered(*order, size),
            Class::FloatingPoint(f) => Plan::ordered(f.order, size),
            Class::Enum { base, .. } => Plan::new(base)?,
            Class::String { padding, .. } => Plan::String { size, padding: *padding },
            Class::Opaque { .. } => Plan::Copy(size),
            Class::Compound { members } => {
                let parts =
                    members.iter().map(|m| Ok((crate::codec::to_usize(m.offset.into())?, Plan::new(&m.datatype)?)));
                Plan::Compound(parts.collect::<Result<Vec<_>>>()?).simplified(size)
            }
            Class::Reference { .. } => Plan::Reference { datatype: datatype.clone(), size },
            Class::Vlen { kind: VlenKind::String, .. } => Plan::VlenString,
            Class::Vlen { base, .. } => Plan::Sequence(base.size(), Box::new(Plan::new(base)?)),
            Class::Array { base, .. } => {
                let count = size.checked_div(base.size()).unwrap_or(0);
                Plan::Array(count, base.size(), Box::new(Plan::new(base)?)).simplified(size)
            }
            Class::Complex { base, .. } => Plan::Array(2, base.size(), Box::new(Plan::new(base)?)).simplified(size),
        })
    }

    fn ordered(order: ByteOrder, size: usize) -> Plan {
        match order {
            ByteOrder::LittleEndian => Plan::Copy(size),
            ByteOrder::BigEndian => Plan::Permute((0..size).rev().collect()),
            ByteOrder::Vax => Plan::Permute((0..size).rev().map(|i| i ^ 1).collect()),
        }
    }

    fn integer(datatype: &Datatype) -> Plan {
        match bits::whole_bytes(datatype) {
            Some(order) => Plan::ordered(order, datatype.size()),
            None => Plan::Bits { datatype: datatype.clone(), size: datatype.size() },
        }
    }

    /// A plan that only moves bytes becomes one permutation, or a copy if nothing moves.
    fn simplified(self, size: usize) -> Plan {
        const LARGEST: usize = 4096;
        let mut order = Vec::new();
        if size > LARGEST || !self.permutation(0, &mut order) {
            return self;
        }
        if order.len() == size && order.iter().enumerate().all(|(i, &b)| i == b) {
            return Plan::Copy(size);
        }
        Plan::Permute(order)
    }

    fn permutation(&self, at: usize, order: &mut Vec<usize>) -> bool {
        match self {
            Plan::Copy(n) => order.extend(at..at.saturating_add(*n)),
            Plan::Permute(p) => order.extend(p.iter().map(|&i| at.saturating_add(i))),
            Plan::Compound(parts) => {
                return parts.iter().all(|(offset, plan)| plan.permutation(at.saturating_add(*offset), order));
            }
            Plan::Array(count, size, plan) => {
                return (0..*count).all(|i| plan.permutation(at.saturating_add(i.saturating_mul(*size)), order));
            }
            _ => return false,
        }
        true
    }
}

impl<'a> Canonical<'a> {
    /// A converter for elements of `datatype`.
    ///
    /// # Errors
    /// The datatype is larger than memory.
    pub fn new(ctx: &'a FileContext, datatype: &Datatype, names: &'a dyn ObjectNames) -> Result<Self> {
        Ok(Canonical { ctx, heap: HeapReader::new(ctx), names, plan: Plan::new(datatype)?, size: datatype.size() })
    }

    /// Appends the canonical bytes of whole elements.
    ///
    /// # Errors
    /// A heap that an element points into is damaged, or a value is larger than the limits allow.
    pub fn encode(&mut self, elements: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let Canonical { ctx, heap, names, plan, size } = self;
        Encoder { ctx, heap, names: *names }.many(plan, elements, *size, out)
    }
}

struct Encoder<'e, 'a> {
    ctx: &'a FileContext,
    heap: &'e mut HeapReader<'a>,
    names: &'e dyn ObjectNames,
}

fn part(bytes: &[u8], at: usize, len: usize) -> Result<&[u8]> {
    bytes.get(at..).and_then(|b| b.get(..len)).ok_or_else(|| Error::new(ErrorKind::Corrupt, "element too short"))
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&count(bytes.len()));
    out.extend_from_slice(bytes);
}

impl Encoder<'_, '_> {
    /// Whole elements of `size` bytes each.
    fn many(&mut self, plan: &Plan, bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<()> {
        match plan {
            Plan::Copy(n) if *n == size => out.extend_from_slice(bytes),
            Plan::Permute(order) => {
                for element in bytes.chunks_exact(size.max(1)) {
                    out.extend(order.iter().map(|&i| element.get(i).copied().unwrap_or(0)));
                }
            }
            _ => {
                for element in bytes.chunks_exact(size.max(1)) {
                    self.one(plan, element, out)?;
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, plan: &Plan, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match plan {
            Plan::Copy(n) => out.extend_from_slice(part(bytes, 0, *n)?),
            Plan::Permute(order) => out.extend(order.iter().map(|&i| bytes.get(i).copied().unwrap_or(0))),
            Plan::Bits { datatype, size } => bits::extend(datatype, part(bytes, 0, *size)?, out),
            Plan::String { size, padding } => text(padding.trim(part(bytes, 0, *size)?), out),
            Plan::Compound(parts) => {
                for (offset, plan) in parts {
                    self.one(plan, bytes.get(*offset..).unwrap_or(&[]), out)?;
                }
            }
            Plan::Array(n, size, plan) => {
                let elements = part(bytes, 0, n.saturating_mul(*size))?;
                self.many(plan, elements, *size, out)?;
            }
            Plan::VlenString => {
                let value = self.heap.vlen(bytes, 1)?;
                let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
                text(value.get(..end).unwrap_or(&[]), out);
            }
            Plan::Sequence(size, plan) => {
                // The heap's buffer is needed again by nested sequences.
                let value = self.heap.vlen(bytes, *size)?.to_vec();
                out.extend_from_slice(&count(value.len().checked_div(*size).unwrap_or(0)));
                self.many(plan, &value, *size, out)?;
            }
            Plan::Reference { datatype, size } => {
                let stored = part(bytes, 0, *size)?;
                match reference::load(self.ctx, self.heap, datatype, stored) {
                    Ok(reference) => self.reference(&reference, out),
                    Err(_) => out.push(255),
                }
            }
        }
        Ok(())
    }

    fn reference(&mut self, reference: &Reference, out: &mut Vec<u8>) {
        let start = out.len();
        let target = match reference {
            Reference::External { file, target } => self.target(target, Some(file), out),
            other => self.target(other, None, out),
        };
        if target.is_none() {
            out.truncate(start);
            out.push(255);
        }
    }

    /// A reference's tag and what it names, in another file if one is given; `None` if that can not be told.
    fn target(&self, reference: &Reference, file: Option<&Vec<u8>>, out: &mut Vec<u8>) -> Option<()> {
        let name = |address| match file {
            Some(file) => self.names.external(file, address),
            None => self.names.name(address),
        };
        match reference {
            Reference::Null => out.push(0),
            Reference::Object(address) => {
                out.push(1);
                text(&name(*address)?, out);
            }
            Reference::Region { dataset, selection } => {
                out.push(2);
                text(&name(*dataset)?, out);
                let extent = if file.is_some() { None } else { self.names.extent(*dataset) };
                region(selection, &extent?, out).ok()?;
            }
            Reference::Attribute { object, name: attribute } => {
                out.push(3);
                text(&name(*object)?, out);
                text(attribute, out);
            }
            Reference::External { .. } | Reference::Broken(_) => return None,
        }
        Some(())
    }
}

/// A region: kind, rank, number of points, then the points or (for "all" and very many) the bounds.
fn region(selection: &Selection, extent: &[u64], out: &mut Vec<u8>) -> Result<()> {
    let kind: u8 = match selection {
        Selection::None => 0,
        Selection::Points { .. } => 1,
        Selection::Hyperslab(_) | Selection::Blocks { .. } => 2,
        Selection::All => 3,
    };
    let points = dataspace::point_count(selection, extent)?;
    out.push(kind);
    out.extend_from_slice(&count(extent.len()));
    out.extend_from_slice(&points.to_le_bytes());
    if kind == 0 || extent.is_empty() {
        return Ok(());
    }
    if kind == 3 || points > REGION_POINTS {
        let (low, high) = dataspace::bounds(selection, extent)?;
        low.iter().chain(&high).for_each(|c| out.extend_from_slice(&c.to_le_bytes()));
        return Ok(());
    }
    dataspace::for_each_point(selection, extent, |point| {
        point.iter().for_each(|c| out.extend_from_slice(&c.to_le_bytes()));
    })
}

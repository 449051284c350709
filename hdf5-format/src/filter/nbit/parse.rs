//! N-bit client data, checked.

use super::{Atomic, Kind, Member, Node};
use crate::codec::to_usize;
use crate::error::{Error, Result};
use crate::filter::FilterContext;
use alloc::vec::Vec;

/// Deepest nesting of arrays and compounds.
const MAX_DEPTH: usize = 32;

/// The client data, checked.
pub(super) struct Packing {
    /// The chunk: its elements one after the other.
    pub(super) chunk: Node,
}

impl Packing {
    /// `None` if the payload is the chunk itself.
    pub(super) fn parse(context: &FilterContext<'_>) -> Result<Option<Self>> {
        let data = context.client_data;
        let &[count, raw, elements, ref kind @ ..] = data else {
            return Err(context.corrupt(format_args!("client data: expected at least 3 values, found {}", data.len())));
        };
        if to_usize(count.into())? != data.len() {
            return Err(context.corrupt(format_args!(
                "client data: its first value should be their number, {}, found {count}",
                data.len()
            )));
        }
        if raw == 1 {
            return Ok(None);
        }
        let mut words = Words { context, rest: kind };
        let base = words.node(0)?;
        let count = to_usize(elements.into())?;
        let Some(size) = base.size.checked_mul(count).filter(|&size| size <= context.output_limit) else {
            return Err(words.error(format_args!("{elements} elements of {} bytes exceed the chunk", base.size)));
        };
        Ok(Some(Packing { chunk: Node::repeat(base, count, size) }))
    }
}

/// Reads the type out of the client data.
struct Words<'a, 'c> {
    context: &'a FilterContext<'c>,
    rest: &'a [u32],
}

impl Words<'_, '_> {
    fn error(&self, message: impl core::fmt::Display) -> Error {
        let at = self.context.client_data.len().saturating_sub(self.rest.len());
        self.context.corrupt(format_args!("client data before value {at}: {message}"))
    }

    fn next(&mut self) -> Result<u32> {
        let Some((&word, rest)) = self.rest.split_first() else {
            return Err(self.error("ends too early"));
        };
        self.rest = rest;
        Ok(word)
    }

    fn size(&mut self) -> Result<usize> {
        match self.next()? {
            0 => Err(self.error("expected a size, found 0")),
            size => to_usize(size.into()),
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(self.error(format_args!("nested more than {MAX_DEPTH} deep")));
        }
        let class = self.next()?;
        let size = self.size()?;
        match class {
            1 => self.atomic(size),
            2 => self.array(size, depth),
            3 => self.compound(size, depth),
            4 => Ok(Node { size, bits: bits(size), kind: Kind::Copy }),
            other => Err(self.error(format_args!("expected a class of 1 to 4, found {other}"))),
        }
    }

    fn array(&mut self, size: usize, depth: usize) -> Result<Node> {
        let copied = self.rest.first() == Some(&4);
        let base = self.node(depth.saturating_add(1))?;
        if copied {
            // All bytes are, whatever the size of an element.
            return Ok(Node { size, bits: bits(size), kind: Kind::Copy });
        }
        match size.checked_div(base.size) {
            Some(count) if count > 0 => Ok(Node::repeat(base, count, size)),
            _ => Err(self.error(format_args!("an array of {size} bytes has no element"))),
        }
    }

    fn atomic(&mut self, size: usize) -> Result<Node> {
        let big_endian = match self.next()? {
            0 => false,
            1 => true,
            other => return Err(self.error(format_args!("expected byte order 0 or 1, found {other}"))),
        };
        let (precision, offset) = (self.next()?, self.next()?);
        let used = u64::from(precision).saturating_add(offset.into());
        if precision == 0 || used > (size as u64).saturating_mul(8) {
            return Err(self.error(format_args!("{precision} significant bits above {offset} do not fit {size} bytes")));
        }
        let kind = Kind::Atomic(Atomic { big_endian, precision, offset });
        Ok(Node { size, bits: precision.into(), kind })
    }

    fn compound(&mut self, size: usize, depth: usize) -> Result<Node> {
        let count = to_usize(self.next()?.into())?;
        // A member takes at least three values.
        if count == 0 || count > self.rest.len() / 3 {
            return Err(self.error(format_args!("a compound of {count} members in {} values", self.rest.len())));
        }
        let mut members = Vec::with_capacity(count);
        let mut bits = 0u64;
        for _ in 0..count {
            let offset = to_usize(self.next()?.into())?;
            let node = self.node(depth.saturating_add(1))?;
            if offset.checked_add(node.size).is_none_or(|end| end > size) {
                return Err(self.error(format_args!("a member at {offset} sticks out of {size} bytes")));
            }
            let bit_offset = bits;
            bits = bits.saturating_add(node.bits);
            members.push(Member { offset, bit_offset, node });
        }
        Ok(Node { size, bits, kind: Kind::Compound(members) })
    }
}

fn bits(bytes: usize) -> u64 {
    (bytes as u64).saturating_mul(8)
}

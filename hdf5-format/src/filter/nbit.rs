//! N-bit: only the significant bits of each element.
//!
//! | | |
//! |---|---|
//! | id | 5 |
//! | name | `nbit` |
//! | client data | `[0]` number of values, `[1]` 1 if all bits are significant, `[2]` elements, `[3..]` the type: see below |
//! | payload | the significant bits of all elements, most significant first, without gaps; the last byte filled with 0 |
//! | reference | File Format Specification, "N-bit Filter"; HDF5 Reference Manual, H5Pset_nbit |
//! | done by | this file |
//!
//! ```text
//! atomic    1, bytes, order (0 little-endian, 1 big-endian), significant bits, bits below them
//! array     2, bytes, type of the elements
//! compound  3, bytes, members, then for each: byte offset, type
//! other     4, bytes: every bit is significant
//! ```
//! With `[1]` = 1 the payload is the chunk itself, and the type may be missing. Bits that are not significant come back
//! as zero.
//!
//! libhdf5 (2.0, and before) loses data of compounds in which members follow an array of arrays or compounds. Such
//! chunks are declined here: an optional filter then leaves them as they are.

mod describe;
mod kernel;
mod parse;

pub use describe::NBitType;

use self::kernel::Run;
use self::parse::Packing;
use super::bits::BitWriter;
use super::{Filter, FilterContext};
use crate::codec::to_usize;
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What became of chunks of a type that libhdf5 miscounts.
const LOSSY: &str = "libhdf5 loses data of this type: a compound with members after an array of arrays or compounds";

/// Filter 5.
#[derive(Clone, Copy, Debug, Default)]
pub struct NBit;

impl Filter for NBit {
    fn id(&self) -> u16 {
        5
    }

    fn name(&self) -> &str {
        "nbit"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let Some(Packing { chunk }) = Packing::parse(context)? else { return Ok(input) };
        let (need, have) = (chunk.bits, (input.len() as u64).saturating_mul(8));
        // A writer may add a byte. A length further off is what libhdf5 made of a type that it miscounts.
        let lost = chunk.is_miscounted();
        if need > have || lost && have.saturating_sub(need) > 16 {
            let error = context.corrupt(format_args!("expected {need} bits, found {have}"));
            return Err(if lost { error.with_hint(LOSSY) } else { error });
        }
        let mut out = if chunk.has_gaps() { context.zeroed(chunk.size)? } else { context.buffer(chunk.size)? };
        chunk.unpack(&input, &mut out, Run::one(chunk.size, chunk.bits));
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let Some(Packing { chunk }) = Packing::parse(context)? else { return Ok(Some(input.to_vec())) };
        if chunk.is_miscounted() {
            return Ok(None);
        }
        if chunk.size != input.len() {
            return Err(context.invalid(format_args!(
                "expected a chunk of {} bytes, found {}",
                chunk.size,
                input.len()
            )));
        }
        let mut out = context.buffer(to_usize(chunk.bits.div_ceil(8))?)?;
        out.clear();
        let mut writer = BitWriter::new(out);
        chunk.pack(input, &mut writer);
        Ok(Some(writer.finish()))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        // Writers may add a byte after the last bit.
        plain.saturating_add(8)
    }
}

/// A type, ready for packing: every leaf has at least one bit and lies inside its parent.
struct Node {
    /// Bytes of an element.
    size: usize,
    /// Bits of an element in the payload.
    bits: u64,
    kind: Kind,
}

enum Kind {
    Atomic(Atomic),
    /// `count` elements one after the other.
    Repeat {
        base: Box<Node>,
        count: usize,
    },
    Compound(Vec<Member>),
    /// All bytes in turn.
    Copy,
}

struct Member {
    /// First byte within the compound.
    offset: usize,
    /// First bit within the packed compound.
    bit_offset: u64,
    node: Node,
}

#[derive(Clone, Copy)]
struct Atomic {
    big_endian: bool,
    precision: u32,
    offset: u32,
}

impl Node {
    /// `count` elements in `size` bytes.
    fn repeat(base: Node, count: usize, size: usize) -> Node {
        let bits = base.bits.saturating_mul(count as u64);
        Node { size, bits, kind: Kind::Repeat { base: Box::new(base), count } }
    }

    /// True if libhdf5 (up to 2.0 at least), after an element of this type, takes the parameters of what follows from
    /// the wrong place: it goes back to those of the elements of an array of arrays or compounds.
    fn ends_astray(&self) -> bool {
        match &self.kind {
            Kind::Repeat { base, .. } => !matches!(base.kind, Kind::Atomic(_)),
            Kind::Compound(members) => members.last().is_some_and(|member| member.node.ends_astray()),
            Kind::Atomic(_) | Kind::Copy => false,
        }
    }

    /// True if libhdf5 does not read back what it packs of this type.
    fn is_miscounted(&self) -> bool {
        match &self.kind {
            Kind::Atomic(_) | Kind::Copy => false,
            Kind::Repeat { base, .. } => base.is_miscounted(),
            Kind::Compound(members) => {
                members.iter().rev().skip(1).any(|member| member.node.ends_astray())
                    || members.iter().any(|member| member.node.is_miscounted())
            }
        }
    }

    /// True if unpacking may leave bytes of the output alone.
    fn has_gaps(&self) -> bool {
        match &self.kind {
            Kind::Atomic(_) | Kind::Copy => false,
            Kind::Compound(_) => true,
            Kind::Repeat { base, count } => base.size.checked_mul(*count) != Some(self.size) || base.has_gaps(),
        }
    }
}

#[cfg(test)]
mod tests;

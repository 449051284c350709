//! N-bit client data from a datatype.

use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What N-bit knows of a datatype.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NBitType {
    /// An integer or float with bits that are not significant.
    Atomic {
        /// Bytes.
        size: u32,
        /// True for big-endian.
        big_endian: bool,
        /// Significant bits.
        precision: u32,
        /// Bits below the significant ones.
        offset: u32,
    },
    /// Elements one after the other.
    Array {
        /// Bytes of all elements.
        size: u32,
        /// Type of an element.
        base: Box<NBitType>,
    },
    /// Members at byte offsets; the bytes between them are not stored.
    Compound {
        /// Bytes.
        size: u32,
        /// Byte offset and type of each member, in order of storing.
        members: Vec<(u32, NBitType)>,
    },
    /// Anything else, stored whole.
    Other {
        /// Bytes.
        size: u32,
    },
}

impl NBitType {
    /// What N-bit keeps of this datatype.
    ///
    /// # Errors
    /// Unsupported for VAX byte order, which the client data cannot say.
    pub fn of(datatype: &Datatype) -> Result<Self> {
        let size = datatype.size;
        match &datatype.class {
            Class::FixedPoint { order, bit_offset, precision, .. } => atomic(size, *order, *precision, *bit_offset),
            Class::FloatingPoint(float) => atomic(size, float.order, float.precision, float.bit_offset),
            Class::Array { base, .. } => Ok(NBitType::Array { size, base: Box::new(NBitType::of(base)?) }),
            Class::Compound { members } => {
                let members = members.iter().map(|m| Ok((m.offset, NBitType::of(&m.datatype)?)));
                Ok(NBitType::Compound { size, members: members.collect::<Result<_>>()? })
            }
            _ => Ok(NBitType::Other { size }),
        }
    }

    /// Bytes of an element.
    pub fn size(&self) -> u32 {
        match self {
            NBitType::Atomic { size, .. }
            | NBitType::Array { size, .. }
            | NBitType::Compound { size, .. }
            | NBitType::Other { size } => *size,
        }
    }

    /// Client data of a dataset of this type with `elements` elements in a chunk.
    pub fn client_data(&self, elements: u32) -> Vec<u32> {
        let mut out = alloc::vec![0, u32::from(self.is_full()), elements];
        if !matches!(self, NBitType::Other { .. }) {
            self.append(&mut out);
        }
        let count = u32::try_from(out.len()).unwrap_or(u32::MAX);
        if let Some(first) = out.first_mut() {
            *first = count;
        }
        out
    }

    fn append(&self, out: &mut Vec<u32>) {
        match self {
            NBitType::Atomic { size, big_endian, precision, offset } => {
                out.extend([1, *size, u32::from(*big_endian), *precision, *offset]);
            }
            NBitType::Array { size, base } => {
                out.extend([2, *size]);
                base.append(out);
            }
            NBitType::Compound { size, members } => {
                out.extend([3, *size, u32::try_from(members.len()).unwrap_or(u32::MAX)]);
                for (offset, member) in members {
                    out.push(*offset);
                    member.append(out);
                }
            }
            NBitType::Other { size } => out.extend([4, *size]),
        }
    }

    /// True if there is nothing to leave out.
    fn is_full(&self) -> bool {
        match self {
            NBitType::Atomic { size, precision, offset, .. } => {
                *offset == 0 && u64::from(*precision) == u64::from(*size).saturating_mul(8)
            }
            NBitType::Array { base, .. } => base.is_full(),
            NBitType::Compound { members, .. } => members.iter().all(|(_, member)| member.is_full()),
            NBitType::Other { .. } => true,
        }
    }
}

fn atomic(size: u32, order: ByteOrder, precision: u16, offset: u16) -> Result<NBitType> {
    let big_endian = match order {
        ByteOrder::LittleEndian => false,
        ByteOrder::BigEndian => true,
        ByteOrder::Vax => return Err(Error::new(ErrorKind::Unsupported, "filter 5 (nbit): VAX byte order")),
    };
    Ok(NBitType::Atomic { size, big_endian, precision: precision.into(), offset: offset.into() })
}

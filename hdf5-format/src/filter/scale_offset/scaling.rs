//! Scale-offset client data.

use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::FilterContext;
use crate::filter::bits::mask;
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
use alloc::format;
use alloc::vec::Vec;

/// Values of the client data.
const VALUES: usize = 20;

/// What scale-offset knows of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// How elements become codes.
    pub scale: Scale,
    /// Elements of a chunk.
    pub elements: u32,
    /// Bytes of an element: 1, 2, 4 or 8; 4 or 8 for floats.
    pub size: u32,
    /// True for signed integers.
    pub signed: bool,
    /// True for big-endian elements.
    pub big_endian: bool,
    /// The bits of the fill value, if one is defined.
    pub fill: Option<u64>,
}

/// How elements become codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Floats, rounded to this many digits after the decimal point; negative for digits before it.
    Decimal(i32),
    /// Integers, with at least this many bits of a code.
    Integer(u32),
}

impl Scaling {
    /// The scaling of a dataset of this type with `elements` elements in a chunk: decimal digits for floats, bits of a
    /// code (0: as many as needed) for integers. `fill` is a stored element.
    ///
    /// # Errors
    /// Invalid for any other type, and where scale and type do not go together.
    pub fn of(datatype: &Datatype, scale: Scale, elements: u32, fill: Option<&[u8]>) -> Result<Self> {
        let (order, signed, sizes): (_, _, &[u32]) = match (&datatype.class, scale) {
            (Class::FixedPoint { order, signed, .. }, Scale::Integer(_)) => (*order, *signed, &[1, 2, 4, 8]),
            (Class::FloatingPoint(float), Scale::Decimal(_)) => (float.order, false, &[4, 8]),
            _ => return Err(unsuitable("decimal digits are for floats, bits for integers, and others have no scale")),
        };
        if order == ByteOrder::Vax || !sizes.contains(&datatype.size) {
            return Err(unsuitable(&format!("{order:?} numbers of {} bytes", datatype.size)));
        }
        let big_endian = order == ByteOrder::BigEndian;
        let mut scaling = Scaling { scale, elements, size: datatype.size, signed, big_endian, fill: None };
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        scaling.fill =
            fill.map(|fill| if big_endian { fill.iter().fold(0, add) } else { fill.iter().rev().fold(0, add) });
        Ok(scaling)
    }

    /// The client data of such a dataset.
    pub fn client_data(&self) -> Vec<u32> {
        let (kind, factor, class) = match self.scale {
            Scale::Decimal(digits) => (0, digits.cast_unsigned(), 1),
            Scale::Integer(bits) => (2, bits, 0),
        };
        let mut out = alloc::vec![kind, factor, self.elements, class, self.size];
        out.extend([u32::from(self.signed), u32::from(self.big_endian), u32::from(self.fill.is_some())]);
        let [a, b, c, d, e, f, g, h] = self.fill.unwrap_or(0).to_le_bytes();
        out.extend([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]);
        out.resize(VALUES, 0);
        out
    }

    pub(super) fn parse(context: &FilterContext<'_>) -> Result<Self> {
        let error = |what: &str, found: u32| Err(context.corrupt(format_args!("client data: {what}, found {found}")));
        let &[kind, factor, elements, class, size, sign, order, has_fill, ref fill @ ..] = context.client_data else {
            let found = context.client_data.len();
            return Err(context.corrupt(format_args!("client data: expected {VALUES} values, found {found}")));
        };
        let scale = match (kind, class) {
            (0, 1) => Scale::Decimal(factor.cast_signed()),
            (2, 0) => Scale::Integer(factor),
            (1, 1) => return Err(context.unsupported("scaling by binary exponent, which no writer implements")),
            (0..=2, _) => return error("expected class 0 for integers and 1 for floats", class),
            _ => return error("expected scale type 0 or 2", kind),
        };
        match (scale, size) {
            (Scale::Integer(_), 1 | 2 | 4 | 8) | (Scale::Decimal(_), 4 | 8) => {}
            (Scale::Integer(_), _) => return error("expected integers of 1, 2, 4 or 8 bytes", size),
            (Scale::Decimal(_), _) => return error("expected floats of 4 or 8 bytes", size),
        }
        if let Scale::Integer(bits) = scale
            && bits > size.saturating_mul(8)
        {
            return error("expected no more bits of a code than an element has", bits);
        }
        // libhdf5 leaves the sign of floats unset: it can be anything.
        let sign = if let Scale::Integer(_) = scale { sign } else { 1 };
        if sign > 1 || order > 1 || has_fill > 1 {
            return error("expected 0 or 1 for sign, order and fill value", sign.max(order).max(has_fill));
        }
        let word = |index: usize| fill.get(index).copied().unwrap_or(0);
        let fill = u64::from(word(0)) | u64::from(word(1)) << 32;
        let fill = (has_fill == 1).then_some(fill & mask(size.saturating_mul(8)));
        Ok(Scaling { scale, elements, size, signed: sign == 1, big_endian: order == 1, fill })
    }

    /// True if the payload is the chunk itself.
    pub(super) fn is_raw(&self) -> bool {
        self.scale == Scale::Integer(self.width())
    }

    /// Bits of an element.
    pub(super) fn width(&self) -> u32 {
        self.size.saturating_mul(8)
    }

    pub(super) fn chunk_bytes(&self, context: &FilterContext<'_>) -> Result<usize> {
        let bytes = u64::from(self.elements).saturating_mul(self.size.into());
        to_usize(bytes).ok().filter(|&len| len <= context.output_limit).ok_or_else(|| {
            context.corrupt(format_args!(
                "client data: {} elements of {} bytes, expected at most {} bytes",
                self.elements, self.size, context.output_limit
            ))
        })
    }
}

fn unsuitable(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("filter 6 (scaleoffset) does not suit this type: {why}"))
}

//! The zfp stream header that H5Z-ZFP keeps in the client data: which array, and how it is compressed.

use super::Mode;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::FilterContext;
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
use alloc::format;
use alloc::vec::Vec;
use zfp_rs::{
    ZFP_HEADER_MAX_BITS, ZFP_MIN_EXP, ZfpBitStream, ZfpBitStreamRef, ZfpConfig, ZfpDimensionality, ZfpFieldMetadata,
    ZfpHeaderError, ZfpHeaderMask, ZfpScalarType, ZfpStreamAlignment,
};

/// What H5Z-ZFP 1.1.1 with zfp 1.0.1 and its codec 5 writes.
const VERSION: u32 = (0x1010 << 16) | (5 << 12) | 0x111;
/// `zfp` and the codec's version.
const MAGIC: [u8; 4] = [b'z', b'f', b'p', 5];
/// Values along each side of a block.
const SIDE: usize = 4;

/// What the client data says of each chunk.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) scalar: ZfpScalarType,
    /// Fastest dimension first; those that the array does not have are 0.
    pub(super) dims: [usize; 4],
    pub(super) config: ZfpConfig,
    /// True if the chunks hold big-endian values.
    pub(super) big_endian: bool,
    /// Bytes of a chunk.
    pub(super) bytes: usize,
    /// Blocks of a chunk, each of at least one bit.
    pub(super) blocks: usize,
}

impl Header {
    pub(super) fn parse(context: &FilterContext<'_>) -> Result<Self> {
        let Some((_, words)) = context.client_data.split_first().filter(|(_, words)| !words.is_empty()) else {
            let found = context.client_data.len();
            return Err(context.corrupt(format_args!("client data: expected 4 to 6 values, found {found}")));
        };
        let big_endian = words.first().is_some_and(|word| word.to_be_bytes() == MAGIC);
        let mut stream = Vec::with_capacity(3);
        for pair in words.chunks(2).take(to_usize(u64::from(ZFP_HEADER_MAX_BITS.div_ceil(64)))?) {
            let part = |word: Option<&u32>| u64::from(word.map_or(0, |w| if big_endian { w.swap_bytes() } else { *w }));
            stream.push(part(pair.first()) | part(pair.get(1)) << 32);
        }
        let header = ZfpBitStreamRef::from_words(&stream).read_header(ZfpHeaderMask::FULL);
        let header = header.map_err(|error| refusal(context, words, error))?;
        let (Some(ZfpFieldMetadata { scalar_type: scalar, dims }), Some(config)) = (header.metadata, header.config)
        else {
            return Err(context.corrupt("client data: no zfp header"));
        };
        if header.bits_read > words.len().saturating_mul(32) {
            let (found, bits) = (words.len().saturating_mul(32), header.bits_read);
            return Err(context.corrupt(format_args!("client data: a zfp header of {bits} bits in {found}")));
        }
        let (bytes, blocks) = size(scalar, dims)
            .ok_or_else(|| context.corrupt(format_args!("client data: a chunk of {dims:?} values is too large")))?;
        let header = Header { scalar, dims, config, big_endian, bytes, blocks };
        let (most, least) = (config.max_bits(), header.block_header_bits());
        if most < least {
            // The reference implementation overruns its buffers in this case.
            return Err(context.unsupported(format_args!("blocks of at most {most} bits, expected at least {least}")));
        }
        Ok(header)
    }

    /// Most bits that come before the coefficients of a block.
    fn block_header_bits(&self) -> u32 {
        match (self.config.min_exp() < ZFP_MIN_EXP, self.scalar) {
            (false, ZfpScalarType::I32 | ZfpScalarType::I64) => 1,
            (false, ZfpScalarType::F32) => 9,
            (false, ZfpScalarType::F64) => 12,
            (true, ZfpScalarType::I32) => 5,
            (true, ZfpScalarType::I64) => 6,
            (true, ZfpScalarType::F32) => 15,
            (true, ZfpScalarType::F64) => 19,
        }
    }

    /// Most bytes of a stored chunk.
    pub(super) fn stored_limit(&self) -> Option<usize> {
        self.config.maximum_size(self.scalar, self.dims)
    }
}

/// True for a dataset that the plugin left alone: nothing, or parameters that begin with the number of a mode.
pub(super) fn is_unset(client_data: &[u32]) -> bool {
    client_data.first().is_none_or(|&first| first <= 5)
}

/// Says which part of the header is wrong.
fn refusal(context: &FilterContext<'_>, words: &[u32], error: ZfpHeaderError) -> Error {
    let magic = words.first().copied().unwrap_or(0);
    match (error, magic.to_le_bytes(), magic.to_be_bytes()) {
        (ZfpHeaderError::InvalidMagic, [b'z', b'f', b'p', codec], _) => {
            context.unsupported(format_args!("zfp codec version 5 is known, found {codec}"))
        }
        (ZfpHeaderError::InvalidMagic, _, [b'z', b'f', b'p', codec]) => {
            context.unsupported(format_args!("zfp codec version 5 is known, found {codec}"))
        }
        (ZfpHeaderError::InvalidMagic, found, _) => {
            context.corrupt(format_args!("client data: expected a zfp header, {MAGIC:x?}, found {found:x?}"))
        }
        (error, ..) => context.corrupt(format_args!("client data: {error}")),
    }
}

/// Bytes and blocks of an array; `None` where they overflow.
fn size(scalar: ZfpScalarType, dims: [usize; 4]) -> Option<(usize, usize)> {
    let mut used = dims.iter().copied().filter(|&n| n > 0);
    used.try_fold((scalar.size(), 1usize), |(bytes, blocks), n| {
        Some((bytes.checked_mul(n)?, blocks.checked_mul(n.div_ceil(SIDE))?))
    })
}

/// The client data that H5Z-ZFP writes for a dataset of this type and chunk shape, slowest dimension first.
///
/// Big-endian datasets get what the plugin writes on a big-endian machine, as a plugin on any machine reads it; one on
/// a little-endian machine would compress their bytes as if they were little-endian values.
///
/// # Errors
/// Invalid for other types than integers and floats of 4 or 8 bytes, for chunks without or with more than four
/// dimensions above 1 or too long ones, and for parameters out of range.
pub fn client_data(mode: Mode, datatype: &Datatype, chunk_dims: &[u64]) -> Result<Vec<u32>> {
    let (scalar, order) = match (&datatype.class, datatype.size) {
        (Class::FixedPoint { order, .. }, 4) => (ZfpScalarType::I32, *order),
        (Class::FixedPoint { order, .. }, 8) => (ZfpScalarType::I64, *order),
        (Class::FloatingPoint(float), 4) => (ZfpScalarType::F32, float.order),
        (Class::FloatingPoint(float), 8) => (ZfpScalarType::F64, float.order),
        (_, size) => {
            return Err(invalid(format_args!("expected integers or floats of 4 or 8 bytes, found others of {size}")));
        }
    };
    if order == ByteOrder::Vax {
        return Err(invalid("VAX floats"));
    }
    let mut used = chunk_dims.iter().filter(|&&n| n > 1);
    let mut dims = [0; 4];
    let dimensions = match used.clone().count() {
        1 => ZfpDimensionality::D1,
        2 => ZfpDimensionality::D2,
        3 => ZfpDimensionality::D3,
        4 => ZfpDimensionality::D4,
        n => return Err(invalid(format_args!("expected 1 to 4 chunk dimensions above 1, found {n}"))),
    };
    for (to, &n) in dims.iter_mut().zip(used.by_ref().rev()) {
        *to = to_usize(n)?;
    }
    let config = configure(mode, scalar, dimensions)?;
    let mut stream = ZfpBitStream::new(32).map_err(invalid)?;
    let bits = stream
        .write_header(&config, &ZfpFieldMetadata { scalar_type: scalar, dims }, ZfpHeaderMask::FULL)
        .map_err(invalid)?;
    stream.flush();
    let words = stream.as_words().iter().flat_map(|word| {
        let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
        [[a, b, c, d], [e, f, g, h]]
    });
    let read = if order == ByteOrder::BigEndian { u32::from_be_bytes } else { u32::from_le_bytes };
    let mut out = alloc::vec![VERSION];
    out.extend(words.take(bits.div_ceil(32)).map(read));
    Ok(out)
}

fn configure(mode: Mode, scalar: ZfpScalarType, dimensions: ZfpDimensionality) -> Result<ZfpConfig> {
    match mode {
        Mode::Reversible => Ok(ZfpConfig::reversible()),
        Mode::Rate(rate) => {
            ZfpConfig::fixed_rate(rate, scalar, dimensions, ZfpStreamAlignment::Unaligned).map_err(invalid)
        }
        Mode::Precision(bits) => Ok(ZfpConfig::fixed_precision(bits)),
        Mode::Accuracy(tolerance) => Ok(ZfpConfig::fixed_accuracy(tolerance)),
        Mode::Expert { min_bits, max_bits, max_prec, min_exp } => {
            ZfpConfig::expert(min_bits, max_bits, max_prec, min_exp).map_err(invalid)
        }
    }
}

fn invalid(message: impl core::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, format!("filter 32013 (zfp): {message}"))
}

//! Zstandard: frames of RFC 8878.
//!
//! | | |
//! |---|---|
//! | id | 32015 |
//! | name | `zstd` |
//! | client data | `[0]` level, signed; absent or 0: 3 |
//! | payload | one frame that states its content size |
//! | reference | RFC 8878; `RegisteredFilterPlugins.md` of hdf5_plugins |
//! | done by | crate `zrip`, which forbids `unsafe` (its `fearless_simd` has some) |
//! | feature | `zstd` |
//!
//! The encoder has four levels above 0: level 3, which is the one that data has without a choice, is its second, as
//! fast as the reference implementation's, and higher ones its third and fourth. Any reader reads any level.

use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;
#[cfg(feature = "std")]
use zrip::CompressContext;
use zrip::{CompressError, DecompressContext, DecompressError};

/// Filter 32015.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zstd;

/// Level of no client data or 0, as in the reference implementation.
pub const DEFAULT_LEVEL: i32 = 3;
/// The encoder's fastest level.
const FASTEST: i32 = -7;

impl Filter for Zstd {
    fn id(&self) -> u16 {
        32015
    }

    fn name(&self) -> &str {
        "zstd"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let mut decoder = context.state::<Decoder>();
        let mut out = context.buffer(context.output_limit)?;
        decoder.decode(&input, &mut out, context.output_limit).map_err(|error| match error {
            DecompressError::OutputTooSmall => {
                context.corrupt(format_args!("decodes to more than {} bytes", context.output_limit))
            }
            DecompressError::DictRequired => context.unsupported("the frame needs a dictionary, which HDF5 has not"),
            error => context.corrupt(format_args!("not a whole Zstandard frame: {error}")),
        })?;
        context.keep(decoder);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let level = context.client_data.first().map_or(DEFAULT_LEVEL, |level| level.cast_signed());
        let mut encoder = context.state::<Encoder>();
        let out = encoder.compress(input, level).map_err(|error| context.invalid(error))?;
        context.keep(encoder);
        Ok(Some(out))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        // A block header of 3 bytes each 128 KiB, a frame header of at most 18 and a checksum; writers that flush
        // often add more.
        plain.saturating_add(plain / 64).saturating_add(1 << 10)
    }
}

/// Client data of a dataset compressed at `level`.
pub fn client_data(level: i32) -> Vec<u32> {
    alloc::vec![level.cast_unsigned()]
}

/// Tables and workspaces that many frames share.
#[derive(Default)]
pub(super) struct Decoder(DecompressContext);

impl Decoder {
    /// A decoder of frames that need this dictionary.
    #[cfg_attr(not(feature = "blosc2"), allow(dead_code, reason = "for the filters that pack frames"))]
    pub(super) fn with_dictionary(dictionary: &[u8]) -> Result<Self, DecompressError> {
        zrip::Dictionary::from_bytes(dictionary).map(|dictionary| Decoder(DecompressContext::with_dict(dictionary)))
    }

    /// Decodes frames into `out`, emptied before, up to `limit` bytes.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, DecompressError> {
        out.clear();
        self.0.decompress_into_with_limit(input, out, limit)
    }

    /// Decodes frames that fill `out`; the number of bytes.
    #[cfg_attr(not(feature = "bitshuffle"), allow(dead_code, reason = "for the filters that pack frames"))]
    pub(super) fn decode_into(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, DecompressError> {
        let decoded = self.0.decompress_with_limit(input, out.len())?;
        let part = out.get_mut(..decoded.len()).ok_or(DecompressError::OutputTooSmall)?;
        part.copy_from_slice(&decoded);
        Ok(part.len())
    }
}

/// An encoder; with `std` it is kept with the level that it was made for.
#[derive(Default)]
pub(super) struct Encoder {
    #[cfg(feature = "std")]
    kept: Option<(i32, CompressContext)>,
}

impl Encoder {
    /// One frame.
    pub(super) fn compress(&mut self, input: &[u8], level: i32) -> Result<Vec<u8>, CompressError> {
        #[cfg(feature = "std")]
        return self.kept_at(known_level(level))?.compress(input).map(Cow::into_owned);
        #[cfg(not(feature = "std"))]
        return zrip::compress(input, known_level(level));
    }

    /// One frame into `out`; `None` where it does not fit.
    #[cfg_attr(not(feature = "blosc"), allow(dead_code, reason = "for the filters that pack frames"))]
    pub(super) fn compress_into(&mut self, input: &[u8], level: i32, out: &mut [u8]) -> Option<usize> {
        #[cfg(feature = "std")]
        return self.kept_at(known_level(level)).ok()?.compress_into(input, out).ok();
        #[cfg(not(feature = "std"))]
        return zrip::compress_into(input, out, known_level(level)).ok();
    }

    #[cfg(feature = "std")]
    fn kept_at(&mut self, level: i32) -> Result<&mut CompressContext, CompressError> {
        if self.kept.as_ref().is_some_and(|(kept, _)| *kept != level) {
            self.kept = None;
        }
        match &mut self.kept {
            Some((_, encoder)) => Ok(encoder),
            none => Ok(&mut none.insert((level, CompressContext::new(level)?)).1),
        }
    }
}

/// The level of the encoder for one of the reference implementation.
fn known_level(level: i32) -> i32 {
    match level {
        0 => known_level(DEFAULT_LEVEL),
        ..=2 => level.max(FASTEST),
        3 => 2,
        4 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    #[test]
    fn restores_what_it_compresses() {
        let ramp: Vec<u8> = (0..70_000u32).flat_map(|i| (i / 5).to_le_bytes()).collect();
        for input in [&b""[..], b"a", &[0; 1 << 18], &noise(1 << 18, 3), &ramp] {
            for level in [-9, -7, -1, 0, 1, 3, 4, 19, 22] {
                let stored = encode(&Zstd, input, &client_data(level)).unwrap().unwrap();
                assert!(stored.len() <= Zstd.encoded_limit(input.len(), &[]));
                assert_eq!(decode(&Zstd, &stored, &[], input.len()).unwrap(), input);
            }
        }
    }

    #[test]
    fn bounds_the_output() {
        let stored = encode(&Zstd, &[7; 1 << 20], &[]).unwrap().unwrap();
        assert!(stored.len() < 200);
        let error = |stored: &[u8], limit| decode(&Zstd, stored, &[], limit).unwrap_err().to_string();
        assert_eq!(error(&stored, 1000), "filter 32015 (zstd): decodes to more than 1000 bytes");
        let cut = error(&stored[..stored.len() - 3], 1 << 20);
        assert!(cut.starts_with("filter 32015 (zstd): not a whole Zstandard frame: "), "{cut}");
        assert!(error(b"no frame", 10).contains("not a whole Zstandard frame"));
    }
}

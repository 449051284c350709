//! The backend without `std`: `miniz_oxide`.

use super::Inflated;
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// A decoder for many streams, one after the other.
#[derive(Default)]
pub(in crate::filter) struct Inflater(Box<DecompressorOxide>);

impl Inflater {
    pub(in crate::filter) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated {
        let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
            | inflate_flags::TINFL_FLAG_COMPUTE_ADLER32
            | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        self.0.init();
        let (status, _, len) = decompress(&mut self.0, input, out, 0, flags);
        match status {
            TINFLStatus::Done => Inflated::Whole(len),
            TINFLStatus::HasMoreOutput => Inflated::TooLong,
            TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => Inflated::Truncated,
            TINFLStatus::Adler32Mismatch => Inflated::Bad("a wrong checksum"),
            _ => Inflated::Bad("damaged bytes"),
        }
    }
}

/// An encoder.
#[derive(Default)]
pub(in crate::filter) struct Deflater;

impl Deflater {
    /// A stream; `None` where the level does not exist.
    pub(in crate::filter) fn deflate(&mut self, input: &[u8], level: u32) -> Option<Vec<u8>> {
        Some(compress_to_vec_zlib(input, u8::try_from(level).ok()?))
    }

    /// A stream into `out`; `None` where it does not fit.
    #[cfg_attr(not(feature = "blosc"), allow(dead_code, reason = "for the filters that pack streams"))]
    pub(in crate::filter) fn deflate_into(&mut self, input: &[u8], level: u32, out: &mut [u8]) -> Option<usize> {
        let stream = self.deflate(input, level)?;
        out.get_mut(..stream.len())?.copy_from_slice(&stream);
        Some(stream.len())
    }
}

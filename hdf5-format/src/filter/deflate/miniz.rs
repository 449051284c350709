//! The backend without `std`: `miniz_oxide`.

use super::Inflated;
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

pub(super) fn inflate(input: &[u8], out: &mut [u8]) -> Inflated {
    let mut stream = Box::<DecompressorOxide>::default();
    let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
        | inflate_flags::TINFL_FLAG_COMPUTE_ADLER32
        | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, len) = decompress(&mut stream, input, out, 0, flags);
    match status {
        TINFLStatus::Done => Inflated::Whole(len),
        TINFLStatus::HasMoreOutput => Inflated::TooLong,
        TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => Inflated::Truncated,
        TINFLStatus::Adler32Mismatch => Inflated::Bad("a wrong checksum"),
        _ => Inflated::Bad("damaged bytes"),
    }
}

pub(super) fn deflate(input: &[u8], level: u32) -> Option<Vec<u8>> {
    Some(compress_to_vec_zlib(input, u8::try_from(level).ok()?))
}

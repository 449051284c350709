//! The codecs of streams, with what they keep from stream to stream.

use super::Codec;
use super::{blosclz, snappy};
use crate::error::Result;
use crate::filter::FilterContext;
#[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
use crate::filter::deflate::{Deflater, Inflated, Inflater};
use crate::filter::lz4::block as lz4;
#[cfg(feature = "zstd")]
use crate::filter::zstd;
use core::fmt::Display;

/// Tables and workspaces that many streams share.
#[derive(Default)]
pub(in crate::filter) struct Codecs {
    #[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
    inflater: Option<Inflater>,
    #[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
    deflater: Deflater,
    #[cfg(feature = "zstd")]
    decoder: Option<zstd::Decoder>,
    /// For the chunk at hand, if it has a dictionary.
    #[cfg(feature = "zstd")]
    with_dictionary: Option<zstd::Decoder>,
    #[cfg(feature = "zstd")]
    encoder: zstd::Encoder,
}

impl Codec {
    /// The codec of this number in a chunk's header. LZ4 and its slow variant write the same format.
    pub(in crate::filter) fn of_format(number: u8) -> Option<Self> {
        [Codec::BloscLz, Codec::Lz4, Codec::Snappy, Codec::Zlib, Codec::Zstd].get(usize::from(number)).copied()
    }

    /// Its number in a chunk's header.
    pub(in crate::filter) fn format(self) -> u8 {
        match self {
            Codec::BloscLz => 0,
            Codec::Lz4 | Codec::Lz4Hc => 1,
            Codec::Snappy => 2,
            Codec::Zlib => 3,
            Codec::Zstd => 4,
        }
    }

    /// Fails where this build lacks the codec.
    pub(in crate::filter) fn available(self, context: &FilterContext<'_>) -> Result<()> {
        let missing = match self {
            Codec::Zlib if cfg!(not(any(feature = "deflate", feature = "deflate-alloc"))) => "deflate",
            Codec::Zstd if cfg!(not(feature = "zstd")) => "zstd",
            _ => return Ok(()),
        };
        let hint = alloc::format!("build with the cargo feature `{missing}`");
        Err(context.unsupported(format_args!("streams of {self:?} are not in this build")).with_hint(hint))
    }
}

impl Codecs {
    /// Sets or drops the dictionary of Zstandard.
    #[cfg_attr(not(feature = "blosc2"), allow(dead_code, reason = "only Blosc 2 has dictionaries"))]
    pub(in crate::filter) fn use_dictionary(
        &mut self,
        dictionary: Option<&[u8]>,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        #[cfg(feature = "zstd")]
        {
            self.with_dictionary = match dictionary.map(zstd::Decoder::with_dictionary) {
                None => None,
                Some(Ok(decoder)) => Some(decoder),
                Some(Err(error)) => return Err(context.corrupt(format_args!("a damaged dictionary: {error}"))),
            };
        }
        #[cfg(not(feature = "zstd"))]
        let _ = (dictionary, context);
        Ok(())
    }

    /// Decodes a stream, which must fill `out`.
    pub(in crate::filter) fn decompress(
        &mut self,
        codec: Codec,
        stream: &[u8],
        out: &mut [u8],
        context: &FilterContext<'_>,
    ) -> Result<()> {
        let damaged = |why: &dyn Display| context.corrupt(format_args!("a damaged {codec:?} stream: {why}"));
        let length = match codec {
            Codec::BloscLz => blosclz::decompress(stream, out).map_err(|damage| damaged(&damage))?,
            Codec::Lz4 | Codec::Lz4Hc => lz4::decompress(stream, out).map_err(|damage| damaged(&damage))?,
            Codec::Snappy => snappy::decompress(stream, out).map_err(|damage| damaged(&damage))?,
            #[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
            Codec::Zlib => match self.inflater.get_or_insert_default().inflate(stream, out) {
                Inflated::Whole(length) => length,
                Inflated::Truncated => return Err(damaged(&"it is cut short")),
                Inflated::TooLong => return Err(damaged(&"more bytes than expected")),
                Inflated::Bad(why) => return Err(damaged(&why)),
            },
            #[cfg(feature = "zstd")]
            Codec::Zstd => {
                let decoder = match &mut self.with_dictionary {
                    Some(decoder) => decoder,
                    None => self.decoder.get_or_insert_default(),
                };
                decoder.decode_into(stream, out).map_err(|error| damaged(&error))?
            }
            #[allow(unreachable_patterns, reason = "the codecs that this build lacks")]
            _ => return codec.available(context),
        };
        if length != out.len() {
            return Err(damaged(&format_args!("{length} bytes, expected {}", out.len())));
        }
        Ok(())
    }

    /// Encodes `input` into `out` at a level of 1 to 9; `None` where it does not fit.
    pub(in crate::filter) fn compress(
        &mut self,
        codec: Codec,
        level: u32,
        input: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let haste = usize::try_from(10u32.saturating_sub(level)).unwrap_or(1).max(1);
        match codec {
            Codec::BloscLz => blosclz::compress(input, out, haste),
            Codec::Lz4 => lz4::compress(input, out, haste),
            Codec::Lz4Hc => lz4::compress(input, out, 1),
            Codec::Snappy => snappy::compress(input, out, 1),
            #[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
            Codec::Zlib => self.deflater.deflate_into(input, level, out),
            #[cfg(feature = "zstd")]
            Codec::Zstd => {
                let level = i32::try_from(level.saturating_mul(2).saturating_sub(1)).unwrap_or(1);
                self.encoder.compress_into(input, level, out)
            }
            #[allow(unreachable_patterns, reason = "the codecs that this build lacks")]
            _ => None,
        }
    }
}

//! The backend with `std`: `flate2` over `zlib-rs`.

use super::Inflated;
use alloc::vec::Vec;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// A decoder for many streams, one after the other.
pub(in crate::filter) struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Inflater(Decompress::new(true))
    }
}

impl Inflater {
    pub(in crate::filter) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated {
        let stream = &mut self.0;
        stream.reset(true);
        let (mut input, mut room) = (input, out);
        let mut len = 0usize;
        // One round, unless a length exceeds zlib's 32 bits.
        loop {
            let (read, written) = (stream.total_in(), stream.total_out());
            let status = match stream.decompress(input, room, FlushDecompress::Finish) {
                Ok(status) => status,
                Err(error) if error.needs_dictionary().is_some() => {
                    return Inflated::Bad("one that needs a dictionary");
                }
                Err(_) => return Inflated::Bad("damaged bytes or a wrong checksum"),
            };
            let (read, written) = (since(stream.total_in(), read), since(stream.total_out(), written));
            len = len.saturating_add(written);
            if status == Status::StreamEnd {
                return Inflated::Whole(len);
            }
            input = input.get(read..).unwrap_or(&[]);
            room = room.get_mut(written..).unwrap_or(&mut []);
            if read == 0 && written == 0 {
                return if room.is_empty() && !input.is_empty() { Inflated::TooLong } else { Inflated::Truncated };
            }
        }
    }
}

/// An encoder for many streams, kept with the level that it was made for.
#[derive(Default)]
pub(in crate::filter) struct Deflater(Option<(u32, Compress)>);

impl Deflater {
    fn stream(&mut self, level: u32) -> &mut Compress {
        let new = || (level, Compress::new(Compression::new(level), true));
        if self.0.as_ref().is_some_and(|&(kept, _)| kept != level) {
            self.0 = None;
        }
        let (_, stream) = self.0.get_or_insert_with(new);
        stream.reset();
        stream
    }

    /// A stream; `None` where memory is out.
    pub(in crate::filter) fn deflate(&mut self, input: &[u8], level: u32) -> Option<Vec<u8>> {
        let stream = self.stream(level);
        let mut out = Vec::new();
        // Enough for incompressible data; any more is reserved below.
        out.try_reserve(input.len().saturating_add(input.len() / 256).saturating_add(64)).ok()?;
        let mut rest = input;
        loop {
            let read = stream.total_in();
            let status = stream.compress_vec(rest, &mut out, FlushCompress::Finish).ok()?;
            if status == Status::StreamEnd {
                return Some(out);
            }
            rest = rest.get(since(stream.total_in(), read)..).unwrap_or(&[]);
            out.try_reserve(rest.len().saturating_add(1 << 12)).ok()?;
        }
    }

    /// A stream into `out`; `None` where it does not fit.
    #[cfg_attr(not(feature = "blosc"), allow(dead_code, reason = "for the filters that pack streams"))]
    pub(in crate::filter) fn deflate_into(&mut self, input: &[u8], level: u32, out: &mut [u8]) -> Option<usize> {
        let stream = self.stream(level);
        let status = stream.compress(input, out, FlushCompress::Finish).ok()?;
        (status == Status::StreamEnd).then(|| since(stream.total_out(), 0))
    }
}

fn since(now: u64, before: u64) -> usize {
    usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX)
}

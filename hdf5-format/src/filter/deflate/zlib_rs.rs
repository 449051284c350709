//! The backend with `std`: `flate2` over `zlib-rs`.

use super::Inflated;
use alloc::vec::Vec;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub(super) fn inflate(input: &[u8], out: &mut [u8]) -> Inflated {
    let mut stream = Decompress::new(true);
    let (mut input, mut room) = (input, out);
    let mut len = 0usize;
    // One round, unless a length exceeds zlib's 32 bits.
    loop {
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = match stream.decompress(input, room, FlushDecompress::Finish) {
            Ok(status) => status,
            Err(error) if error.needs_dictionary().is_some() => return Inflated::Bad("one that needs a dictionary"),
            Err(_) => return Inflated::Bad("damaged bytes or a wrong checksum"),
        };
        let read = usize::try_from(stream.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
        let written = usize::try_from(stream.total_out().saturating_sub(written)).unwrap_or(usize::MAX);
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

pub(super) fn deflate(input: &[u8], level: u32) -> Option<Vec<u8>> {
    let mut stream = Compress::new(Compression::new(level), true);
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
        let read = usize::try_from(stream.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
        rest = rest.get(read..).unwrap_or(&[]);
        out.try_reserve(rest.len().saturating_add(1 << 12)).ok()?;
    }
}

//! What the fuzz targets do with their input.

mod codec;
mod edit;
mod text;

pub use codec::codec;
pub use edit::edit;
pub use text::text;

use hdf5_format::{File, Limits, OpenOptions};

/// Limits that leave each execution short.
fn options() -> OpenOptions {
    let mut limits = Limits::default();
    (limits.block_bytes, limits.read_bytes, limits.chunk_bytes) = (1 << 22, 1 << 22, 1 << 22);
    File::options().limits(limits).salvage(true)
}

/// Reads everything of any bytes as a file.
pub fn file(data: &[u8]) {
    match options().from_bytes(data) {
        Ok(file) => drop(h5_cli::digest::document(&file)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

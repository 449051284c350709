//! Where the bytes of a file come from.

#[cfg(feature = "std")]
mod cached;
#[cfg(feature = "std")]
mod disk;
mod external;
mod family;
#[cfg(feature = "std")]
mod lock;
mod memory;
#[cfg(feature = "mmap")]
mod mmap;
mod patched;
mod pieces;

#[cfg(feature = "std")]
pub(crate) use cached::Cached;
#[cfg(feature = "std")]
pub(crate) use disk::sync_folder_of;
#[cfg(feature = "std")]
pub use disk::{DiskFile, DiskFileMut};
pub use external::{ExternalKind, ExternalPolicy, Resolver};
pub use family::{Family, Members};
pub(crate) use family::{FamilyName, MOST_MEMBERS, NamedMembers};
#[cfg(feature = "std")]
pub use lock::Locking;
pub use memory::MemoryFile;
#[cfg(feature = "mmap")]
pub use mmap::MappedFile;
pub(crate) use patched::{Patch, Patched};
pub use pieces::{Piece, Pieces};

use crate::error::{Error, ErrorKind, Result};
use alloc::sync::Arc;

/// Random-access bytes that many threads may read at once.
pub trait Storage: Send + Sync {
    /// Number of bytes.
    fn len(&self) -> Result<u64>;

    /// Fills `buf` from `offset`; an error if fewer bytes are there.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// A borrowed view of `len` bytes, where the storage has them in memory.
    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let _ = (offset, len);
        None
    }

    /// True if a structure begins at `offset` whose checksum is still to be made: it was never out of this process.
    fn is_unsealed(&self, offset: u64) -> bool {
        let _ = offset;
        false
    }

    /// True if there are no bytes.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Storage that can be changed. Writers come one at a time; readers of other places may go on.
pub trait StorageMut: Storage {
    /// Writes bytes at `offset`. Past the end the storage grows; a gap reads as zeros.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Cuts the storage off, or extends it with zeros.
    fn set_len(&self, len: u64) -> Result<()>;

    /// Returns when everything written before will survive a crash. Writes after it are not seen by a crash that loses
    /// writes before it.
    fn sync(&self) -> Result<()>;
}

impl<S: StorageMut + ?Sized> StorageMut for Arc<S> {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        (**self).write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        (**self).set_len(len)
    }

    fn sync(&self) -> Result<()> {
        (**self).sync()
    }
}

impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn len(&self) -> Result<u64> {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        (**self).read_at(offset, buf)
    }

    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        (**self).view(offset, len)
    }

    fn is_unsealed(&self, offset: u64) -> bool {
        (**self).is_unsealed(offset)
    }
}

/// The error for a read past the end of the storage.
fn past_end(offset: u64, len: usize, end: u64) -> Error {
    Error::new(ErrorKind::Io, alloc::format!("read of {len} bytes past the end of the storage ({end} bytes)"))
        .at(offset)
        .with_hint("the file is truncated")
}

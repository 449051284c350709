//! How a file is opened.

use super::File;
use crate::error::Result;
use crate::filter::{Filter, Registry};
#[cfg(feature = "std")]
use crate::io::Locking;
use crate::io::{ExternalPolicy, Storage};
use crate::limits::Limits;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Options for opening a file; each has a safe default.
///
/// ```
/// # fn main() -> hdf5_format::Result<()> {
/// use hdf5_format::{ExternalPolicy, File};
/// let open = File::options().external(ExternalPolicy::Under("data".into()));
/// # let _ = open;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct OpenOptions {
    pub(super) limits: Limits,
    pub(super) external: ExternalPolicy,
    pub(super) filters: Registry,
    pub(super) salvage: bool,
    pub(super) name: Option<String>,
    pub(super) reuse_space: bool,
    #[cfg(feature = "std")]
    pub(super) locking: Locking,
}

impl OpenOptions {
    /// The defaults: safe limits, no other files, the built-in filters.
    pub fn new() -> Self {
        OpenOptions::default()
    }

    /// Bounds on what the file may make the reader do.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Which other files may be opened: external links, raw data files, virtual sources, family members.
    pub fn external(mut self, policy: ExternalPolicy) -> Self {
        self.external = policy;
        self
    }

    /// Adds a filter, or replaces the built-in one of the same id.
    pub fn filter(mut self, filter: Arc<dyn Filter>) -> Self {
        self.filters.register(filter);
        self
    }

    /// Opens a file that is shorter than its stored end; what lies past the physical end is then an error where it
    /// is read.
    pub fn salvage(mut self, salvage: bool) -> Self {
        self.salvage = salvage;
        self
    }

    /// Whether opening for changes looks for space that earlier changes left behind, to use it for new objects.
    ///
    /// That costs a walk over all metadata. Without it, and where the file is damaged, only what is deleted through the
    /// same handle is used again; [`File::reclaim`] looks at any time.
    pub fn reuse_space(mut self, reuse: bool) -> Self {
        self.reuse_space = reuse;
        self
    }

    /// The name of the file, for storages that have none: members of a family are named after it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether files opened by path are locked. Other files that this one refers to are not.
    #[cfg(feature = "std")]
    pub fn locking(mut self, locking: Locking) -> Self {
        self.locking = locking;
        self
    }

    /// Opens a file on disk for reading. A commit that was interrupted after it was durable is seen as if it were
    /// finished; nothing is written.
    ///
    /// # Errors
    /// The file is open for writing elsewhere, is missing, is not HDF5, is shorter than it says, or its superblock is damaged.
    #[cfg(feature = "std")]
    pub fn open(mut self, path: impl AsRef<std::path::Path>) -> Result<File> {
        let path = path.as_ref();
        let storage = crate::io::Cached::new(crate::io::DiskFile::open_locked(path, self.locking)?)?;
        self.name_after(path);
        self.from_storage(storage).map_err(|e| e.on(path.display()))
    }

    /// The name of a file on disk, unless another was given.
    #[cfg(feature = "std")]
    pub(super) fn name_after(&mut self, path: &std::path::Path) {
        if self.name.is_none() {
            self.name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        }
    }

    /// Opens a file held in memory.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    #[allow(clippy::wrong_self_convention)]
    pub fn from_bytes(self, bytes: impl Into<Vec<u8>>) -> Result<File> {
        self.from_storage(bytes.into())
    }

    /// Opens a file on any storage.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    #[allow(clippy::wrong_self_convention)]
    pub fn from_storage(self, storage: impl Storage + 'static) -> Result<File> {
        File::start(Arc::new(storage), self)
    }
}

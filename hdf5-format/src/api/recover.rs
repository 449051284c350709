//! Files that a program left in the middle of writing.

use super::file::File;
use super::options::OpenOptions;
use crate::check::CheckOptions;
use crate::edit::{self, Recovery};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::open;
use crate::io::{ExternalKind, Storage, StorageMut};
use alloc::sync::Arc;

impl File {
    /// Finishes what an interrupted program left in a file on disk: see [`OpenOptions::recover`].
    ///
    /// # Errors
    /// As for [`OpenOptions::recover`].
    #[cfg(feature = "std")]
    pub fn recover(path: impl AsRef<std::path::Path>) -> Result<Recovery> {
        File::options().recover(path)
    }
}

impl OpenOptions {
    /// Finishes what an interrupted program left in a file on disk, and says what it was.
    ///
    /// A commit that was durable is put in place. A mark "open for writing" is taken away; where it is not that of a
    /// commit, only if a check of the whole file finds no damage, for the library that set it gives no promise.
    ///
    /// # Errors
    /// The file may not be written, is open elsewhere, or is damaged.
    #[cfg(feature = "std")]
    pub fn recover(mut self, path: impl AsRef<std::path::Path>) -> Result<Recovery> {
        let path = path.as_ref();
        self.name_after(path);
        let storage = crate::io::DiskFileMut::open(path, self.locking)?;
        self.recover_in(storage).map_err(|e| e.on(path.display()))
    }

    /// Does the same on any storage.
    ///
    /// # Errors
    /// The storage fails, or the file is damaged.
    pub fn recover_in(self, storage: impl StorageMut + 'static) -> Result<Recovery> {
        let (storage, found) = self.whole(Arc::new(storage))?;
        let file = File::start_joined(Arc::new(Arc::clone(&storage)), self.clone())?;
        if found == Recovery::ForeignMark {
            check(&file).map_err(|e| e.with_hint("the mark stays: its writer left the file damaged"))?;
            edit::clear_mark(&storage)?;
        }
        Ok(found)
    }

    /// What [`recover`](Self::recover) would find to do. The file is only read.
    ///
    /// # Errors
    /// The file may not be read, is open for writing elsewhere, or is damaged.
    #[cfg(feature = "std")]
    pub fn recovery(mut self, path: impl AsRef<std::path::Path>) -> Result<Recovery> {
        let path = path.as_ref();
        self.name_after(path);
        let storage = crate::io::DiskFile::open_locked(path, self.locking)?;
        self.recovery_in(storage).map_err(|e| e.on(path.display()))
    }

    /// The same on any storage.
    ///
    /// # Errors
    /// The storage fails, or the file is damaged.
    pub fn recovery_in(self, storage: impl Storage + 'static) -> Result<Recovery> {
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let members = |name: &str| self.external.open(ExternalKind::Member, name.as_bytes());
        let how = open::OpenOptions { name: self.name.as_deref(), members: Some(&members), ..Default::default() };
        let found = edit::look(&open::with_record(&storage, &self.limits, &how)?)?;
        let file = self.from_storage(storage)?;
        if found == Recovery::ForeignMark {
            check(&file)?;
        }
        Ok(found)
    }
}

/// Everything of the file is whole, its data too.
fn check(file: &File) -> Result<()> {
    let report = file.check(CheckOptions::new().data(true));
    match report.damage().next() {
        None => Ok(()),
        Some(finding) => Err(Error::new(ErrorKind::Corrupt, alloc::format!("{finding}"))),
    }
}

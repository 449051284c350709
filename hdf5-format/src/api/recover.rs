//! Files that a program left in the middle of writing.

use super::file::File;
use super::object::Object;
use super::options::OpenOptions;
use crate::edit::{self, Recovery};
use crate::error::{Error, ErrorKind, Result};
use crate::io::{Storage, StorageMut};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

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
    /// commit, only if every object of the file can be read, for the library that set it gives no promise.
    ///
    /// # Errors
    /// The file may not be written, is open elsewhere, or is damaged.
    #[cfg(feature = "std")]
    pub fn recover(self, path: impl AsRef<std::path::Path>) -> Result<Recovery> {
        let path = path.as_ref();
        let storage = crate::io::DiskFileMut::open(path, self.locking)?;
        self.recover_in(storage).map_err(|e| e.on(path.display()))
    }

    /// Does the same on any storage.
    ///
    /// # Errors
    /// The storage fails, or the file is damaged.
    pub fn recover_in(self, storage: impl StorageMut + 'static) -> Result<Recovery> {
        let storage: Arc<dyn StorageMut> = Arc::new(storage);
        let found = edit::recover(&storage)?;
        let file = self.clone().from_storage(Arc::clone(&storage))?;
        if found == Recovery::ForeignMark {
            check(&file).map_err(|e| e.hint("the mark stays: its writer left the file damaged"))?;
            edit::clear_mark(&storage)?;
        }
        Ok(found)
    }

    /// What [`recover`](Self::recover) would find to do. The file is only read.
    ///
    /// # Errors
    /// The file may not be read, is open for writing elsewhere, or is damaged.
    #[cfg(feature = "std")]
    pub fn recovery(self, path: impl AsRef<std::path::Path>) -> Result<Recovery> {
        let path = path.as_ref();
        let storage = crate::io::DiskFile::open_locked(path, self.locking)?;
        self.recovery_in(storage).map_err(|e| e.on(path.display()))
    }

    /// The same on any storage.
    ///
    /// # Errors
    /// The storage fails, or the file is damaged.
    pub fn recovery_in(self, storage: impl Storage + 'static) -> Result<Recovery> {
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let found = edit::look(&storage)?;
        let file = self.from_storage(storage)?;
        if found == Recovery::ForeignMark {
            check(&file)?;
        }
        Ok(found)
    }
}

/// Reads every object. What this build or its policy does not read is not damage.
fn check(file: &File) -> Result<()> {
    let (there, stated) = (file.context().end(), file.stated_end()?);
    if there < stated {
        let text = alloc::format!("the file ends at {there}, but states {stated}");
        return Err(Error::new(ErrorKind::Corrupt, text));
    }
    let mut seen = BTreeSet::new();
    let mut ahead: Vec<Object> = alloc::vec![file.root_object()?];
    while let Some(object) = ahead.pop() {
        if !seen.insert(object.info().address()) {
            continue;
        }
        let path = alloc::string::String::from(object.info().path());
        read(object, &mut ahead).map_err(|e| e.on(path))?;
    }
    Ok(())
}

fn read(object: Object, ahead: &mut Vec<Object>) -> Result<()> {
    for attribute in object.info().attrs()? {
        attribute?.read_values().map(|_| ()).or_else(bearable)?;
    }
    match object {
        Object::Group(group) => {
            for member in group.iter() {
                let member = member?;
                if matches!(member.link.kind, super::LinkKind::Hard(_)) {
                    ahead.push(member.object?);
                }
            }
            Ok(())
        }
        Object::Dataset(dataset) => dataset.for_each_block(|_| Ok(())).or_else(bearable),
        _ => Ok(()),
    }
}

fn bearable(error: Error) -> Result<()> {
    match error.kind() {
        ErrorKind::Unsupported | ErrorKind::Denied | ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

//! Whole files of one object, written beside and renamed: the old file or the new one, never neither.

use super::{Mode, Store, StoreOptions};
use crate::types::Persist;
use crate::value::Value;
use hdf5_format::{CreateOptions, Error, ErrorKind, File, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The name of the one object of a file that [`save`] wrote.
pub(super) const ROOT: &str = "root";

/// A new file that is to take the place of an old one. It goes if it never does.
pub(super) struct Replacing {
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl Replacing {
    /// Starts a file beside another.
    pub(super) fn start(path: &Path, options: CreateOptions) -> Result<(File, Replacing)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // A link stays, and the file that it leads to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let path = target.as_path();
        let name = path.file_name().ok_or_else(|| Error::new(ErrorKind::Invalid, "a path without a file name"))?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".{}.{}.{number}.new", name.to_string_lossy(), std::process::id());
        let temporary = path.with_file_name(temporary);
        sweep(path);
        // What another program has open is not replaced under its feet.
        if path.exists() {
            drop(
                File::open_rw(path)
                    .or_else(|error| match error.kind() {
                        ErrorKind::Locked => Err(error),
                        _ => File::open(path),
                    })
                    .map(Some)
                    .or_else(|error| if error.kind() == ErrorKind::Locked { Err(error) } else { Ok(None) })?,
            );
        }
        let replacing = Replacing { temporary: Some(temporary.clone()), path: path.into() };
        let file = options.create(&temporary)?;
        if let Ok(old) = fs::metadata(path) {
            // Who may read the old file may read the new one; where that cannot be set, the default holds.
            let _ = fs::set_permissions(&temporary, old.permissions());
        }
        Ok((file, replacing))
    }

    /// Gives the new file its name.
    ///
    /// # Errors
    /// The system refuses; the new file keeps its own name, and this may be tried again.
    pub(super) fn finish(&mut self) -> Result<()> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, format!("{}: {error}", self.path.display()));
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.path).map_err(failed)?;
        }
        self.temporary = None;
        sync_folder(&self.path).map_err(failed)
    }
}

impl Drop for Replacing {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // Nobody can be told.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Takes away new files beside a path that a program left when it was killed: those that nobody holds.
fn sweep(path: &Path) {
    let Some(name) = path.file_name().map(|name| format!(".{}.", name.to_string_lossy())) else { return };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        if !found.starts_with(&name) || !found.ends_with(".new") {
            continue;
        }
        let held = File::open_rw(entry.path()).is_err_and(|error| error.kind() == ErrorKind::Locked);
        if !held {
            // What stays is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The new name is on the disk before anybody is told.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Writes a file of one object; a file that exists is replaced when the new one is whole.
///
/// # Errors
/// The value has no form in the native dialect, or the disk fails. The old file is as it was.
pub fn save<T: Persist>(path: impl AsRef<Path>, value: &T) -> Result<()> {
    StoreOptions::new().save(path, value)
}

/// Writes a file of one value: see [`save`].
///
/// # Errors
/// As for [`save`].
pub fn save_value(path: impl AsRef<Path>, value: Value) -> Result<()> {
    StoreOptions::new().save_value(path, value)
}

/// Reads the object of a file that [`save`] wrote, or jangada.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn load<T: Persist>(path: impl AsRef<Path>) -> Result<T> {
    StoreOptions::new().load(path)
}

/// Reads the value of a file that [`save_value`] wrote, or jangada.
///
/// # Errors
/// The file cannot be read.
pub fn load_value(path: impl AsRef<Path>) -> Result<Value> {
    Store::open(path, Mode::Read)?.value(ROOT)
}

impl StoreOptions {
    /// Writes a file of one object: see [`save`].
    ///
    /// # Errors
    /// As for [`save`].
    pub fn save<T: Persist>(&self, path: impl AsRef<Path>, value: &T) -> Result<()> {
        let store = self.open(path, Mode::Write)?;
        store.put(ROOT, value)?;
        store.close().map(|_| ())
    }

    /// Writes a file of one value: see [`save`].
    ///
    /// # Errors
    /// As for [`save`].
    pub fn save_value(&self, path: impl AsRef<Path>, value: Value) -> Result<()> {
        let store = self.open(path, Mode::Write)?;
        store.put_value(ROOT, value)?;
        store.close().map(|_| ())
    }

    /// Reads the object of a file: see [`load`].
    ///
    /// # Errors
    /// As for [`load`].
    pub fn load<T: Persist>(&self, path: impl AsRef<Path>) -> Result<T> {
        self.open(path, Mode::Read)?.get(ROOT)
    }
}

//! A new file beside the one whose place it takes when it is complete.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A name in the folder of another file. What is there goes with this, unless it took the other's place.
pub(crate) struct Beside {
    path: PathBuf,
    to: PathBuf,
}

impl Beside {
    /// A place for what is to become `to`; the file that a symbolic link leads to, so that the link stays.
    pub(crate) fn of(to: &Path) -> Self {
        let to = to.canonicalize().unwrap_or_else(|_| to.into());
        let mut name = OsString::from(".");
        name.push(to.file_name().unwrap_or(to.as_os_str()));
        name.push(format!(".{}.tmp", std::process::id()));
        Beside { path: to.with_file_name(name), to }
    }

    /// Where the new file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The new file takes the place, and stays there after a crash where the system can promise that.
    pub(crate) fn take_place(self) -> hdf5_format::Result<()> {
        let named = |e| hdf5_format::Error::from(e).on(self.to.display());
        std::fs::rename(&self.path, &self.to).map_err(named)?;
        #[cfg(unix)]
        if let Some(folder) = self.to.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a rename there is nothing.
        let _ = std::fs::remove_file(&self.path);
    }
}

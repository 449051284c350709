//! A file on disk, read by position.

use super::{Storage, past_end};
use crate::error::{Error, Result};
use std::fs;
use std::io;
use std::path::Path;

/// A file opened for reading. Threads share it without a lock.
#[derive(Debug)]
pub struct DiskFile {
    file: fs::File,
    len: u64,
    #[cfg(not(any(unix, windows)))]
    position: std::sync::Mutex<()>,
}

impl DiskFile {
    /// Opens a file for reading; its length is taken once.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = |e: io::Error| Error::from(e).on(path.display());
        let file = fs::File::open(path).map_err(name)?;
        let meta = file.metadata().map_err(name)?;
        if meta.is_dir() {
            return Err(Error::new(crate::ErrorKind::Io, "is a directory").on(path.display()));
        }
        Ok(DiskFile {
            file,
            len: meta.len(),
            #[cfg(not(any(unix, windows)))]
            position: std::sync::Mutex::new(()),
        })
    }

    #[cfg(unix)]
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buf = buf.split_at_mut(n).1;
            offset = offset.saturating_add(n as u64);
        }
        Ok(())
    }

    #[cfg(not(any(unix, windows)))]
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek};
        let _held = self.position.lock().unwrap_or_else(|e| e.into_inner());
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(offset))?;
        file.read_exact(buf)
    }
}

impl Storage for DiskFile {
    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        self.read_exact_at(offset, buf).map_err(|e| Error::from(e).at(offset))
    }
}

//! A memory-mapped file: the one module with `unsafe`.
#![allow(unsafe_code)]

use super::{Storage, past_end};
use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// A read-only memory map of a whole file.
#[derive(Debug)]
pub struct MappedFile(memmap2::Mmap);

impl MappedFile {
    /// Maps a file for reading.
    ///
    /// # Safety
    /// No process may shorten or change the file while the map lives: the bytes are handed out as `&[u8]`, and a
    /// shortened file ends the process with a bus error.
    pub unsafe fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let named = |e: std::io::Error| Error::from(e).on(path.display());
        let file = fs::File::open(path).map_err(named)?;
        // SAFETY: the caller promises that the file keeps its length and bytes.
        unsafe { memmap2::Mmap::map(&file) }.map(MappedFile).map_err(named)
    }
}

impl Storage for MappedFile {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let bytes = self.view(offset, buf.len()).ok_or_else(|| past_end(offset, buf.len(), self.0.len() as u64))?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        self.0.get(start..start.checked_add(len)?)
    }
}

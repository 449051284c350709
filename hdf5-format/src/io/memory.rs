//! Storage in memory.

use super::{Storage, StorageMut, past_end};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::RwLock;
use alloc::sync::Arc;
use alloc::vec::Vec;

fn slice(data: &[u8], offset: u64, len: usize) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    data.get(start..start.checked_add(len)?)
}

fn read(data: &[u8], offset: u64, buf: &mut [u8]) -> Result<()> {
    match slice(data, offset, buf.len()) {
        Some(bytes) => {
            buf.copy_from_slice(bytes);
            Ok(())
        }
        None => Err(past_end(offset, buf.len(), data.len() as u64)),
    }
}

impl Storage for Vec<u8> {
    fn len(&self) -> Result<u64> {
        Ok(self.as_slice().len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        read(self, offset, buf)
    }

    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        slice(self, offset, len)
    }
}

/// Shared bytes are a storage as `Arc<[u8]>`.
impl Storage for [u8] {
    fn len(&self) -> Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        read(self, offset, buf)
    }

    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        slice(self, offset, len)
    }
}

/// A file in memory that can be changed. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryFile {
    bytes: Arc<RwLock<Vec<u8>>>,
}

impl MemoryFile {
    /// A file that starts with these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        MemoryFile { bytes: Arc::new(RwLock::new(bytes.into())) }
    }

    /// A copy of the bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.read().clone()
    }
}

impl Storage for MemoryFile {
    fn len(&self) -> Result<u64> {
        Ok(self.bytes.read().len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        read(&self.bytes.read(), offset, buf)
    }
}

impl StorageMut for MemoryFile {
    fn write_at(&self, offset: u64, new: &[u8]) -> Result<()> {
        let too_long = || Error::new(ErrorKind::Limit, "no memory for the file").at(offset);
        let start = usize::try_from(offset).map_err(|_| too_long())?;
        let end = start.checked_add(new.len()).ok_or_else(too_long)?;
        let mut bytes = self.bytes.write();
        if end > bytes.len() {
            let more = end.saturating_sub(bytes.len());
            bytes.try_reserve(more).map_err(|_| too_long())?;
            bytes.resize(end, 0);
        }
        if let Some(place) = bytes.get_mut(start..end) {
            place.copy_from_slice(new);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let too_long = || Error::new(ErrorKind::Limit, "no memory for the file").at(len);
        let len = usize::try_from(len).map_err(|_| too_long())?;
        let mut bytes = self.bytes.write();
        let more = len.saturating_sub(bytes.len());
        bytes.try_reserve(more).map_err(|_| too_long())?;
        bytes.resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_reads_past_the_end() {
        let storage = alloc::vec![1u8, 2, 3];
        let mut buf = [0; 2];
        storage.read_at(1, &mut buf).unwrap();
        assert_eq!(buf, [2, 3]);
        assert!(storage.read_at(2, &mut buf).is_err());
        assert!(storage.read_at(u64::MAX, &mut buf).is_err());
        assert_eq!(storage.view(0, 2), Some(&[1u8, 2][..]));
    }

    #[test]
    fn grows_and_shrinks() {
        let file = MemoryFile::new([1, 2, 3]);
        file.write_at(5, &[9, 8]).unwrap();
        file.write_at(1, &[7]).unwrap();
        assert_eq!(file.to_vec(), [1, 7, 3, 0, 0, 9, 8]);
        file.set_len(2).unwrap();
        assert_eq!((file.to_vec(), file.len().unwrap()), (alloc::vec![1, 7], 2));
        assert!(file.write_at(u64::MAX, &[1]).is_err());
    }
}

//! Storage in memory.

use super::{Storage, past_end};
use crate::error::Result;
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
}

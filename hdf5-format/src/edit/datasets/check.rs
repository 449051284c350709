//! Everything that can be wrong with a new dataset, before anything is written.

use super::{COMPACT_LIMIT, ExternalFile, LayoutChoice, NewDataset};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::MAX_FILTERS;
use alloc::string::String;
use alloc::vec::Vec;

/// Most dimensions.
const MAX_RANK: usize = 32;

impl NewDataset {
    /// Bytes of all elements.
    pub(super) fn bytes(&self) -> Result<u64> {
        let size = u64::from(self.datatype.size);
        let shape = self.shape.as_deref();
        let bytes = shape.map_or(Some(0), |shape| shape.iter().try_fold(size, |n, &d| n.checked_mul(d)));
        bytes.ok_or_else(|| Error::new(ErrorKind::Shape, "the dataset has more bytes than 64 bits can count"))
    }

    /// Everything that can be wrong with it, before anything is written.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(Error::new(ErrorKind::Shape, text));
        let rank = self.shape.as_ref().map_or(0, Vec::len);
        if rank > MAX_RANK {
            return wrong(alloc::format!("{rank} dimensions, expected at most {MAX_RANK}"));
        }
        if let Some(max) = &self.max_shape {
            let shape = self.shape.as_deref().unwrap_or(&[]);
            if max.len() != rank {
                return wrong(alloc::format!("maxshape has {} dimensions, the shape {rank}", max.len()));
            }
            for (i, (&now, max)) in shape.iter().zip(max).enumerate() {
                if let Some(max) = max.filter(|&max| max < now) {
                    return wrong(alloc::format!("dimension {i} has length {now}, more than its maximum {max}"));
                }
            }
        }
        let bytes = self.bytes()?;
        let grows = self.max_shape.as_ref().is_some_and(|max| {
            max.iter().zip(self.shape.as_deref().unwrap_or(&[])).any(|(max, &now)| *max != Some(now))
        });
        match &self.layout {
            LayoutChoice::Compact if bytes > COMPACT_LIMIT => wrong(alloc::format!(
                "{bytes} bytes exceed the {COMPACT_LIMIT} of a compact dataset; use a contiguous or chunked layout"
            )),
            LayoutChoice::Chunked(chunk) => self.check_chunk(chunk, rank),
            LayoutChoice::Virtual(_) if self.filters.is_empty() => Ok(()),
            LayoutChoice::External(files) => self.check_external(files, bytes),
            _ if grows && self.layout == LayoutChoice::Compact => {
                wrong("only a chunked dataset can have a maxshape that is not its shape".into())
            }
            LayoutChoice::Contiguous if self.max_shape.as_ref().is_some_and(|m| m.iter().any(Option::is_none)) => {
                wrong("only a chunked dataset can grow without bound: give chunk lengths".into())
            }
            _ if !self.filters.is_empty() => {
                wrong("only a chunked dataset can have filters: give chunk lengths".into())
            }
            _ => Ok(()),
        }
    }

    fn check_chunk(&self, chunk: &[u64], rank: usize) -> Result<()> {
        let wrong = |text: String| Err(Error::new(ErrorKind::Shape, text));
        let Some(shape) = self.shape.as_deref().filter(|shape| !shape.is_empty()) else {
            return wrong("a scalar or null dataset can not be chunked".into());
        };
        if chunk.len() != rank {
            return wrong(alloc::format!("chunks have {} dimensions, the dataset {rank}", chunk.len()));
        }
        if self.filters.len() > MAX_FILTERS {
            return wrong(alloc::format!("{} filters, expected at most {MAX_FILTERS}", self.filters.len()));
        }
        for (i, (&chunk, &now)) in chunk.iter().zip(shape).enumerate() {
            if chunk == 0 {
                return wrong(alloc::format!("chunks have length 0 along dimension {i}"));
            }
            let max = self.max_shape.as_ref().and_then(|m| m.get(i)).copied().unwrap_or(Some(now));
            if let Some(max) = max.filter(|&max| max < chunk && now > 0) {
                return wrong(alloc::format!("chunks have length {chunk} along dimension {i}, of at most {max}"));
            }
        }
        let bytes = chunk.iter().try_fold(u64::from(self.datatype.size), |n, &c| n.checked_mul(c));
        match bytes {
            Some(bytes) if bytes <= u64::from(u32::MAX) => Ok(()),
            _ => wrong("a chunk has more than 4 GiB".into()),
        }
    }

    fn check_external(&self, files: &[ExternalFile], bytes: u64) -> Result<()> {
        let wrong = |text: String| Err(Error::new(ErrorKind::Shape, text));
        if !self.filters.is_empty() {
            return wrong("elements in external files can not be filtered".into());
        }
        let bounded = files.split_last().is_none_or(|(_, rest)| rest.iter().all(|file| file.size.is_some()));
        if files.is_empty() || !bounded {
            return wrong("expected external files, of which only the last may be without a size".into());
        }
        let room = files.iter().try_fold(0u64, |sum, file| file.size.and_then(|size| sum.checked_add(size)));
        match room {
            Some(room) if room < bytes => wrong(alloc::format!("external files of {room} bytes for {bytes} bytes")),
            _ => Ok(()),
        }
    }
}

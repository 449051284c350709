//! Text in local heaps.

use super::context::{Block, FileContext};
use crate::codec::Address;
use crate::error::{Error, Result};
use crate::format::local_heap::{LocalHeap, STRUCTURE};
use alloc::borrow::Cow;

/// Name of the data segment in surveys.
const SEGMENT: &str = "local heap data";

/// Bytes first read of a text whose length is not known.
const FIRST_READ: u64 = 128;

/// An opened heap.
#[derive(Clone, Debug)]
pub struct LocalHeapReader {
    heap: LocalHeap,
}

impl LocalHeapReader {
    /// Opens the heap whose prefix is at `address`.
    ///
    /// # Errors
    /// The prefix is damaged, or the data segment not inside the file.
    pub fn open(ctx: &FileContext, address: Address) -> Result<Self> {
        let block = ctx.block(address, LocalHeap::encoded_len(ctx.sizes()) as u64, STRUCTURE)?;
        ctx.used(address, block.len() as u64, STRUCTURE)?;
        let heap = LocalHeap::parse(&mut ctx.cursor(&block, address, STRUCTURE))?;
        ctx.check(heap.data, heap.data_len, STRUCTURE)?;
        ctx.used(heap.data, heap.data_len, SEGMENT)?;
        Ok(LocalHeapReader { heap })
    }

    /// The prefix.
    pub fn heap(&self) -> &LocalHeap {
        &self.heap
    }

    /// The whole data segment, for looking up many texts in it with [`local_heap::text`].
    ///
    /// # Errors
    /// It is larger than the limit, or the storage fails.
    ///
    /// [`local_heap::text`]: crate::format::local_heap::text
    pub fn segment<'c>(&self, ctx: &'c FileContext) -> Result<Block<'c>> {
        ctx.block(self.heap.data, self.heap.data_len, STRUCTURE)
    }

    /// The text at an offset of the data segment, read alone.
    ///
    /// # Errors
    /// There is no text that ends in the data segment, or the storage fails.
    pub fn text<'c>(&self, ctx: &'c FileContext, offset: u64) -> Result<Cow<'c, [u8]>> {
        let left = self.heap.data_len.checked_sub(offset).filter(|&left| left > 0);
        let left = left.ok_or_else(|| self.missing(ctx, offset))?;
        let address = Address(self.heap.data.0.saturating_add(offset));
        let mut len = FIRST_READ.min(left);
        loop {
            let block = ctx.block(address, len, STRUCTURE)?;
            if let Some(end) = block.iter().position(|&b| b == 0) {
                return Ok(match block {
                    Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..end).unwrap_or(bytes)),
                    Cow::Owned(mut bytes) => {
                        bytes.truncate(end);
                        Cow::Owned(bytes)
                    }
                });
            }
            if len == left {
                return Err(self.missing(ctx, offset));
            }
            len = len.saturating_mul(4).min(left);
        }
    }

    /// The error for an offset at which no text starts.
    pub fn missing(&self, ctx: &FileContext, offset: u64) -> Error {
        let at = ctx.absolute(self.heap.data).saturating_add(offset);
        let len = self.heap.data_len;
        Error::corrupt(STRUCTURE, at, alloc::format!("no text ends after offset {offset} of the {len} bytes of data"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;
    use crate::graph::testing::Image;
    use alloc::vec;

    #[test]
    fn reads_texts_of_any_length_alone_and_from_the_segment() {
        let mut image = Image::new(Sizes::EIGHT);
        let long = vec![b'x'; 1000];
        let (address, offsets) = image.local_heap(&[b"short", &long, b"", b"last"]);
        let ctx = image.context();
        let heap = LocalHeapReader::open(&ctx, address).unwrap();
        let segment = heap.segment(&ctx).unwrap();
        for (&offset, text) in offsets.iter().zip([&b"short"[..], &long, b"", b"last"]) {
            assert_eq!(&*heap.text(&ctx, offset).unwrap(), text);
            assert_eq!(crate::format::local_heap::text(&segment, offset), Some(text));
        }
        let end = heap.heap().data_len;
        for offset in [end, end + 1, u64::MAX] {
            assert!(heap.text(&ctx, offset).is_err(), "{offset}");
        }
    }

    #[test]
    fn refuses_text_that_does_not_end_and_segments_outside_the_file() {
        let mut image = Image::new(Sizes::EIGHT);
        let (address, offsets) = image.local_heap(&[b"name"]);
        let end = image.bytes.len();
        image.bytes[end - 8..].fill(b'x');
        let heap = LocalHeapReader::open(&image.context(), address).unwrap();
        assert!(heap.text(&image.context(), offsets[0]).is_err());
        image.bytes.pop();
        assert!(LocalHeapReader::open(&image.context(), address).is_err());
    }
}

//! An opened file below the level of objects: storage, widths, bounds.

use super::shared::SharedMessages;
use super::survey::Survey;
use crate::codec::{Address, Cursor, Sizes, to_usize};
use crate::error::{Error, Result, Rule};
use crate::io::Storage;
use crate::limits::Limits;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes of the file: borrowed where the storage has them in memory.
pub type Block<'a> = Cow<'a, [u8]>;

/// What every walk needs: where to read, how wide numbers are, where the file ends, which bounds hold.
#[derive(Clone)]
pub struct FileContext {
    storage: Arc<dyn Storage>,
    base: u64,
    end: End,
    sizes: Sizes,
    limits: Limits,
    /// Entries of a metadata cache image: newer than the file's own bytes at these addresses.
    image: Arc<BTreeMap<Address, Vec<u8>>>,
    /// Where messages shared between headers are.
    shared_messages: Option<Arc<SharedMessages>>,
    /// What walks report to, while the file is surveyed.
    survey: Option<Arc<Survey>>,
}

/// Where a file ends.
#[derive(Clone, Copy)]
enum End {
    At(u64),
    /// Where the storage ends: the file is being changed.
    OfStorage,
}

impl FileContext {
    /// A context over storage that grows and shrinks: addresses must stay below its end at the time.
    pub fn growing(storage: Arc<dyn Storage>, base: u64, sizes: Sizes, limits: Limits) -> Self {
        let end = End::OfStorage;
        FileContext { storage, base, end, sizes, limits, image: Arc::default(), shared_messages: None, survey: None }
    }

    /// The same file, whose storage grows and shrinks from now on.
    #[must_use]
    pub fn with_growing_end(mut self) -> Self {
        self.end = End::OfStorage;
        self
    }

    /// True if the file is being changed: what was read of it when it was opened may be out of date.
    pub fn is_growing(&self) -> bool {
        matches!(self.end, End::OfStorage)
    }

    /// A context whose addresses count from absolute offset `base` and must stay below `end`, which is relative too.
    pub fn new(storage: Arc<dyn Storage>, base: u64, end: u64, sizes: Sizes, limits: Limits) -> Self {
        let end = End::At(end);
        FileContext { storage, base, end, sizes, limits, image: Arc::default(), shared_messages: None, survey: None }
    }

    /// The same file with metadata blocks that replace what the storage has at their addresses.
    #[must_use]
    pub fn with_image(mut self, image: BTreeMap<Address, Vec<u8>>) -> Self {
        self.image = Arc::new(image);
        self
    }

    /// The same file with messages shared between headers.
    #[must_use]
    pub fn with_shared_messages(mut self, shared: SharedMessages) -> Self {
        self.shared_messages = Some(Arc::new(shared));
        self
    }

    /// The same file, whose walks report their blocks to a survey and go on past damage.
    #[must_use]
    pub(crate) fn surveyed(mut self, survey: Arc<Survey>) -> Self {
        self.survey = Some(survey);
        self
    }

    /// The survey being made, if there is one.
    pub(crate) fn survey(&self) -> Option<&Survey> {
        self.survey.as_deref()
    }

    /// Reports a block with the length that is allocated for it.
    ///
    /// # Errors
    /// The survey has more blocks than a file has room for.
    pub(crate) fn used(&self, address: Address, len: u64, structure: &'static str) -> Result<()> {
        self.survey.as_deref().map_or(Ok(()), |survey| survey.block(address, len, structure))
    }

    /// Reports damage that a walk can go on past: the error itself, unless the file is surveyed.
    ///
    /// # Errors
    /// The file is not surveyed, or the survey is over.
    pub(crate) fn tolerate(&self, error: Error) -> Result<()> {
        match self.survey.as_deref() {
            Some(survey) => survey.damage(error),
            None => Err(error),
        }
    }

    /// Where messages shared between headers are, if the file shares any.
    pub fn shared_messages(&self) -> Option<&SharedMessages> {
        self.shared_messages.as_deref()
    }

    /// The bytes themselves.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Absolute offset of address 0.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// First address past the readable file.
    pub fn end(&self) -> u64 {
        match self.end {
            End::At(end) => end,
            End::OfStorage => self.storage.len().unwrap_or(0).saturating_sub(self.base),
        }
    }

    /// The file-wide widths.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Absolute file offset of an address.
    pub fn absolute(&self, address: Address) -> u64 {
        self.base.saturating_add(address.0)
    }

    /// The entries of the metadata cache image.
    pub(crate) fn image(&self) -> &BTreeMap<Address, Vec<u8>> {
        &self.image
    }

    /// Bytes from `address` to the end of the file.
    pub fn available(&self, address: Address) -> u64 {
        self.end().saturating_sub(address.0)
    }

    /// Checks that `len` bytes at `address` lie inside the file.
    pub fn check(&self, address: Address, len: u64, structure: &'static str) -> Result<()> {
        if len <= self.available(address) && (len > 0 || address.0 <= self.end()) {
            return Ok(());
        }
        Err(Error::corrupt(
            structure,
            self.absolute(address),
            alloc::format!("{len} bytes needed, but the file ends {} bytes on", self.available(address)),
        )
        .breaks(Rule::Inside)
        .with_hint("the file is truncated or the address is damaged"))
    }

    /// One metadata block: checked against the file's end and the limit before anything is allocated.
    pub fn block(&self, address: Address, len: u64, structure: &'static str) -> Result<Block<'_>> {
        self.check(address, len, structure)?;
        if len > self.limits.block_bytes {
            return Err(Error::limit("block_bytes", self.limits.block_bytes, len)
                .within(structure)
                .at(self.absolute(address)));
        }
        if let Some(bytes) = self.image_bytes(address, len) {
            return Ok(Cow::Borrowed(bytes));
        }
        let block = self.raw(address, len, structure)?;
        Ok(self.overlay(address, block))
    }

    /// Up to `len` bytes of metadata at `address`, fewer if the file ends before: the first look at a structure that
    /// says its own size.
    pub fn head(&self, address: Address, len: u64, structure: &'static str) -> Result<Block<'_>> {
        self.block(address, len.min(self.available(address)).max(1), structure)
    }

    /// Raw data bytes: like [`FileContext::block`], but never from the cache image and without its limit.
    pub fn raw(&self, address: Address, len: u64, structure: &'static str) -> Result<Block<'_>> {
        self.check(address, len, structure)?;
        let (offset, len) = (self.absolute(address), to_usize(len)?);
        if let Some(view) = self.storage.view(offset, len) {
            return Ok(Cow::Borrowed(view));
        }
        let mut buf = Vec::new();
        buf.try_reserve_exact(len)
            .map_err(|_| Error::limit("memory", self.limits.block_bytes, len as u64).within(structure))?;
        buf.resize(len, 0);
        self.storage.read_at(offset, &mut buf).map_err(|e| e.within(structure))?;
        Ok(Cow::Owned(buf))
    }

    /// Raw data bytes where the storage has them in memory.
    pub fn raw_view(&self, address: Address, len: u64, structure: &'static str) -> Result<Option<&[u8]>> {
        self.check(address, len, structure)?;
        Ok(self.storage.view(self.absolute(address), to_usize(len)?))
    }

    /// Raw data bytes into a caller's buffer.
    pub fn raw_into(&self, address: Address, buf: &mut [u8], structure: &'static str) -> Result<()> {
        self.check(address, buf.len() as u64, structure)?;
        self.storage.read_at(self.absolute(address), buf).map_err(|e| e.within(structure))
    }

    /// A cursor over a block that [`FileContext::block`] returned for `address`.
    pub fn cursor<'b>(&self, block: &'b [u8], address: Address, structure: &'static str) -> Cursor<'b> {
        let offset = self.absolute(address);
        Cursor::new(block, offset, structure, self.sizes).unsealed(self.storage.is_unsealed(offset))
    }

    /// The part of an image entry that starts at or before `address` and holds all `len` bytes.
    fn image_bytes(&self, address: Address, len: u64) -> Option<&[u8]> {
        let (start, bytes) = self.image.range(..=address).next_back()?;
        let from = usize::try_from(address.0.checked_sub(start.0)?).ok()?;
        bytes.get(from..from.checked_add(usize::try_from(len).ok()?)?)
    }

    /// Puts the image entries that reach into a block over it.
    fn overlay<'a>(&self, address: Address, block: Block<'a>) -> Block<'a> {
        let end = Address(address.0.saturating_add(block.len() as u64));
        // Entries are disjoint: only the last one that starts before the block can reach into it.
        let before = self.image.range(..address).next_back();
        let mut reaching = before.into_iter().chain(self.image.range(address..end)).peekable();
        if reaching.peek().is_none() {
            return block;
        }
        let mut block = block.into_owned();
        for (start, bytes) in reaching {
            let (skip, to) = (address.0.saturating_sub(start.0), start.0.saturating_sub(address.0));
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let to = usize::try_from(to).unwrap_or(usize::MAX);
            if let (Some(from), Some(to)) = (bytes.get(skip..), block.get_mut(to..)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        Cow::Owned(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> FileContext {
        let file: Vec<u8> = (0..32).collect();
        FileContext::new(Arc::new(file), 2, 30, Sizes::EIGHT, Limits::default())
    }

    #[test]
    fn reads_through_the_cache_image() {
        let image = [(Address(4), alloc::vec![100; 3]), (Address(10), alloc::vec![101; 2])];
        let context = context().with_image(image.into_iter().collect());
        let block = |at, len| context.block(Address(at), len, "block").unwrap().into_owned();
        assert_eq!(block(5, 2), [100, 100]);
        assert_eq!(block(3, 3), [5, 100, 100]);
        assert_eq!(block(6, 6), [100, 9, 10, 11, 101, 101]);
        assert_eq!(block(3, 9), [5, 100, 100, 100, 9, 10, 11, 101, 101]);
        assert_eq!(block(12, 2), [14, 15]);
        assert_eq!(&*context.raw(Address(3), 3, "raw").unwrap(), [5, 6, 7]);
    }

    #[test]
    fn looks_no_further_than_the_end() {
        let context = context();
        assert_eq!(context.head(Address(28), 512, "block").unwrap().len(), 2);
        assert!(context.head(Address(30), 512, "block").is_err());
        assert!(context.head(Address(u64::MAX), 512, "block").is_err());
    }
}

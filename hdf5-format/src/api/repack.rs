//! A file written anew: with nothing that it does not use, and as it should be stored.

#[cfg(feature = "std")]
use super::change::members;
use super::change::{CreateOptions, change};
use super::file::File;
use super::options::OpenOptions;
use crate::edit::{
    Bounds, Copier, CopyStyle, Driver, Durability, Editor, FileStyle, GroupStyle, Progress, Sharing, Version,
    file_space, kept_file_space,
};
use crate::error::Result;
use crate::filter::Filters;
use crate::format::message::file_space_info::{FileSpaceInfo, Strategy};
use crate::graph::object_header::ObjectHeader;
use crate::io::StorageMut;
use crate::sync::Mutex;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// What a repacked file is like, where not as the original.
#[derive(Clone, Default)]
#[must_use]
pub struct RepackOptions {
    bounds: Option<Bounds>,
    user_block: Option<u64>,
    page_size: Option<u64>,
    driver: Option<Driver>,
    copy: CopyStyle,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl fmt::Debug for RepackOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RepackOptions { bounds, user_block, page_size, driver, copy, progress: _ } = self;
        let mut out = f.debug_struct("RepackOptions");
        out.field("bounds", bounds).field("user_block", user_block).field("page_size", page_size);
        out.field("driver", driver).field("copy", copy);
        out.finish_non_exhaustive()
    }
}

impl RepackOptions {
    /// Everything as it is.
    pub fn new() -> Self {
        RepackOptions::default()
    }

    /// Versions of structures, instead of those that each object has.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = Some(bounds);
        self.copy.by_bounds = true;
        self
    }

    /// Bytes before the file's own: 0 or a power of two from 512. What the original has there is kept as far as there
    /// is room.
    pub fn user_block(mut self, bytes: u64) -> Self {
        self.user_block = Some(bytes);
        self
    }

    /// Space in pages of this many bytes.
    pub fn paged(mut self, page_size: u64) -> Self {
        self.page_size = Some(page_size);
        self
    }

    /// As several files; as one if this is not said.
    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Filters for all datasets in the file that they suit; those that have no chunks and are large enough to need
    /// them get some.
    pub fn filters(mut self, filters: Filters) -> Self {
        self.copy.filters = Some(filters);
        self
    }

    /// Lengths of chunks, for datasets of as many dimensions.
    pub fn chunks(mut self, chunk: impl Into<Vec<u64>>) -> Self {
        self.copy.chunks = Some(chunk.into());
        self
    }

    /// What is told how far it is, after each chunk or block of elements.
    pub fn progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }
}

impl File {
    /// Writes all of the file into a storage, whose content goes: the new file.
    ///
    /// # Errors
    /// Something in this file is damaged, a filter does not suit, or the storage fails. The storage is no valid file
    /// then.
    pub fn repack_into(&self, storage: impl StorageMut + 'static, options: &RepackOptions) -> Result<File> {
        // No change of this file may come between.
        let _unchanged = self.core.changer::<Mutex<Editor>>().map(Mutex::lock);
        let style = self.style(options)?;
        let user_block = self.first_bytes(style.user_block)?;
        let open = OpenOptions {
            limits: self.core.options().limits.clone(),
            external: self.core.options().external.clone(),
            filters: self.core.filters().clone(),
            ..OpenOptions::default()
        };
        let create = CreateOptions::new().style(style).open_options(open).durability(Durability::Fast);
        let file = create.create_in(storage)?;
        let total = self.core.ctx().storage().len()?;
        let watch =
            options.progress.as_ref().map(|tell| move |done: u64| tell(Progress { done: done.min(total), total }));
        change(&file.core, |editor| {
            editor.write_user_block(&user_block)?;
            let mut copier = Copier::new(&self.core, &file.core, &options.copy);
            if let Some(watch) = &watch {
                copier = copier.watched(watch);
            }
            copier.take_for(self.core.root(), editor.root(), "/".into())?;
            copier.finish(editor)
        })?;
        file.commit()?;
        Ok(file)
    }

    /// Writes all of the file to a path, where there must be none; what was written is taken away if that fails. Of
    /// several members the path is that of the first; of the others empty files may be left then.
    ///
    /// # Errors
    /// As for [`File::repack_into`].
    #[cfg(feature = "std")]
    pub fn repack(&self, path: impl AsRef<std::path::Path>, options: &RepackOptions) -> Result<()> {
        let path = path.as_ref();
        let storage = crate::io::DiskFileMut::create_new(path, crate::io::Locking::default())?;
        let done = match options.driver {
            None => self.repack_into(storage, options),
            Some(driver) => members(storage, path, driver).and_then(|storage| self.repack_into(storage, options)),
        };
        let done = done.map(|_| ());
        if done.is_err() {
            // The error that matters is the first one.
            let _ = std::fs::remove_file(path);
        }
        done
    }

    /// The style of this file, with what is asked for.
    fn style(&self, options: &RepackOptions) -> Result<FileStyle> {
        let (opened, superblock) = (self.core.opened(), self.superblock());
        let root = ObjectHeader::load(self.core.ctx(), self.core.root())?;
        let low = match (superblock.version, root.version) {
            (0 | 1, _) => Version::Earliest,
            (2, _) => Version::V18,
            _ => Version::V110,
        };
        let keep = |space: &FileSpaceInfo| {
            let new = if space.persist { kept_file_space } else { file_space };
            FileSpaceInfo { threshold: space.threshold, ..new(space.strategy, space.page_size) }
        };
        let paged = options.page_size.map(|size| file_space(Strategy::Page, size));

        let bounds = options.bounds.unwrap_or(Bounds { low, ..Bounds::default() });
        Ok(FileStyle {
            bounds,
            user_block: options.user_block.unwrap_or(opened.user_block),
            sizes: superblock.sizes,
            leaf_k: superblock.leaf_k,
            internal_k: superblock.internal_k,
            chunk_k: superblock.chunk_k,
            root: GroupStyle::of(self.core.ctx(), &root)?,
            sharing: self.core.ctx().shared_messages().and_then(|shared| Sharing::of(shared.table())),
            file_space: paged.or_else(|| opened.file_space.as_ref().map(keep)),
            driver: options.driver,
        })
    }

    /// The first bytes of the user block.
    fn first_bytes(&self, len: u64) -> Result<Vec<u8>> {
        let len = crate::codec::to_usize(len.min(self.core.opened().user_block))?;
        let mut bytes = alloc::vec![0; len];
        self.core.ctx().storage().read_at(0, &mut bytes)?;
        Ok(bytes)
    }
}

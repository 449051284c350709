//! New files.

use super::header::{self, HeaderStyle, message};
use super::lists::Kept;
use super::{Bounds, Durability, Editor, GroupStyle, Purpose, Sharing, Version, groups};
use crate::codec::{Address, Sizes};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::btree_k::BTreeK;
use crate::format::message::driver_info::DriverInfo;
use crate::format::message::file_space_info::{FileSpaceInfo, Strategy};
use crate::format::object_header::MessageFlags;
use crate::format::superblock::{self, Root, Superblock};
use crate::io::StorageMut;
use crate::limits::Limits;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How a file consists of several: libhdf5's file drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Driver {
    /// Members of one size, numbered from 0: `data00000.h5`, `data00001.h5` and so on.
    Family {
        /// Bytes of each but the last.
        member_size: u64,
    },
}

impl Driver {
    /// What the file says of it.
    fn information(self) -> DriverInfo {
        match self {
            Driver::Family { member_size } => {
                DriverInfo { id: *b"NCSAfami", information: member_size.to_le_bytes().to_vec() }
            }
        }
    }
}

/// What a new file is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStyle {
    /// Versions of structures.
    pub bounds: Bounds,
    /// Bytes before the file's own: 0 or a power of two from 512.
    pub user_block: u64,
    /// Bytes of addresses and lengths: 2, 4 or 8 each.
    pub sizes: Sizes,
    /// Half the entries of a symbol table node.
    pub leaf_k: u16,
    /// Half the children of a node of a group's version 1 B-tree.
    pub internal_k: u16,
    /// Half the children of a node of a chunk index's version 1 B-tree.
    pub chunk_k: u16,
    /// The root group.
    pub root: GroupStyle,
    /// How free space is handled, if not as by default.
    pub file_space: Option<FileSpaceInfo>,
    /// What headers share.
    pub sharing: Option<Sharing>,
    /// How it consists of several files, if it does.
    pub driver: Option<Driver>,
}

impl Default for FileStyle {
    fn default() -> Self {
        FileStyle {
            bounds: Bounds::default(),
            user_block: 0,
            sizes: Sizes::EIGHT,
            leaf_k: superblock::DEFAULT_LEAF_K,
            internal_k: superblock::DEFAULT_INTERNAL_K,
            chunk_k: superblock::DEFAULT_CHUNK_K,
            root: GroupStyle::default(),
            file_space: None,
            sharing: None,
            driver: None,
        }
    }
}

impl FileStyle {
    fn check(&self) -> Result<()> {
        let wrong = |text: alloc::string::String| Err(Error::new(ErrorKind::Invalid, text));
        let block = self.user_block;
        if block != 0 && (block < 512 || !block.is_power_of_two()) {
            return wrong(alloc::format!("a user block of {block} bytes, expected 0 or a power of two from 512"));
        }
        for size in [self.sizes.offset, self.sizes.length] {
            if ![2, 4, 8].contains(&size) {
                return wrong(alloc::format!("addresses or lengths of {size} bytes, expected 2, 4 or 8"));
            }
        }
        if self.leaf_k == 0 || self.internal_k == 0 || self.chunk_k == 0 {
            return wrong("a B-tree with K = 0".into());
        }
        if self.bounds.low > self.bounds.high {
            return wrong(alloc::format!("version bounds {:?} to {:?}", self.bounds.low, self.bounds.high));
        }
        if let Some(space) = &self.file_space {
            if space.strategy == Strategy::Page && !(512..=1 << 30).contains(&space.page_size) {
                return wrong(alloc::format!("pages of {} bytes, expected 512 to 2^30", space.page_size));
            }
            if space.persist && matches!(space.strategy, Strategy::Aggr | Strategy::None) {
                return wrong("free space is not tracked with this strategy, and so not kept".into());
            }
            if space.managers.len() != if space.persist { 12 } else { 0 } {
                return wrong("file space settings with other managers than they need".into());
            }
        }
        Ok(())
    }

    /// The version of the superblock: what the bound asks for, or what the settings need.
    fn superblock_version(&self) -> Result<u8> {
        let needed = match () {
            () if self.file_space.is_some() || self.sharing.is_some() => 2,
            () if self.chunk_k != superblock::DEFAULT_CHUNK_K => 1,
            () => 0,
        };
        if needed > self.bounds.high.superblock() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "file space settings and shared messages need a newer superblock",
            )
            .with_hint("raise the upper version bound to v18 or later"));
        }
        Ok(self.bounds.low.superblock().max(needed))
    }

    /// The superblock extension's messages.
    fn extension(&self, version: u8, editor: &mut Editor) -> Result<Vec<crate::graph::object_header::Message>> {
        let mut messages = Vec::new();
        let defaults = (superblock::DEFAULT_CHUNK_K, superblock::DEFAULT_INTERNAL_K, superblock::DEFAULT_LEAF_K);
        if version >= 2 && (self.chunk_k, self.internal_k, self.leaf_k) != defaults {
            let mut body = editor.writer();
            BTreeK { chunk: self.chunk_k, group_internal: self.internal_k, group_leaf: self.leaf_k }
                .encode(&mut body)?;
            messages.push(message(MessageKind::BTreeK, MessageFlags::DONT_SHARE, body.into_bytes()));
        }
        if let Some(sharing) = &self.sharing {
            messages.push(sharing.create(editor)?);
        }
        if let Some(driver) = self.driver.filter(|_| version >= 2) {
            let mut body = editor.writer();
            driver.information().encode_message(&mut body)?;
            messages.push(message(MessageKind::DriverInfo, MessageFlags::DONT_SHARE, body.into_bytes()));
        }
        if let Some(space) = &self.file_space {
            let mut body = editor.writer();
            space.encode(&mut body)?;
            let flags = MessageFlags::DONT_SHARE | MessageFlags::MARK_IF_UNKNOWN;
            messages.push(message(MessageKind::FileSpaceInfo, flags, body.into_bytes()));
        }
        Ok(messages)
    }
}

/// File space settings as a file has them that does not keep free space.
pub fn file_space(strategy: Strategy, page_size: u64) -> FileSpaceInfo {
    FileSpaceInfo {
        version: 1,
        strategy,
        persist: false,
        threshold: 1,
        page_size,
        page_end_threshold: 0,
        end_of_allocation: None,
        managers: Vec::new(),
    }
}

/// File space settings as a file has them whose free space is kept for whoever opens it next: with [`Strategy::FsmAggr`],
/// or with [`Strategy::Page`], where nothing but libhdf5 lists it.
pub fn kept_file_space(strategy: Strategy, page_size: u64) -> FileSpaceInfo {
    FileSpaceInfo { persist: true, managers: alloc::vec![None; 12], ..file_space(strategy, page_size) }
}

/// An empty file on a storage whose content goes; nothing is valid there before the first commit.
///
/// # Errors
/// The style contradicts itself, or the storage fails.
pub(crate) fn create(
    storage: Arc<dyn StorageMut>,
    style: &FileStyle,
    limits: Limits,
    durability: Durability,
) -> Result<Editor> {
    style.check()?;
    let version = style.superblock_version()?;
    if !storage.is_empty()? {
        // No crash shows new bytes among old ones.
        storage.set_len(0)?;
        storage.sync()?;
    }
    storage.set_len(style.user_block)?;
    let mut superblock = Superblock {
        version,
        sizes: style.sizes,
        leaf_k: style.leaf_k,
        internal_k: style.internal_k,
        chunk_k: style.chunk_k,
        flags: 0,
        base: style.user_block,
        free_space: None,
        extension: None,
        end: 0,
        driver_info: None,
        root: Root { header: Address(0), cached: None },
    };
    superblock.end = style.user_block.saturating_add(superblock.encoded_len() as u64);
    let mut editor = Editor::new(storage, superblock, limits, style.bounds, durability);
    if let Some(space) = &style.file_space {
        if space.strategy == Strategy::Page {
            editor.space.in_pages(space.page_size);
            editor.end_changed();
        }
        editor.lists = Kept::new(space, Vec::new());
    }
    if let Some(driver) = style.driver.filter(|_| version < 2) {
        let mut block = editor.writer();
        driver.information().encode_block(&mut block)?;
        editor.superblock.driver_info = Some(editor.place(Purpose::Superblock, block.as_slice())?);
    }
    let extension = style.extension(version, &mut editor)?;
    if !extension.is_empty() {
        let v2 = HeaderStyle { v2: style.bounds.low >= Version::V18, ..HeaderStyle::default() };
        editor.superblock.extension = Some(header::create(&mut editor, v2, extension)?.address);
    }
    let root = groups::create(&mut editor, &style.root)?;
    editor.superblock.root = Root { header: root.address, cached: groups::cached(&editor, &root)? };
    Ok(editor)
}

impl Editor {
    /// Commits a new file. Where that fails nothing is left of it.
    ///
    /// # Errors
    /// The storage fails.
    pub(crate) fn first_commit(&mut self) -> Result<()> {
        let done = self.commit();
        done.map_err(|error| {
            let storage = self.overlay.base();
            // Without an order of writes, what is there may open and be damaged.
            let gone = storage.set_len(0).and_then(|()| storage.sync());
            let left = if gone.is_ok() {
                "nothing is left of the new file"
            } else {
                "what is left of the new file is not to be used"
            };
            error.with_hint(alloc::format!("{left}: create it again"))
        })
    }

    /// The header of the root group.
    pub fn root(&self) -> Address {
        self.superblock.root.header
    }
}

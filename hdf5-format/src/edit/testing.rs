//! Files in memory for tests of edits.

use super::{Bounds, Durability, Editor, Version};
use crate::codec::{Address, Sizes};
use crate::format::superblock::{self, Root, Superblock};
use crate::io::MemoryFile;
use crate::limits::Limits;
use alloc::sync::Arc;

/// An editor of an empty file of some version; its root address means nothing.
pub(crate) fn editor(low: Version) -> (Editor, MemoryFile) {
    editor_with(low, |_| {})
}

/// The same with another superblock.
pub(crate) fn editor_with(low: Version, change: impl FnOnce(&mut Superblock)) -> (Editor, MemoryFile) {
    let file = MemoryFile::new([0; 0]);
    let mut superblock = Superblock {
        version: if low == Version::Earliest { 0 } else { 2 },
        sizes: Sizes::EIGHT,
        leaf_k: superblock::DEFAULT_LEAF_K,
        internal_k: superblock::DEFAULT_INTERNAL_K,
        chunk_k: superblock::DEFAULT_CHUNK_K,
        flags: 0,
        base: 0,
        free_space: None,
        extension: None,
        end: 96,
        driver_info: None,
        root: Root { header: Address(0), cached: None },
    };
    change(&mut superblock);
    let bounds = Bounds { low, ..Bounds::default() };
    (Editor::new(Arc::new(file.clone()), superblock, Limits::default(), bounds, Durability::Atomic), file)
}

//! Space that a file does not use: found by a walk, reused, cut off.

use super::File;
use super::change::lock;
use crate::check::{self, CheckOptions};
use crate::dataset::file::FileCore;
use crate::edit::Editor;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::file_space_info::Strategy;
use alloc::sync::Arc;

/// What [`File::compact`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// Bytes of the file before.
    pub before: u64,
    /// Bytes of the file now.
    pub after: u64,
    /// Bytes that are still unused: new objects take them, and repacking gives them back.
    pub free: u64,
}

impl File {
    /// Bytes that nothing uses, as far as this handle knows: what was deleted through it, and what
    /// [`File::reclaim`] found.
    ///
    /// # Errors
    /// The file is open for reading only.
    pub fn free_bytes(&self) -> Result<u64> {
        Ok(lock(&self.core)?.lock().free_bytes())
    }

    /// Finds the bytes that nothing uses by a walk over the whole file, so that new objects take them: how many are free.
    ///
    /// # Errors
    /// The file has uncommitted changes; or it is damaged or holds something unknown, and what is free is not certain.
    pub fn reclaim(&self) -> Result<u64> {
        let mut editor = lock(&self.core)?.lock();
        editor.check_sound()?;
        reclaim(&self.core, &mut editor)
    }

    /// Commits, and cuts unused bytes off the end of the file. Nothing is moved: see [`File::repack`] for that.
    ///
    /// # Errors
    /// As for [`File::commit`] and [`File::reclaim`]; what was changed is committed where the walk fails.
    ///
    /// [`File::repack`]: crate::File::repack
    pub fn compact(&self) -> Result<Compaction> {
        let mut editor = lock(&self.core)?.lock();
        editor.check_sound()?;
        let before = editor.superblock.end;
        editor.commit()?;
        reclaim(&self.core, &mut editor)?;
        editor.commit()?;
        Ok(Compaction { before, after: editor.superblock.end, free: editor.free_bytes() })
    }
}

/// Tells the editor what a walk over the committed state finds unused.
pub(super) fn reclaim(core: &Arc<FileCore>, editor: &mut Editor) -> Result<u64> {
    if !editor.is_committed() {
        return Err(
            Error::new(ErrorKind::Conflict, "the file has changes that are not committed").with_hint("commit first")
        );
    }
    // Space of pages may only be used again page by page.
    if core.opened().file_space.as_ref().is_some_and(|space| space.strategy == Strategy::Page) {
        return Ok(editor.free_bytes());
    }
    let report = check::run(core, CheckOptions::new().space_only(true));
    if !report.complete {
        let why = report
            .damage()
            .next()
            .map_or_else(|| "it holds messages of unknown types".into(), |f| alloc::format!("{f}"));
        let text = alloc::format!("what is unused is not certain: {why}");
        return Err(Error::new(ErrorKind::Conflict, text).with_hint("repack the file: the copy has no unused space"));
    }
    let base = core.ctx().base();
    editor.add_free(report.holes.iter().map(|&(offset, len)| (offset.saturating_sub(base), len)));
    Ok(editor.free_bytes())
}

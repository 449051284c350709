//! Files that exist, for changing.

use super::{Bounds, Durability, Editor, Version, takeover};
use crate::error::{Error, ErrorKind, Result};
use crate::format::superblock::{COMMITTING, OPEN_FOR_SWMR, OPEN_FOR_WRITE};
use crate::graph::object_header::ObjectHeader;
use crate::graph::open::OpenedFile;
use crate::io::StorageMut;
use crate::limits::Limits;
use alloc::sync::Arc;

/// An editor of an opened file. New objects have the style of the root group.
///
/// # Errors
/// The file is one that is not changed: of several members, or marked as open elsewhere; or what it keeps for whoever
/// opens it is damaged.
pub(crate) fn open(
    storage: Arc<dyn StorageMut>,
    opened: &OpenedFile,
    limits: Limits,
    durability: Durability,
) -> Result<Editor> {
    let refused = |text: &'static str, hint: &'static str| Err(Error::unsupported(text).with_hint(hint));
    if opened.driver.as_ref().is_some_and(|driver| &driver.id != b"NCSAfami") {
        return refused("a file whose members hold different things is not changed", "repack it into one file first");
    }
    let mut superblock = opened.superblock.clone();
    // Where the superblock was found counts, not where it says it is.
    superblock.base = opened.context.base();
    superblock.end = superblock.base.saturating_add(opened.context.end());
    let marked = superblock.flags & (OPEN_FOR_WRITE | OPEN_FOR_SWMR) != 0 && superblock.flags != COMMITTING;
    if superblock.version >= 3 && marked {
        return Err(Error::new(ErrorKind::Locked, "the file is marked as open for writing").with_hint(
            "another program has it open, or died; if none has, h5 recover takes the mark away where the file is whole",
        ));
    }
    if superblock.version >= 3 {
        superblock.flags = 0;
    }
    let root = ObjectHeader::load(&opened.context, superblock.root.header)?;
    let low = match (root.version, superblock.version) {
        (1, _) => Version::Earliest,
        (_, 0..=2) => Version::V18,
        _ => Version::V110,
    };
    let bounds = Bounds { low, ..Bounds::default() };
    let mut editor = Editor::new(storage, superblock, limits, bounds, durability);
    editor.exists = true;
    if let Some(shared) = opened.context.shared_messages() {
        editor.share_in(shared.address(), shared.table().clone());
    }
    takeover::take_over(&mut editor, opened)?;
    Ok(editor)
}

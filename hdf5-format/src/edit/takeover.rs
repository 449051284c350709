//! What a file keeps for whoever opens it next, taken over when it is changed: the metadata cache image and the lists of
//! free space.
//!
//! The image's blocks are changes like any others, and its message goes with it. Free space that is listed is used
//! again; the lists themselves go, since they would be wrong after the first change. libhdf5 makes new ones when it
//! closes a file that says it keeps them.

use super::header::{self, message};
use super::{Editor, Purpose};
use crate::error::Result;
use crate::format::free_space::{FreeSpaceHeader, SectionKind};
use crate::format::message::MessageKind;
use crate::format::message::file_space_info::FileSpaceInfo;
use crate::graph::fractal_heap::{load_manager, load_sections};
use crate::graph::object_header::ObjectHeader;
use crate::graph::open::OpenedFile;

/// Takes over what `opened` found. The extension's header is changed where it was more than nothing.
///
/// # Errors
/// A list or the extension is damaged.
pub(super) fn take_over(editor: &mut Editor, opened: &OpenedFile) -> Result<()> {
    for (&address, bytes) in opened.context.image() {
        editor.write(address, bytes)?;
    }
    let kept = opened.file_space.as_ref().filter(|space| space.managers.iter().any(Option::is_some));
    let Some(extension) = editor.superblock.extension.filter(|_| kept.is_some() || opened.cache_image.is_some()) else {
        return Ok(());
    };
    let mut header = ObjectHeader::load(editor.ctx(), extension)?;
    if let Some(image) = &opened.cache_image {
        header.messages.retain(|m| m.kind != MessageKind::CacheImage);
        if let Some(address) = image.address {
            editor.ctx().check(address, image.len, "cache image")?;
            editor.release(Purpose::ObjectHeader, address, image.len);
        }
    }
    if let Some(space) = kept {
        lists(editor, space)?;
        let managers = space.managers.iter().map(|_| None).collect();
        let mut body = editor.writer();
        FileSpaceInfo { managers, end_of_allocation: None, ..space.clone() }.encode(&mut body)?;
        if let Some(place) = header.messages.iter_mut().find(|m| m.kind == MessageKind::FileSpaceInfo) {
            *place = message(place.kind, place.flags.0, body.into_bytes());
        }
    }
    header::store(editor, &mut header)
}

/// Takes free space out of the file's lists, and gives the lists back.
fn lists(editor: &mut Editor, space: &FileSpaceInfo) -> Result<()> {
    let end = editor.superblock.end.saturating_sub(editor.superblock.base);
    for manager in space.managers.iter().copied().flatten() {
        let head = load_manager(editor.ctx(), manager)?;
        let list = load_sections(editor.ctx(), manager, &head)?;
        editor.release(Purpose::ObjectHeader, manager, FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64);
        let Some((at, list)) = list else { continue };
        editor.release(Purpose::ObjectHeader, at, head.sections_allocated);
        // Pages have a use of their own for what is free in them.
        for section in list.sections.iter().filter(|section| section.kind == SectionKind::Simple) {
            let stop = section.offset.saturating_add(section.size);
            if section.offset > 0 && stop <= end {
                editor.space.add_free(section.offset, stop);
            }
        }
    }
    Ok(())
}

//! What a file keeps for whoever opens it next, taken over when it is changed: the metadata cache image and the lists of
//! free space.
//!
//! The image's blocks are changes like any others, and its message goes with it. Free space that is listed is used
//! again. The lists stay as they are until the first commit, which makes new ones; those of files in pages, and of early
//! releases, which had another form of the settings, go.

use super::header::{self, message};
use super::lists::Kept;
use super::pages::Sort;
use super::{Editor, Purpose};
use crate::codec::Address;
use crate::error::Result;
use crate::format::free_space::{FreeSpaceHeader, Section, SectionKind};
use crate::format::message::MessageKind;
use crate::format::message::file_space_info::{FileSpaceInfo, Strategy};
use crate::graph::fractal_heap::{load_manager, load_sections};
use crate::graph::object_header::ObjectHeader;
use crate::graph::open::OpenedFile;
use alloc::vec::Vec;

/// Takes over what `opened` found. The extension's header is changed where it was more than nothing.
///
/// # Errors
/// A list or the extension is damaged.
pub(super) fn take_over(editor: &mut Editor, opened: &OpenedFile) -> Result<()> {
    for (&address, bytes) in opened.context.image() {
        editor.write(address, bytes)?;
    }
    if let Some(space) = &opened.file_space {
        if space.strategy == Strategy::Page {
            editor.space.in_pages(space.page_size);
            editor.end_changed();
        }
        if Kept::new(space, Vec::new()).is_some() {
            let blocks = lists(editor, space)?;
            editor.lists = Kept::new(space, blocks);
        }
    }
    let kept = opened.file_space.as_ref().filter(|space| space.managers.iter().any(Option::is_some));
    let kept = kept.filter(|_| editor.lists.is_none());
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
        for (address, len) in lists(editor, space)? {
            editor.release(Purpose::ObjectHeader, address, len);
        }
        let managers = space.managers.iter().map(|_| None).collect();
        let mut body = editor.writer();
        FileSpaceInfo { managers, end_of_allocation: None, ..space.clone() }.encode(&mut body)?;
        if let Some(place) = header.messages.iter_mut().find(|m| m.kind == MessageKind::FileSpaceInfo) {
            *place = message(place.kind, place.flags.0, body.into_bytes());
        }
    }
    header::store(editor, &mut header)
}

/// Takes free space out of the file's lists: the blocks of the lists. Lists that can not be right are not used.
fn lists(editor: &mut Editor, space: &FileSpaceInfo) -> Result<Vec<(Address, u64)>> {
    let end = editor.superblock.end.saturating_sub(editor.superblock.base);
    let (mut blocks, mut free) = (Vec::new(), Vec::new());
    for (place, manager) in space.managers.iter().enumerate().filter_map(|(place, m)| Some((place, (*m)?))) {
        let head = load_manager(editor.ctx(), manager)?;
        let list = load_sections(editor.ctx(), manager, &head)?;
        blocks.push((manager, FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64));
        let Some((at, list)) = list else { continue };
        blocks.push((at, head.sections_allocated));
        let sort = if RAW_PLACES.contains(&place) { Sort::Raw } else { Sort::Metadata };
        free.extend(list.sections.iter().map(|section| (*section, sort)));
    }
    free.sort_by_key(|(section, _)| section.offset);
    let stop = |section: &Section| section.offset.saturating_add(section.size);
    let mut used = blocks.iter().map(|&(at, len)| (at.0, at.0.saturating_add(len))).collect::<Vec<_>>();
    used.push((0, editor.superblock.encoded_len() as u64));
    used.extend([editor.superblock.root.header.0].map(|at| (at, at.saturating_add(1))));
    used.extend(editor.superblock.extension.map(|at| (at.0, at.0.saturating_add(1))));
    let apart = free.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if stop(a) <= b.offset));
    let unused = |section: &Section| !used.iter().any(|&(from, to)| section.offset < to && from < stop(section));
    if !apart || !free.iter().all(|(section, _)| stop(section) <= end && unused(section)) {
        return Ok(blocks);
    }
    let paged = space.strategy == Strategy::Page;
    for (section, sort) in free {
        match section.kind {
            SectionKind::Simple if !paged => editor.space.know(section.offset, section.size, sort),
            SectionKind::Small if paged => editor.space.know(section.offset, section.size, sort),
            SectionKind::Large if paged => {}
            // Of a file that was in pages once, or was not.
            _ => continue,
        }
        editor.space.add_free(section.offset, stop(&section));
    }
    Ok(blocks)
}

/// Managers of raw data and of heap collections.
const RAW_PLACES: [usize; 2] = [2, 3];

//! The lists of free space that a file keeps for whoever opens it next.
//!
//! They are made anew with every commit, and are a part of what it commits: space that a committed list has is free in
//! the state that the list belongs to, whatever was written there since.

use super::free::Free;
use super::header::{self, message};
use super::pages::Sort;
use super::{Editor, Purpose};
use crate::codec::Address;
use crate::codec::limited_width;
use crate::error::Result;
use crate::format::free_space::{Client, FreeSpaceHeader, FreeSpaceSections, Section, SectionKind};
use crate::format::message::MessageKind;
use crate::format::message::file_space_info::{FileSpaceInfo, Strategy};
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

/// Places of the managers in the message: of metadata, raw data, and what is a page or longer.
const METADATA: usize = 0;
const RAW: usize = 2;
const LONG: usize = 6;
/// Kinds of section that the file knows.
const CLASSES: u16 = 3;
/// Sections by which allocating the lists themselves may change what is free.
const SLACK: usize = 24;

/// How a file keeps its free space.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    info: FileSpaceInfo,
    /// Blocks of the lists of the last commit, and of those being made.
    committed: Vec<(Address, u64)>,
    blocks: Vec<(Address, u64)>,
}

impl Kept {
    /// That of a file with these settings and blocks of lists; `None` if it keeps none.
    pub(super) fn new(info: &FileSpaceInfo, blocks: Vec<(Address, u64)>) -> Option<Self> {
        let keeps = info.version == 1 && info.persist && matches!(info.strategy, Strategy::FsmAggr | Strategy::Page);
        keeps.then(|| Kept { info: info.clone(), committed: blocks.clone(), blocks })
    }

    /// The lists being made are those of the file.
    pub(super) fn commit(&mut self) {
        self.committed = self.blocks.clone();
    }

    /// The lists of the last commit are those of the file.
    pub(super) fn rollback(&mut self) {
        self.blocks = self.committed.clone();
    }
}

/// Writes the lists of what is free after the commit, in the place of the old ones.
///
/// # Errors
/// The extension is damaged, or the file is full.
pub(super) fn store(editor: &mut Editor) -> Result<()> {
    let Some(mut kept) = editor.lists.take() else { return Ok(()) };
    for (address, len) in core::mem::take(&mut kept.blocks) {
        editor.release(Purpose::ObjectHeader, address, len);
    }
    let done = place(editor, &mut kept);
    editor.lists = Some(kept);
    done
}

fn place(editor: &mut Editor, kept: &mut Kept) -> Result<()> {
    let managers = editor.space.free_after_commit();
    let managers = [METADATA, RAW, LONG].map(|place| sections(&managers, place, kept.info.threshold).len());
    let head_len = FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64;
    let mut places = Vec::new();
    for (place, count) in [METADATA, RAW, LONG].into_iter().zip(managers) {
        // The lists of the others may be the first blocks of a page of metadata.
        if count == 0 && (place != METADATA || managers.iter().all(|&count| count == 0)) {
            continue;
        }
        let room = empty(editor, count.saturating_add(SLACK), 0).sections_used;
        let head = editor.allocate(Purpose::ObjectHeader, head_len)?;
        let list = editor.allocate(Purpose::ObjectHeader, room)?;
        kept.blocks.extend([(head, head_len), (list, room)]);
        places.push((place, head, list, room));
    }
    let free = editor.space.free_after_commit();
    let mut info = FileSpaceInfo { managers: alloc::vec![None; 12], ..kept.info.clone() };
    for (place, head, list, room) in places {
        let mut found = sections(&free, place, kept.info.threshold);
        // Where more is free than there is room for, the shortest are left out.
        if found.is_empty() {
            kept.blocks.retain(|block| block.0 != head && block.0 != list);
            editor.release(Purpose::ObjectHeader, head, head_len);
            editor.release(Purpose::ObjectHeader, list, room);
            continue;
        }
        let most = fitting(editor, &found, room);
        found.drain(..found.len().saturating_sub(most));
        write(editor, head, list, room, found)?;
        if let Some(manager) = info.managers.get_mut(place) {
            *manager = Some(head);
        }
    }
    info.end_of_allocation = Some(Address(editor.space.end_after_commit()));
    state(editor, &info)
}

/// The sections of a manager, the shortest first.
fn sections(free: &Free, place: usize, threshold: u64) -> Vec<Section> {
    let mut found = Vec::new();
    let mut add = |kind: SectionKind, (start, end): (u64, u64)| {
        let size = end.saturating_sub(start);
        if size >= threshold.max(1) {
            found.push(Section { offset: start, size, kind });
        }
    };
    match free {
        Free::Plain { ranges, raw } => {
            for (start, end) in ranges.ranges().iter() {
                raw.parts(start, end, |start, end, is_raw| {
                    if place == if is_raw { RAW } else { METADATA } {
                        add(SectionKind::Simple, (start, end));
                    }
                });
            }
        }
        Free::Paged(pages) => match place {
            METADATA => pages.short(Sort::Metadata).for_each(|range| add(SectionKind::Small, range)),
            RAW => pages.short(Sort::Raw).for_each(|range| add(SectionKind::Small, range)),
            _ => pages.long().for_each(|range| add(SectionKind::Large, range)),
        },
    }
    found.sort_by_key(|section| (section.size, section.offset));
    found
}

/// The last sections, as many as a list of `room` bytes has place for.
fn fitting(editor: &Editor, found: &[Section], room: u64) -> usize {
    let (mut low, mut high) = (0usize, found.len());
    while low < high {
        let middle = high.saturating_sub(high.saturating_sub(low) / 2);
        let groups = found.len().saturating_sub(middle);
        let groups = found.get(groups..).unwrap_or(&[]).chunk_by(|a, b| a.size == b.size).count();
        if empty(editor, middle, groups).sections_used <= room { low = middle } else { high = middle.saturating_sub(1) }
    }
    low
}

/// A manager of so many sections of so many sizes, 0 for as many as there are sections.
fn empty(editor: &Editor, count: usize, groups: usize) -> FreeSpaceHeader {
    let sizes = editor.ctx().sizes();
    let bits = u16::from(sizes.offset.min(sizes.length).min(8)).saturating_mul(8).saturating_sub(1);
    let max = u64::MAX.checked_shr(64u32.saturating_sub(bits.into())).unwrap_or(u64::MAX);
    let (groups, each) = (if groups == 0 { count } else { groups }, usize::from(bits.div_ceil(8)).saturating_add(1));
    let head = limited_width(count as u64).saturating_add(limited_width(max));
    let body = groups.saturating_mul(head).saturating_add(count.saturating_mul(each));
    let used = sizes.o().saturating_add(9).saturating_add(body) as u64;
    FreeSpaceHeader {
        client: Client::File,
        total_space: 0,
        section_count: count as u64,
        serialised_count: count as u64,
        ghost_count: 0,
        class_count: CLASSES,
        shrink_percent: 80,
        expand_percent: 120,
        address_bits: bits,
        max_section_size: max,
        sections: None,
        sections_used: used,
        sections_allocated: used,
    }
}

fn write(editor: &mut Editor, head: Address, list: Address, room: u64, found: Vec<Section>) -> Result<()> {
    let groups = found.chunk_by(|a, b| a.size == b.size).count();
    let manager = FreeSpaceHeader {
        total_space: found.iter().fold(0, |sum, section| section.size.saturating_add(sum)),
        sections: Some(list),
        sections_allocated: room,
        ..empty(editor, found.len(), groups)
    };
    let mut writer = editor.block_writer();
    manager.encode(&mut writer)?;
    editor.write_block(head, &writer)?;
    let mut writer = editor.block_writer();
    FreeSpaceSections { header: head, sections: found }.encode(&mut writer, &manager)?;
    editor.write_block(list, &writer)
}

/// Puts the settings into the superblock extension.
fn state(editor: &mut Editor, info: &FileSpaceInfo) -> Result<()> {
    let Some(extension) = editor.superblock.extension else { return Ok(()) };
    let mut header = ObjectHeader::load(editor.ctx(), extension)?;
    let mut body = editor.writer();
    info.encode(&mut body)?;
    if let Some(old) = header.messages.iter_mut().find(|m| m.kind == MessageKind::FileSpaceInfo) {
        *old = message(old.kind, old.flags.0, body.into_bytes());
    }
    header::store(editor, &mut header)
}

//! The lists of free space that a file keeps for whoever opens it next.
//!
//! They are made anew with every commit, and are a part of what it commits: space that a committed list has is free in
//! the state that the list belongs to, whatever was written there since.
//!
//! Files in pages keep none: libhdf5 places its lists in the space that they list, and where the pages' lists are long
//! it may never end when it closes the file, whoever made them.

use super::free::Free;
use super::header::{self, message};
use super::{Editor, Purpose};
use crate::codec::Address;
use crate::codec::limited_width;
use crate::error::{Error, ErrorKind, Result};
use crate::format::free_space::{Client, FreeSpaceHeader, FreeSpaceSections, Section, SectionKind};
use crate::format::message::MessageKind;
use crate::format::message::file_space_info::{FileSpaceInfo, Strategy};
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

/// Places of the managers in the message: of metadata, and of raw data.
const METADATA: usize = 0;
const RAW: usize = 2;
const MANAGERS: [usize; 2] = [METADATA, RAW];
/// Kinds of section that the file knows.
const CLASSES: u16 = 3;
/// Times that the lists are placed for them to say what is free beside them.
const TRIES: usize = 8;

/// How a file keeps its free space.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    info: FileSpaceInfo,
    /// Blocks of the lists of the last commit, and of those being made.
    committed: Vec<(Address, u64)>,
    blocks: Vec<(Address, u64)>,
    /// The committed lists do not say all that is known to be free.
    stale: bool,
}

impl Kept {
    /// That of a file with these settings and blocks of lists; `None` if it keeps none.
    pub(super) fn new(info: &FileSpaceInfo, blocks: Vec<(Address, u64)>) -> Option<Self> {
        let keeps = info.version == 1 && info.persist && info.strategy == Strategy::FsmAggr;
        keeps.then(|| Kept { info: info.clone(), committed: blocks.clone(), blocks, stale: false })
    }

    /// More is free than the lists say.
    pub(super) fn is_stale(&mut self) {
        self.stale = true;
    }

    /// The lists being made are those of the file.
    pub(super) fn commit(&mut self) {
        self.stale = false;
        self.committed = self.blocks.clone();
    }

    /// The lists of the last commit are those of the file.
    pub(super) fn rollback(&mut self) {
        self.blocks = self.committed.clone();
    }
}

/// Writes the lists of what is free after the commit, in the place of the old ones; unless nothing has changed.
///
/// # Errors
/// The extension is damaged, or the file is full.
pub(super) fn store(editor: &mut Editor) -> Result<()> {
    let changed = !editor.is_committed() || !editor.exists;
    let Some(mut kept) = editor.lists.take_if(|kept| kept.stale || changed) else { return Ok(()) };
    for (address, len) in core::mem::take(&mut kept.blocks) {
        editor.release(Purpose::ObjectHeader, address, len);
    }
    let done = place(editor, &mut kept);
    editor.lists = Some(kept);
    done
}

/// A list that is being made, and the bytes that it may fill.
struct Place {
    manager: usize,
    head: Address,
    list: Address,
    room: u64,
}

fn place(editor: &mut Editor, kept: &mut Kept) -> Result<()> {
    let threshold = kept.info.threshold;
    // Whatever room the settings take, they have it before the lists say what is free.
    state(editor, &FileSpaceInfo { managers: alloc::vec![None; 12], ..kept.info.clone() })?;
    let mut rooms = rooms(editor, &editor.space.free_after_commit(), threshold);
    let mut tries = TRIES;
    // What the lists take changes what they say. Blocks are as long as their lists, as libhdf5 has them.
    let (places, free) = loop {
        let places = reserve(editor, kept, rooms)?;
        let free = editor.space.free_after_commit();
        let now = self::rooms(editor, &free, threshold);
        tries = tries.saturating_sub(1);
        if now == rooms || tries == 0 {
            break (places, free);
        }
        for (address, len) in core::mem::take(&mut kept.blocks) {
            editor.release(Purpose::ObjectHeader, address, len);
        }
        rooms = now;
    };
    let mut info = FileSpaceInfo { managers: alloc::vec![None; 12], ..kept.info.clone() };
    for Place { manager, head, list, room } in places {
        let mut found = sections(&free, manager, threshold);
        // Where more is free than there is room for, the shortest are left out.
        let most = fitting(editor, &found, room);
        found.drain(..found.len().saturating_sub(most));
        if found.is_empty() {
            let (unused, used) = kept.blocks.iter().partition(|block| block.0 == head || block.0 == list);
            kept.blocks = used;
            let unused: Vec<(Address, u64)> = unused;
            for (address, len) in unused {
                editor.release(Purpose::ObjectHeader, address, len);
            }
            continue;
        }
        write(editor, head, list, found)?;
        if let Some(manager) = info.managers.get_mut(manager) {
            *manager = Some(head);
        }
    }
    info.end_of_allocation = Some(Address(editor.space.end_after_commit()));
    let before = (editor.space.end(), editor.space.free_bytes());
    state(editor, &info)?;
    if before != (editor.space.end(), editor.space.free_bytes()) {
        return Err(Error::new(ErrorKind::Corrupt, "the settings of free space took more room than they had"));
    }
    Ok(())
}

/// Blocks for the managers whose lists have some length.
fn reserve(editor: &mut Editor, kept: &mut Kept, rooms: [u64; 2]) -> Result<Vec<Place>> {
    let head_len = FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64;
    let mut places = Vec::new();
    for (manager, room) in MANAGERS.into_iter().zip(rooms).filter(|&(_, room)| room > 0) {
        let head = editor.allocate(Purpose::ObjectHeader, head_len)?;
        kept.blocks.push((head, head_len));
        let list = editor.allocate(Purpose::ObjectHeader, room)?;
        kept.blocks.push((list, room));
        places.push(Place { manager, head, list, room });
    }
    Ok(places)
}

/// Lengths of the lists of what is free, 0 for those that nothing is in.
fn rooms(editor: &Editor, free: &Free, threshold: u64) -> [u64; 2] {
    MANAGERS.map(|manager| {
        let found = sections(free, manager, threshold);
        let groups = found.chunk_by(|a, b| a.size == b.size).count();
        if found.is_empty() { 0 } else { empty(editor, found.len(), groups).sections_used }
    })
}

/// The sections of a manager, the shortest first.
fn sections(free: &Free, place: usize, threshold: u64) -> Vec<Section> {
    let mut found = Vec::new();
    let Free::Plain { ranges, raw } = free else { return found };
    for (start, end) in ranges.ranges().iter() {
        raw.parts(start, end, |start, end, is_raw| {
            let size = end.saturating_sub(start);
            if place == if is_raw { RAW } else { METADATA } && size >= threshold.max(1) {
                found.push(Section { offset: start, size, kind: SectionKind::Simple });
            }
        });
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

/// A manager of so many sections of so many sizes.
fn empty(editor: &Editor, count: usize, groups: usize) -> FreeSpaceHeader {
    let sizes = editor.ctx().sizes();
    let bits = u16::from(sizes.offset.min(sizes.length).min(8)).saturating_mul(8).saturating_sub(1);
    let max = u64::MAX.checked_shr(64u32.saturating_sub(bits.into())).unwrap_or(u64::MAX);
    let each = usize::from(bits.div_ceil(8)).saturating_add(1);
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

fn write(editor: &mut Editor, head: Address, list: Address, found: Vec<Section>) -> Result<()> {
    let groups = found.chunk_by(|a, b| a.size == b.size).count();
    let manager = FreeSpaceHeader {
        total_space: found.iter().fold(0, |sum, section| section.size.saturating_add(sum)),
        sections: Some(list),
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

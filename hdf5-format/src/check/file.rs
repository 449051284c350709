//! What belongs to the file as a whole: superblock, extension, shared messages, free space.

use super::elements::COLLECTION;
use super::map::{Map, Range};
use super::report::Code;
use super::walk::Checker;
use crate::codec::Address;
use crate::format::global_heap::GlobalHeapCollection;
use crate::format::message::driver_info::DriverInfo;
use crate::format::message::file_space_info::FileSpaceInfo;
use crate::graph::fractal_heap::{load_manager, load_sections};
use crate::graph::object_header::ObjectHeader;
use crate::graph::open::file_space;
use alloc::format;
use alloc::vec::Vec;

/// Holes shown one by one.
const SHOWN_HOLES: usize = 8;

/// Bytes searched at once for collections that only data point at.
const WINDOW: u64 = 1 << 20;

impl Checker<'_> {
    /// Walks what is not an object.
    pub(super) fn file(&mut self) {
        let opened = self.core.opened();
        let superblock = &opened.superblock;
        self.map.add(0, superblock.encoded_len() as u64, "superblock");
        opened.warnings.iter().filter(|e| e.kind() != crate::ErrorKind::Locked).for_each(|error| self.error(error));
        if let Some(address) = superblock.driver_info {
            let information = opened.driver.as_ref().map_or(0, |driver| driver.information.len());
            self.map.add(address.0, DriverInfo::BLOCK_PREFIX.saturating_add(information) as u64, "driver info");
        }
        if let Some(address) = superblock.extension {
            let header = ObjectHeader::load(&self.surveyed, address);
            if let Some(header) = self.note(header) {
                self.report.complete &= header.messages.iter().all(|message| message.kind.is_known());
                let shared = self.shared_messages(&header);
                self.note(shared);
                let space = file_space(self.ctx, &header).ok().flatten();
                self.free = space.map_or_else(Vec::new, |space| self.free_sections(&space));
            }
        }
        if let Some((address, len)) = opened.cache_image.as_ref().and_then(|m| Some((m.address?, m.len))) {
            self.map.add(address.0, len, "metadata cache image");
        }
    }

    /// The holes of the map: what of them the file lists as free, and what nothing knows.
    pub(super) fn space(&mut self, map: &Map) {
        let mut holes = map.holes(self.ctx.end());
        if self.heaps.unread || !self.report.complete {
            holes = self.collections_in(holes);
        }
        let bytes = |ranges: &[Range]| ranges.iter().fold(0u64, |n, (s, e)| n.saturating_add(e.saturating_sub(*s)));
        let free = core::mem::take(&mut self.free);
        for &(start, end) in &free {
            let before = map.entries().partition_point(|entry| entry.start < end);
            let reaching = map.entries().get(..before).unwrap_or(&[]).iter().rev().take(64);
            if let Some(entry) = reaching.into_iter().find(|entry| entry.end > start) {
                let text =
                    format!("{} bytes listed as free, but {} is there", end.saturating_sub(start), entry.structure);
                self.at(Code::FreeInUse, Address(start), text);
            }
        }
        let empty = bytes(&holes);
        self.report.free = bytes(&free).min(empty);
        self.report.unused = empty.saturating_sub(self.report.free);
        self.report.used = self.ctx.end().saturating_sub(empty);
        let unknown = without(&holes, &free);
        if self.report.unused > 0 && self.report.complete {
            let shown = unknown.iter().take(SHOWN_HOLES).map(|&(start, end)| {
                format!("{} at {:#x}", end.saturating_sub(start), self.ctx.absolute(Address(start)))
            });
            let (shown, more) = (shown.collect::<Vec<_>>().join(", "), unknown.len().saturating_sub(SHOWN_HOLES));
            let more = if more > 0 { format!(" and {more} more") } else { Default::default() };
            let text = format!("{} bytes that nothing uses: {shown}{more}", self.report.unused);
            self.finding(Code::Unused, None, text);
        }
        let absolute = |&(start, end): &Range| (self.ctx.absolute(Address(start)), end.saturating_sub(start));
        self.report.holes = holes.iter().map(absolute).collect();
        let whole = self.ctx.storage().len().unwrap_or(0).saturating_sub(self.ctx.base());
        if let Some(more) = whole.checked_sub(self.ctx.end()).filter(|&more| more > 0) {
            self.at(Code::Trailing, Address(self.ctx.end()), format!("{more} bytes after the end of the file"));
        }
    }

    /// Free space that the file's own managers list.
    fn free_sections(&mut self, info: &FileSpaceInfo) -> Vec<Range> {
        let mut free = Vec::new();
        for &manager in info.managers.iter().flatten() {
            let sections = load_manager(&self.surveyed, manager)
                .and_then(|header| Ok((load_sections(&self.surveyed, manager, &header)?, header.total_space)));
            let Some((Some((_, list)), total)) = self.note(sections) else { continue };
            let sum = list.sections.iter().fold(0u64, |n, section| n.saturating_add(section.size));
            if sum != total {
                let text = format!("free-space manager: {total} free bytes, but its sections have {sum}");
                self.at(Code::Count, manager, text);
            }
            free.extend(list.sections.iter().map(|s| (s.offset, s.offset.saturating_add(s.size))));
        }
        free.sort_unstable();
        free
    }

    /// Takes heap collections out of holes: where data were not read nothing else tells of them.
    fn collections_in(&self, holes: Vec<Range>) -> Vec<Range> {
        let mut left = Vec::new();
        for (mut start, end) in holes {
            let mut at = start;
            while let Some(found) = self.find_collection(at, end) {
                let Some(len) = self.collection_len(found).filter(|len| *len <= end.saturating_sub(found)) else {
                    at = found.saturating_add(1);
                    continue;
                };
                if start < found {
                    left.push((start, found));
                }
                start = found.saturating_add(len);
                at = start;
            }
            if start < end {
                left.push((start, end));
            }
        }
        left
    }

    /// The next place where a collection may start.
    fn find_collection(&self, mut at: u64, end: u64) -> Option<u64> {
        let signature = GlobalHeapCollection::SIGNATURE;
        while end.saturating_sub(at) >= signature.len() as u64 {
            let window = self.ctx.raw(Address(at), WINDOW.min(end.saturating_sub(at)), COLLECTION).ok()?;
            if let Some(place) = window.windows(signature.len()).position(|bytes| bytes == signature) {
                return at.checked_add(place as u64);
            }
            // Windows overlap, so that no signature is cut in two.
            at = at.saturating_add((window.len() as u64).saturating_sub(3));
        }
        None
    }

    fn collection_len(&self, at: u64) -> Option<u64> {
        let len = GlobalHeapCollection::header_len(self.ctx.sizes()) as u64;
        let block = self.ctx.raw(Address(at), len, COLLECTION).ok()?;
        GlobalHeapCollection::parse_len(&mut self.ctx.cursor(&block, Address(at), COLLECTION)).ok()
    }
}

/// The parts of sorted ranges that are not in others, which are sorted too.
fn without(ranges: &[Range], others: &[Range]) -> Vec<Range> {
    let (mut left, mut others) = (Vec::new(), others.iter().peekable());
    for &(mut start, end) in ranges {
        while let Some(&&(from, to)) = others.peek() {
            if from >= end {
                break;
            }
            if start < from {
                left.push((start, from));
            }
            start = start.max(to.min(end));
            if to > end {
                break;
            }
            others.next();
        }
        if start < end {
            left.push((start, end));
        }
    }
    left
}

#[cfg(test)]
mod unit {
    use super::without;

    #[test]
    fn takes_ranges_out() {
        assert_eq!(without(&[(0, 10), (20, 30)], &[(2, 4), (8, 22), (25, 40)]), [(0, 2), (4, 8), (22, 25)]);
        assert_eq!(without(&[(0, 10)], &[]), [(0, 10)]);
        assert_eq!(without(&[(5, 10)], &[(0, 20)]), []);
    }
}

//! A header that stays open from one change to the next.
//!
//! A message that is added goes into the room at the end of the last chunk, and one that is replaced by another of its
//! length into its place: the cost is that of the message. Everything else lays the whole header out again, which
//! leaves room in proportion to its length.

use super::{NIL, ObjectHeader, Tail, encoded_len, form, lay_out, nils, pad_message, prefix_v1, raw, room};
use crate::codec::{Address, Sizes};
use crate::edit::Editor;
use crate::edit::kept::Keep;
use crate::error::Result;
use crate::format::message::MessageKind;
use crate::format::message::attribute::AttributeMessage;
use crate::format::object_header::MessageFlags;
use crate::graph::object_header::Message;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// Fewer attributes than this are looked through.
const WORTH_AN_INDEX: usize = 16;
/// Bytes that a message takes in memory besides its body.
const MESSAGE_MEMORY: usize = 96;

/// An object header that is being changed. What is changed by [`DerefMut`] is laid out again by [`Header::close`].
pub(crate) struct Header {
    /// Handles of the object may have it too.
    inner: Arc<ObjectHeader>,
    /// Where there is room, if that is known.
    tail: Option<Tail>,
    /// It is other than in the file.
    changed: bool,
    /// Which message the attribute of a name is, if there are many, each of another name.
    attributes: Option<BTreeMap<Vec<u8>, usize>>,
}

impl Deref for Header {
    type Target = ObjectHeader;

    fn deref(&self) -> &ObjectHeader {
        &self.inner
    }
}

impl DerefMut for Header {
    fn deref_mut(&mut self) -> &mut ObjectHeader {
        self.changed = true;
        self.attributes = None;
        Arc::make_mut(&mut self.inner)
    }
}

impl Keep for Header {
    fn memory(&self) -> usize {
        let bytes = self.chunks.iter().fold(0u64, |sum, chunk| sum.saturating_add(chunk.len));
        let names = self.attributes.as_ref().map_or(0, BTreeMap::len).saturating_mul(MESSAGE_MEMORY);
        let messages = self.messages.len().saturating_mul(MESSAGE_MEMORY);
        usize::try_from(bytes).unwrap_or(usize::MAX).saturating_add(messages).saturating_add(names)
    }
}

impl Header {
    /// A header that is not in the file yet.
    pub(super) fn new(header: ObjectHeader) -> Self {
        Header { inner: Arc::new(header), tail: None, changed: true, attributes: None }
    }

    /// A header that was just written.
    pub(super) fn laid_out(header: ObjectHeader, tail: Tail) -> Self {
        Header { inner: Arc::new(header), tail: Some(tail), changed: false, attributes: None }
    }

    /// The header as it is.
    pub(super) fn shared(&self) -> Arc<ObjectHeader> {
        Arc::clone(&self.inner)
    }

    /// The header at an address, as it was kept or is in the file.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn open(editor: &mut Editor, address: Address) -> Result<Self> {
        if let Some(kept) = editor.headers.take(address) {
            return Ok(kept);
        }
        let inner = Arc::new(ObjectHeader::load(editor.ctx(), address)?);
        Ok(Header { inner, tail: None, changed: false, attributes: None })
    }

    /// Writes what was changed, and keeps the header.
    ///
    /// # Errors
    /// As for [`store`](super::store).
    pub(crate) fn close(self, editor: &mut Editor) -> Result<()> {
        self.keep(editor).map(drop)
    }

    /// As [`close`](Self::close): the header.
    pub(super) fn keep(mut self, editor: &mut Editor) -> Result<Arc<ObjectHeader>> {
        if self.changed {
            self.tail = Some(lay_out(editor, Arc::make_mut(&mut self.inner))?);
            self.changed = false;
        }
        let header = self.shared();
        editor.headers.put(self.address, self);
        while editor.headers.excess().is_some() {}
        Ok(header)
    }

    /// Adds a message behind the others.
    ///
    /// # Errors
    /// The header is not in the file.
    pub(crate) fn push(&mut self, editor: &mut Editor, mut message: Message) -> Result<()> {
        pad_message(&mut message, form(&self.inner));
        if !self.changed && !self.append(editor, &mut message)? {
            self.changed = true;
        }
        let place = self.inner.messages.len();
        if message.kind == MessageKind::Attribute
            && let Some(attributes) = &mut self.attributes
        {
            match name_of(&message, editor.ctx().sizes()) {
                Some(name) if !attributes.contains_key(name) => drop(attributes.insert(name.to_vec(), place)),
                _ => self.attributes = None,
            }
        }
        Arc::make_mut(&mut self.inner).messages.push(message);
        Ok(())
    }

    /// Puts another message of its kind in the place of one.
    pub(crate) fn replace(&mut self, editor: &mut Editor, index: usize, mut new: Message) {
        pad_message(&mut new, form(&self.inner));
        let Some(old) = Arc::make_mut(&mut self.inner).messages.get_mut(index) else { return };
        let sizes = editor.ctx().sizes();
        if old.kind != new.kind || name_of(old, sizes) != name_of(&new, sizes) {
            self.attributes = None;
        }
        let same_frame = (old.kind, old.flags, old.creation_index) == (new.kind, new.flags, new.creation_index);
        let is_same = same_frame && old.body == new.body;
        let fits = same_frame && old.body.len() == new.body.len();
        new.offset = old.offset;
        *old = new;
        if !(is_same || self.changed || fits && self.patch(editor, index)) {
            self.changed = true;
        }
    }

    /// Which message the attribute of a name is. `Err`: that takes a look at all of them.
    pub(crate) fn attribute(&mut self, name: &[u8], sizes: Sizes) -> core::result::Result<Option<usize>, ()> {
        if self.attributes.is_none() {
            self.attributes = self.index(sizes);
        }
        self.attributes.as_ref().map(|attributes| attributes.get(name).copied()).ok_or(())
    }

    fn index(&self, sizes: Sizes) -> Option<BTreeMap<Vec<u8>, usize>> {
        if self.messages.len() < WORTH_AN_INDEX {
            return None;
        }
        let mut index = BTreeMap::new();
        for (place, message) in self.messages.iter().enumerate().filter(|(_, m)| m.kind == MessageKind::Attribute) {
            if index.insert(name_of(message, sizes)?.to_vec(), place).is_some() {
                return None;
            }
        }
        Some(index)
    }

    /// Writes a message into the room at the end: whether there is enough.
    fn append(&mut self, editor: &mut Editor, message: &mut Message) -> Result<bool> {
        let (Some(tail), Some(&chunk)) = (self.tail, self.chunks.last()) else { return Ok(false) };
        let form = form(&self.inner);
        let need = encoded_len(form, message);
        let Some(left) = tail.end.saturating_sub(tail.at).checked_sub(need) else { return Ok(false) };
        let lens: Vec<usize> = nils(form, left).collect();
        let nils = u32::try_from(lens.len()).unwrap_or(u32::MAX);
        let count = self.message_count.saturating_add(1).saturating_sub(tail.nils).saturating_add(nils);
        let mut bytes = editor.writer();
        form.encode(&raw(message), &mut bytes)?;
        let mut parts = alloc::vec![(tail.at, bytes.into_bytes())];
        let mut at = tail.at.saturating_add(need);
        for len in lens {
            let mut nil = editor.writer();
            form.encode_header(&NIL, len, &mut nil)?;
            parts.push((at, nil.into_bytes()));
            at = at.saturating_add(form.header_len()).saturating_add(len);
        }
        parts.push((at, alloc::vec![0; tail.end.saturating_sub(at)]));
        let inner = Arc::make_mut(&mut self.inner);
        let before = core::mem::replace(&mut inner.message_count, count);
        if self.version == 1 && !self.write_prefix(editor)? {
            Arc::make_mut(&mut self.inner).message_count = before;
            return Ok(false);
        }
        if !parts.iter().all(|(at, bytes)| self.put(editor, chunk.address, *at, bytes)) {
            return Ok(false);
        }
        self.tail = Some(Tail { at: tail.at.saturating_add(need), end: tail.end, nils });
        let body_at = tail.at.saturating_add(form.header_len()) as u64;
        message.offset = editor.ctx().absolute(chunk.address).saturating_add(body_at);
        Ok(true)
    }

    /// Writes the prefix of version 1 with the number of messages: whether it fits.
    fn write_prefix(&self, editor: &mut Editor) -> Result<bool> {
        let first = self.chunks.first().map_or(0, |chunk| room(self, 0, chunk.len)) as u64;
        let Ok(prefix) = prefix_v1(self, first) else { return Ok(false) };
        let mut writer = editor.writer();
        prefix.encode(&mut writer);
        editor.write(self.address, writer.as_slice()).map(|()| true)
    }

    /// Writes the body of a message in its place: whether that is possible.
    fn patch(&self, editor: &mut Editor, index: usize) -> bool {
        // A header that was not laid out yet may have messages that forbid changes.
        if self.tail.is_none() {
            return false;
        }
        let Some(message) = self.messages.get(index) else { return false };
        let place = self.chunks.iter().find_map(|chunk| {
            let at = message.offset.checked_sub(editor.ctx().absolute(chunk.address))?;
            (at < chunk.len).then_some((chunk.address, usize::try_from(at).ok()?))
        });
        place.is_some_and(|(chunk, at)| self.put(editor, chunk, at, &message.body))
    }

    /// Writes bytes of a chunk: whether that is possible. Those of version 2 have checksums, which are only made for
    /// chunks that are in memory.
    fn put(&self, editor: &mut Editor, chunk: Address, at: usize, bytes: &[u8]) -> bool {
        match self.version {
            1 => editor.write(Address(chunk.0.saturating_add(at as u64)), bytes).is_ok(),
            _ => editor.patch_unsealed(chunk, at, bytes),
        }
    }
}

fn name_of(message: &Message, sizes: Sizes) -> Option<&[u8]> {
    if message.kind != MessageKind::Attribute || message.flags.has(MessageFlags::SHARED) {
        return None;
    }
    AttributeMessage::parse(&mut message.cursor(sizes, "attribute")).ok().map(|attribute| attribute.name)
}

#[cfg(test)]
mod tests {
    use super::super::{HeaderStyle, create, message, release};
    use super::*;
    use crate::edit::Version;
    use crate::edit::testing::editor;
    use crate::error::ErrorKind;
    use crate::format::message::attribute::Part;

    /// What is kept, the file has: message by message, where they are and how many.
    fn check(editor: &mut Editor, address: Address) {
        let loaded = ObjectHeader::load(editor.ctx(), address).unwrap();
        let kept = Header::open(editor, address).unwrap();
        assert_eq!((&loaded.chunks, loaded.ref_count), (&kept.chunks, kept.ref_count));
        assert_eq!(loaded.message_count, kept.message_count);
        let by_place = |messages: &[Message]| {
            let mut messages = messages.to_vec();
            messages.sort_by_key(|m| m.offset);
            messages
        };
        assert_eq!(by_place(&loaded.messages), by_place(&kept.messages));
        kept.close(editor).unwrap();
    }

    fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |n| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        }
    }

    #[test]
    fn is_as_the_file_has_it() {
        for (v2, order) in [(false, None), (true, None), (true, Some(false))] {
            let (mut editor, _) = editor(Version::Earliest);
            let style = HeaderStyle { v2, attribute_order: order, ..HeaderStyle::default() };
            let address = create(&mut editor, style, Vec::new()).unwrap().address;
            let mut next = numbers(9);
            for round in 0..1500u64 {
                let mut header = Header::open(&mut editor, address).unwrap();
                let len = next(if round % 100 == 0 { 60_000 } else { 50 }) as usize;
                let new = |len| Message {
                    creation_index: order.map(|_| round as u16),
                    ..message(MessageKind::Comment, 0, alloc::vec![round as u8; len])
                };
                let count = header.messages.len() as u64;
                match next(12) {
                    0 if count > 0 => drop(header.messages.remove(next(count) as usize)),
                    1 | 2 if count > 0 => header.replace(&mut editor, next(count) as usize, new(len)),
                    3 | 4 if count > 0 => {
                        let place = next(count) as usize;
                        let mut same = header.messages[place].clone();
                        same.body.fill(0xaa);
                        header.replace(&mut editor, place, same);
                    }
                    5 => editor.commit().unwrap(),
                    _ => header.push(&mut editor, new(len)).unwrap(),
                }
                header.close(&mut editor).unwrap();
                check(&mut editor, address);
            }
            let header = ObjectHeader::load(editor.ctx(), address).unwrap();
            release(&mut editor, &header);
            editor.commit().unwrap();
            assert_eq!((editor.superblock.end, editor.free_bytes()), (96, 0));
        }
    }

    #[test]
    fn finds_attributes() {
        let (mut editor, _) = editor(Version::Earliest);
        let sizes = editor.ctx().sizes();
        let attribute = |name: &[u8], value: u8| {
            let mut body = crate::codec::Writer::new(sizes);
            let part = |body| Part { shared: false, offset: 0, body };
            let (datatype, dataspace) =
                (part(&[0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]), part(&[1, 0, 0, 0, 0, 0, 0, 0]));
            AttributeMessage { version: 1, utf8: false, name, datatype, dataspace, data: &[value] }
                .encode(&mut body)
                .unwrap();
            message(MessageKind::Attribute, 0, body.into_bytes())
        };
        let address = create(&mut editor, HeaderStyle::default(), Vec::new()).unwrap().address;
        let names: Vec<_> = (0..40u8).map(|n| [b'a' + n % 26, b'0' + n]).collect();
        for name in &names {
            let mut header = Header::open(&mut editor, address).unwrap();
            assert!(matches!(header.attribute(name, sizes), Ok(None) | Err(())));
            header.push(&mut editor, attribute(name, 0)).unwrap();
            header.close(&mut editor).unwrap();
        }
        let mut header = Header::open(&mut editor, address).unwrap();
        assert!(header.attributes.is_some());
        header.messages.remove(3);
        assert_eq!(header.attribute(&names[3], sizes), Ok(None));
        assert_eq!(header.attribute(&names[39], sizes), Ok(Some(38)));
        header.replace(&mut editor, 38, attribute(b"other", 1));
        assert_eq!(header.attribute(&names[39], sizes), Ok(None));
        assert_eq!(header.attribute(b"other", sizes), Ok(Some(38)));
        // Of two that have one name the first counts: that takes a look at all.
        header.push(&mut editor, attribute(b"other", 2)).unwrap();
        assert_eq!(header.attribute(b"other", sizes), Err(()));
    }

    #[test]
    fn old_headers_are_full_at_65535_messages() {
        let (mut editor, _) = editor(Version::Earliest);
        let address = create(&mut editor, HeaderStyle::default(), Vec::new()).unwrap().address;
        let mut laid_out = 0;
        let error = loop {
            let mut header = Header::open(&mut editor, address).unwrap();
            header.push(&mut editor, message(MessageKind::Comment, 0, alloc::vec![0; 8])).unwrap();
            laid_out += u32::from(header.changed);
            if let Err(error) = header.close(&mut editor) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::Limit);
        let count = ObjectHeader::load(editor.ctx(), address).unwrap().messages.len();
        // The rest are continuation messages, and those that fill what is left.
        assert!((65_000..65_535).contains(&count), "{count}");
        // All else was written where there was room.
        assert!(laid_out < 60, "{laid_out}");
    }
}

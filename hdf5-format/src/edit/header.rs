//! Changing the messages of an object header.
//!
//! A header is loaded whole, its list of messages changed, and laid out again over the chunks it has: messages in their
//! order, in each chunk but the last a continuation message, NIL messages or a gap in what is left. When they do not
//! fit, the last continuation chunk gives way to a longer one, so that a header that grows message by message has few
//! chunks and is copied a logarithmic number of times. A [`Header`] knows where a message can be put without that.

mod open;

use super::{Editor, Purpose, shared};
use crate::codec::{Address, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::continuation::Continuation;
use crate::format::message::reference_count::ReferenceCount;
use crate::format::object_header::{MessageFlags, MessageForm, PrefixV1, PrefixV2, RawMessage, Times, header_flags};
use crate::graph::object_header::{HeaderChunk, Message, ObjectHeader};
use alloc::sync::Arc;
use alloc::vec::Vec;
pub(crate) use open::Header;

/// Most bytes of a message's body: its length has 16 bits.
pub(crate) const MAX_BODY: usize = 65_535;
/// Signature and checksum of a version 2 continuation chunk.
const FRAME_V2: usize = 8;
/// Checksum of a version 2 first chunk.
const CHECKSUM: usize = 4;
/// Least bytes of messages in a new continuation chunk.
const LEAST_CHUNK: usize = 120;

/// What a new header has besides its messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderStyle {
    /// Version 2 instead of 1.
    pub(crate) v2: bool,
    /// Attributes carry their order of creation; `Some(true)`: and are indexed by it. Version 2.
    pub(crate) attribute_order: Option<bool>,
    /// Most compact and fewest dense attributes, if not 8 and 6. Version 2.
    pub(crate) phase_change: Option<(u16, u16)>,
    /// Times, if the object keeps them. Version 2; a version 1 header has a message for it.
    pub(crate) times: Option<Times>,
    /// What it has room for.
    pub(crate) room: Room,
}

/// Bytes of messages that a new header has room for, besides those that make it what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Room {
    /// For messages behind the attributes that are there from the start.
    Beyond(usize),
    /// For attributes, those that are there from the start among them.
    Attributes(usize),
}

impl Default for Room {
    fn default() -> Self {
        Room::Beyond(0)
    }
}

/// A message for a new or changed header.
pub(crate) fn message(kind: MessageKind, flags: u8, body: Vec<u8>) -> Message {
    Message { kind, flags: MessageFlags(flags), creation_index: None, body: body.into(), offset: 0 }
}

/// Writes a new header with one hard link.
///
/// # Errors
/// A body is too long, or the file is full.
pub(crate) fn create(editor: &mut Editor, style: HeaderStyle, messages: Vec<Message>) -> Result<Arc<ObjectHeader>> {
    create_with(editor, style, messages, |_, _| Ok(()))
}

/// Writes a new header with one hard link; `add` adds attributes to it before it is laid out.
///
/// # Errors
/// As [`create`], and those of `add`.
pub(crate) fn create_with(
    editor: &mut Editor,
    style: HeaderStyle,
    mut messages: Vec<Message>,
    add: impl FnOnce(&mut Editor, &mut Header) -> Result<()>,
) -> Result<Arc<ObjectHeader>> {
    let firsts = shared::share_all(editor, &mut messages)?;
    let mut flags = 0;
    if let Some(indexed) = style.attribute_order {
        flags |= header_flags::ATTRIBUTE_ORDER_TRACKED;
        flags |= if indexed { header_flags::ATTRIBUTE_ORDER_INDEXED } else { 0 };
    }
    flags |= if style.phase_change.is_some() { header_flags::PHASE_CHANGE } else { 0 };
    flags |= if style.times.is_some() { header_flags::TIMES } else { 0 };
    let mut header = Header::new(ObjectHeader {
        address: Address(0),
        offset: 0,
        version: if style.v2 { 2 } else { 1 },
        flags,
        ref_count: 1,
        times: style.times,
        phase_change: style.phase_change,
        messages,
        chunks: Vec::new(),
        message_count: 0,
    });
    let own = header.messages.len();
    add(editor, &mut header)?;
    place(editor, &mut header, own, &style)?;
    let header = header.keep(editor)?;
    shared::enter_all(editor, &firsts, header.address)?;
    Ok(header)
}

/// Takes space for a new header, of whose messages the first `own` are no attributes.
fn place(editor: &mut Editor, header: &mut ObjectHeader, own: usize, style: &HeaderStyle) -> Result<()> {
    let form = form(header);
    pad(header, form);
    check_bodies(header)?;
    let (own, attributes) = header.messages.split_at(own.min(header.messages.len()));
    let len = |messages: &[Message]| messages.iter().fold(0usize, |sum, m| sum.saturating_add(encoded_len(form, m)));
    let attributes = match style.room {
        Room::Beyond(more) => len(attributes).saturating_add(more),
        Room::Attributes(least) => len(attributes).max(least),
    };
    // A continuation message must fit once the header grows.
    let room = len(own).saturating_add(attributes).max(link_len(editor, form));
    let room = room.next_multiple_of(if style.v2 { 1 } else { 8 });
    header.flags |= match room {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        _ => 2,
    };
    let len = prefix_len(header).saturating_add(room).saturating_add(if style.v2 { CHECKSUM } else { 0 });
    header.address = editor.allocate(Purpose::ObjectHeader, len as u64)?;
    header.offset = editor.ctx().absolute(header.address);
    header.chunks.push(HeaderChunk { address: header.address, len: len as u64 });
    Ok(())
}

/// The header at an address, as it was kept or is in the file.
///
/// # Errors
/// It is damaged.
pub(crate) fn look(editor: &Editor, address: Address) -> Result<Arc<ObjectHeader>> {
    kept(editor, address).map_or_else(|| ObjectHeader::load(editor.ctx(), address).map(Arc::new), Ok)
}

/// The header at an address, if it was kept.
pub(crate) fn kept(editor: &Editor, address: Address) -> Option<Arc<ObjectHeader>> {
    editor.headers.get(address).map(Header::shared)
}

/// Gives all chunks of a header back, and makes it unreadable: a reference that still leads there finds no object.
pub(crate) fn release(editor: &mut Editor, header: &ObjectHeader) {
    editor.headers.take(header.address);
    for chunk in &header.chunks {
        editor.release(Purpose::ObjectHeader, chunk.address, chunk.len);
    }
    editor.wipe(header.address);
}

/// Sets the number of hard links in a header that is stored afterwards.
pub(crate) fn set_ref_count(header: &mut ObjectHeader, count: u32) -> Result<()> {
    header.ref_count = count;
    if header.version == 1 {
        return Ok(());
    }
    header.messages.retain(|m| m.kind != MessageKind::ReferenceCount);
    if count != 1 {
        let mut body = Writer::new(crate::codec::Sizes::EIGHT);
        ReferenceCount(count).encode(&mut body);
        header.messages.push(message(MessageKind::ReferenceCount, 0, body.into_bytes()));
    }
    Ok(())
}

/// Writes a changed header over its chunks, with more or fewer of them where it takes that.
///
/// # Errors
/// A body is too long, a version 1 header has more than 65,535 messages, or the file is full.
pub(crate) fn store(editor: &mut Editor, header: &mut ObjectHeader) -> Result<()> {
    editor.headers.take(header.address);
    let tail = lay_out(editor, header)?;
    Header::laid_out(header.clone(), tail).keep(editor).map(drop)
}

/// The room that the last chunk of a header ends with; from the start of the chunk.
#[derive(Clone, Copy, Debug)]
struct Tail {
    at: usize,
    end: usize,
    /// NIL messages that fill it.
    nils: u32,
}

fn lay_out(editor: &mut Editor, header: &mut ObjectHeader) -> Result<Tail> {
    let form = form(header);
    pad(header, form);
    check_bodies(header)?;
    heed_unknown(header)?;
    let widths = header.chunks.iter().enumerate();
    let mut rooms: Vec<usize> = widths.map(|(i, chunk)| room(header, i, chunk.len)).collect();
    let link = link_len(editor, form);
    let mut plan = fit(form, &header.messages, &rooms, link);
    if plan.is_none() {
        // The last continuation chunk, if there is one, gives way to one that has room for all that follows.
        let mut drop = header.chunks.len() > 1;
        while drop && let Some(last) = header.chunks.pop() {
            editor.release(Purpose::ObjectHeader, last.address, last.len);
            rooms.pop();
            drop = header.chunks.len() > 1 && rooms.last().is_some_and(|&room| room < link);
        }
        let total = header.messages.iter().fold(0usize, |sum, m| sum.saturating_add(encoded_len(form, m)));
        let more = total.saturating_sub(rooms.iter().sum()).saturating_add(link);
        let longest = header.messages.iter().map(|m| encoded_len(form, m)).max().unwrap_or(0);
        let mut len = LEAST_CHUNK.max(more.saturating_add(more / 2)).saturating_add(longest);
        loop {
            let mut tried = rooms.clone();
            tried.push(len.next_multiple_of(8));
            plan = fit(form, &header.messages, &tried, link);
            if plan.is_some() {
                rooms = tried;
                break;
            }
            len = len.saturating_mul(2);
            if len > (1 << 28) {
                return Err(Error::new(ErrorKind::Limit, "the object header is full").on_header(header.offset));
            }
        }
        let room = rooms.last().copied().unwrap_or(0);
        let frame = if header.version == 2 { FRAME_V2 } else { 0 };
        let len = room.saturating_add(frame) as u64;
        let address = editor.allocate(Purpose::ObjectHeader, len)?;
        header.chunks.push(HeaderChunk { address, len });
    }
    write(editor, header, form, &rooms, &plan.unwrap_or_default())
}

trait OnHeader {
    fn on_header(self, offset: u64) -> Self;
}

impl OnHeader for Error {
    fn on_header(self, offset: u64) -> Self {
        self.within("object header").at(offset)
    }
}

fn form(header: &ObjectHeader) -> MessageForm {
    match header.version {
        1 => MessageForm::V1,
        _ => MessageForm::V2 { creation_index: header.tracks_attribute_order() },
    }
}

fn raw(message: &Message) -> RawMessage<'_> {
    RawMessage {
        kind: message.kind,
        flags: message.flags,
        creation_index: message.creation_index,
        offset: 0,
        body: &message.body,
    }
}

fn encoded_len(form: MessageForm, message: &Message) -> usize {
    form.encoded_len(&raw(message))
}

/// Version 1 bodies are multiples of 8 bytes.
fn pad(header: &mut ObjectHeader, form: MessageForm) {
    if form != MessageForm::V1 {
        return;
    }
    header.messages.iter_mut().for_each(|message| pad_message(message, form));
}

fn pad_message(message: &mut Message, form: MessageForm) {
    if form == MessageForm::V1 && !message.body.len().is_multiple_of(8) {
        let mut body = core::mem::take(&mut message.body).into_vec();
        body.resize(body.len().next_multiple_of(8), 0);
        message.body = body.into();
    }
}

/// Messages of unknown kinds may forbid changes, or want to be marked.
fn heed_unknown(header: &mut ObjectHeader) -> Result<()> {
    for message in header.messages.iter_mut().filter(|m| matches!(m.kind, MessageKind::Unknown(_))) {
        if message.flags.has(MessageFlags::FAIL_IF_UNKNOWN_AND_WRITING) {
            let text = alloc::format!("the object has a message of kind {} that forbids changes", message.kind.name());
            return Err(Error::unsupported(text)
                .on_header(header.offset)
                .with_hint("a newer program made it; change the object with that"));
        }
        if message.flags.has(MessageFlags::MARK_IF_UNKNOWN) {
            message.flags.0 |= MessageFlags::WAS_UNKNOWN;
        }
    }
    Ok(())
}

fn check_bodies(header: &ObjectHeader) -> Result<()> {
    match header.messages.iter().find(|m| m.body.len() > MAX_BODY) {
        None => Ok(()),
        Some(long) => Err(Error::new(
            ErrorKind::Limit,
            alloc::format!("{} bytes exceed the {MAX_BODY} of a message in an object header", long.body.len()),
        )
        .within(long.kind.name())
        .with_hint("attributes over 64 KiB need the dense storage of version v18 or later")),
    }
}

fn prefix_len(header: &ObjectHeader) -> usize {
    match header.version {
        1 => PrefixV1::LEN,
        _ => prefix_v2(header, 0).encoded_len(),
    }
}

fn prefix_v1(header: &ObjectHeader, len: u64) -> Result<PrefixV1> {
    let message_count = u16::try_from(header.message_count)
        .map_err(|_| Error::new(ErrorKind::Limit, "more than 65535 messages").on_header(header.offset))?;
    let chunk_len =
        u32::try_from(len).map_err(|_| Error::new(ErrorKind::Limit, "a chunk over 4 GiB").on_header(header.offset))?;
    Ok(PrefixV1 { message_count, reference_count: header.ref_count, chunk_len })
}

fn prefix_v2(header: &ObjectHeader, chunk_len: u64) -> PrefixV2 {
    PrefixV2 { flags: header.flags, times: header.times, phase_change: header.phase_change, chunk_len }
}

/// Bytes of messages in a chunk.
fn room(header: &ObjectHeader, index: usize, len: u64) -> usize {
    let checksum = if header.version == 1 { 0 } else { CHECKSUM };
    let frame = frame_before(header, index).saturating_add(checksum);
    usize::try_from(len).unwrap_or(usize::MAX).saturating_sub(frame)
}

/// Bytes of a chunk before its messages.
fn frame_before(header: &ObjectHeader, index: usize) -> usize {
    match (index, header.version) {
        (0, _) => prefix_len(header),
        (_, 1) => 0,
        _ => PrefixV2::CONTINUATION.len(),
    }
}

/// Bytes of a continuation message.
fn link_len(editor: &Editor, form: MessageForm) -> usize {
    let sizes = editor.ctx().sizes();
    let body = sizes.o().saturating_add(sizes.l());
    let body = if form == MessageForm::V1 { body.next_multiple_of(8) } else { body };
    form.header_len().saturating_add(body)
}

/// The chunk of each message: the first with room, all chunks but the last with a continuation message as well.
fn fit(form: MessageForm, messages: &[Message], rooms: &[usize], link: usize) -> Option<Vec<usize>> {
    let last = rooms.len().checked_sub(1)?;
    let mut left: Vec<usize> = Vec::with_capacity(rooms.len());
    for (index, &room) in rooms.iter().enumerate() {
        left.push(if index < last { room.checked_sub(link)? } else { room });
    }
    let mut first = 0;
    let mut plan = Vec::with_capacity(messages.len());
    for message in messages {
        let need = encoded_len(form, message);
        let place = (first..left.len()).find(|&i| left.get(i).is_some_and(|&l| l >= need))?;
        if let Some(left) = left.get_mut(place) {
            *left = left.saturating_sub(need);
        }
        // Full chunks are not looked at again.
        while left.get(first).is_some_and(|&l| l < form.header_len()) && first < last {
            first = first.saturating_add(1);
        }
        plan.push(place);
    }
    Some(plan)
}

fn write(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    form: MessageForm,
    rooms: &[usize],
    plan: &[usize],
) -> Result<Tail> {
    let sizes = editor.superblock.sizes;
    let mut bodies: Vec<Writer> = rooms.iter().map(|&room| Writer::with_room(sizes, room as u64)).collect();
    let starts: Vec<u64> = header.chunks.iter().enumerate().map(|(i, _)| frame_before(header, i) as u64).collect();
    let mut count = 0u32;
    for (message, &place) in header.messages.iter_mut().zip(plan) {
        if let (Some(writer), Some(chunk), Some(start)) =
            (bodies.get_mut(place), header.chunks.get(place), starts.get(place))
        {
            let before = writer.position().saturating_add(form.header_len()) as u64;
            form.encode(&raw(message), writer)?;
            message.offset = editor.ctx().absolute(chunk.address).saturating_add(*start).saturating_add(before);
            count = count.saturating_add(1);
        }
    }
    for (index, next) in header.chunks.iter().enumerate().skip(1) {
        let mut body = editor.writer();
        Continuation { address: next.address, len: next.len }.encode(&mut body)?;
        let mut body = body.into_bytes();
        if form == MessageForm::V1 {
            body.resize(body.len().next_multiple_of(8), 0);
        }
        if let Some(writer) = index.checked_sub(1).and_then(|i| bodies.get_mut(i)) {
            form.encode(&raw(&self::message(MessageKind::Continuation, 0, body)), writer)?;
            count = count.saturating_add(1);
        }
    }
    let used = bodies.last().map_or(0, Writer::position);
    let mut nils = 0;
    for (writer, &room) in bodies.iter_mut().zip(rooms) {
        nils = fill(form, writer, room)?;
        count = count.saturating_add(nils);
    }
    header.message_count = count;
    for (index, (body, chunk)) in bodies.iter().zip(header.chunks.clone()).enumerate() {
        let block = frame(editor, header, index, body)?;
        editor.write_block(chunk.address, &block)?;
    }
    let before = frame_before(header, rooms.len().saturating_sub(1));
    let end = rooms.last().copied().unwrap_or(0).saturating_add(before);
    Ok(Tail { at: used.saturating_add(before), end, nils })
}

/// NIL messages, or a gap, up to the end of a chunk: how many messages.
fn fill(form: MessageForm, writer: &mut Writer, room: usize) -> Result<u32> {
    let mut count = 0u32;
    for len in nils(form, room.saturating_sub(writer.position())) {
        form.encode_header(&NIL, len, writer)?;
        writer.zeros(len);
        count = count.saturating_add(1);
    }
    writer.zeros(room.saturating_sub(writer.position()));
    Ok(count)
}

const NIL: RawMessage<'static> =
    RawMessage { kind: MessageKind::Nil, flags: MessageFlags(0), creation_index: None, offset: 0, body: &[] };

/// Bytes in the bodies of the NIL messages that fill some room; what is left then is too short for another.
fn nils(form: MessageForm, room: usize) -> impl Iterator<Item = usize> {
    let mut left = room;
    core::iter::from_fn(move || {
        let body = left.checked_sub(form.header_len())?;
        // No gap may follow a NIL message: one that is shorter leaves room for another.
        let mut len = body.min(MAX_BODY & !7);
        let after = body.saturating_sub(len);
        if after > 0 && after < form.header_len() {
            len = len.saturating_sub(16);
        }
        left = body.saturating_sub(len);
        Some(len)
    })
}

/// A chunk with what stands around its messages.
fn frame(editor: &Editor, header: &ObjectHeader, index: usize, body: &Writer) -> Result<Writer> {
    let mut writer = editor.block_writer();
    let len = body.position() as u64;
    writer.reserve(body.position().saturating_add(prefix_len(header)).saturating_add(FRAME_V2));
    match (index, header.version) {
        (0, 1) => {
            prefix_v1(header, len)?.encode(&mut writer);
        }
        (0, _) => prefix_v2(header, len).encode(&mut writer)?,
        (_, 1) => {}
        _ => writer.bytes(PrefixV2::CONTINUATION),
    }
    writer.bytes(body.as_slice());
    if header.version == 2 {
        writer.checksum_from(0);
    }
    Ok(writer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Version;
    use crate::edit::testing::editor;

    fn same(editor: &Editor, header: &ObjectHeader) {
        let loaded = ObjectHeader::load(editor.ctx(), header.address).unwrap();
        assert_eq!((loaded.ref_count, loaded.chunks.len()), (header.ref_count, header.chunks.len()));
        assert_eq!(loaded.message_count, header.message_count);
        let key = |m: &Message| (m.kind, m.flags.0, m.body.clone());
        let mut found: Vec<_> = loaded.messages.iter().map(key).collect();
        let mut wanted: Vec<_> = header.messages.iter().map(key).collect();
        found.sort_by(|a, b| a.2.cmp(&b.2));
        wanted.sort_by(|a, b| a.2.cmp(&b.2));
        assert_eq!(found, wanted);
    }

    #[test]
    fn grows_and_shrinks_message_by_message() {
        for v2 in [false, true] {
            for order in [None, Some(true)] {
                let (mut editor, _) = editor(Version::Earliest);
                let style = HeaderStyle { v2, attribute_order: order.filter(|_| v2), ..HeaderStyle::default() };
                let mut header = ObjectHeader::clone(&create(&mut editor, style, Vec::new()).unwrap());
                same(&editor, &header);
                let mut seed = 5u64;
                for round in 0..400u64 {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let len = (seed >> 33) % if round % 40 == 0 { 3000 } else { 60 };
                    if seed >> 60 < 5 && !header.messages.is_empty() {
                        let index = (seed >> 20) as usize % header.messages.len();
                        header.messages.remove(index);
                    } else {
                        let mut body = alloc::vec![(seed >> 40) as u8; len as usize];
                        body.extend_from_slice(&round.to_le_bytes());
                        header.messages.push(message(MessageKind::Attribute, 0, body));
                    }
                    store(&mut editor, &mut header).unwrap();
                    same(&editor, &header);
                }
                assert!(header.chunks.len() < 12, "{}", header.chunks.len());
                set_ref_count(&mut header, 3).unwrap();
                store(&mut editor, &mut header).unwrap();
                same(&editor, &header);
                release(&mut editor, &header);
                editor.commit().unwrap();
                assert_eq!((editor.superblock.end, editor.free_bytes()), (96, 0));
            }
        }
    }

    #[test]
    fn refuses_what_has_no_room() {
        let (mut editor, _) = editor(Version::Earliest);
        let long = alloc::vec![message(MessageKind::Attribute, 0, alloc::vec![0; MAX_BODY + 1])];
        let error = create(&mut editor, HeaderStyle::default(), long).unwrap_err().to_string();
        assert!(error.contains("65536 bytes exceed the 65535") && error.contains("v18"), "{error}");
        assert_eq!(editor.free_bytes(), 0);
    }
}

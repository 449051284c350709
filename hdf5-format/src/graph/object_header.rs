//! Loading an object header with all its chunks.

use super::context::{Block, FileContext};
use super::visited::Visited;
use crate::codec::{Address, Cursor, Sizes, to_usize};
use crate::error::{Error, Result};
use crate::format::message::MessageKind;
use crate::format::message::continuation::Continuation;
use crate::format::message::modified_time;
use crate::format::message::reference_count::ReferenceCount;
use crate::format::object_header::{MessageFlags, MessageForm, PrefixV1, PrefixV2, RawMessage, Times, header_flags};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "object header";

/// Bytes read at the header's address before its length is known.
const FIRST_READ: u64 = 512;

/// Bytes of a chunk's checksum.
const CHECKSUM: usize = 4;

/// An object header and its messages, NIL and continuation messages left out.
#[derive(Clone, Debug)]
pub struct ObjectHeader {
    /// Where it is: the object's identity.
    pub address: Address,
    /// Absolute file offset.
    pub offset: u64,
    /// 1 or 2.
    pub version: u8,
    /// Flags of a version 2 header: see [`header_flags`].
    pub flags: u8,
    /// Hard links to the object.
    pub ref_count: u32,
    /// Times of a version 2 header.
    pub times: Option<Times>,
    /// Most compact and fewest dense attributes, if not the default 8 and 6.
    pub phase_change: Option<(u16, u16)>,
    /// Messages in the order of the chunks.
    pub messages: Vec<Message>,
    /// Chunks in the order in which their continuation messages are met.
    pub chunks: Vec<HeaderChunk>,
    /// Messages in all chunks, NIL and continuation messages included.
    pub message_count: u32,
}

/// Where a chunk of a header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderChunk {
    /// First byte: the prefix, or the continuation chunk.
    pub address: Address,
    /// Bytes, with prefix, signature and checksum.
    pub len: u64,
}

/// A message of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Type.
    pub kind: MessageKind,
    /// Flags.
    pub flags: MessageFlags,
    /// Position in the order of creation, where the header tracks it.
    pub creation_index: Option<u16>,
    /// The body as it stands in the header: a pointer, if the message is shared.
    pub body: Box<[u8]>,
    /// Absolute file offset of the body.
    pub offset: u64,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectType {
    /// Has links.
    Group,
    /// Has elements.
    Dataset,
    /// A type with a name.
    Datatype,
    /// None of these.
    Unknown,
}

impl Message {
    /// A cursor over the body.
    pub fn cursor(&self, sizes: Sizes, structure: &'static str) -> Cursor<'_> {
        Cursor::new(&self.body, self.offset, structure, sizes)
    }
}

impl ObjectHeader {
    /// Loads the header at an address.
    ///
    /// # Errors
    /// It is damaged, its chunks form a cycle, or it holds a message that must be understood and is not.
    pub fn load(ctx: &FileContext, address: Address) -> Result<Self> {
        let first = ctx.head(address, FIRST_READ, NAME)?;
        let mut cursor = ctx.cursor(&first, address, NAME);
        let mut loader = match first.first() {
            Some(b'O') => Loader::v2(ctx, address, &mut cursor)?,
            Some(1) => Loader::v1(ctx, address, &mut cursor)?,
            _ => return Err(cursor.corrupt("neither the signature \"OHDR\" nor version 1 is here")),
        };
        loader.chunks(first)?;
        loader.finish()
    }

    /// The first message of a kind.
    pub fn find(&self, kind: MessageKind) -> Option<&Message> {
        self.messages.iter().find(|m| m.kind == kind)
    }

    /// All messages of a kind.
    pub fn all(&self, kind: MessageKind) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |m| m.kind == kind)
    }

    /// True if there is a message of a kind.
    pub fn has(&self, kind: MessageKind) -> bool {
        self.find(kind).is_some()
    }

    /// True if attributes carry their order of creation.
    pub fn tracks_attribute_order(&self) -> bool {
        self.flags & header_flags::ATTRIBUTE_ORDER_TRACKED != 0
    }

    /// What the object is, decided in libhdf5's order.
    pub fn object_type(&self) -> ObjectType {
        if self.has(MessageKind::SymbolTable) || self.has(MessageKind::LinkInfo) {
            ObjectType::Group
        } else if self.has(MessageKind::Datatype) && self.has(MessageKind::Dataspace) {
            ObjectType::Dataset
        } else if self.has(MessageKind::Datatype) {
            ObjectType::Datatype
        } else {
            ObjectType::Unknown
        }
    }

    /// Seconds since 1970 of the last change, where the header says.
    pub fn modified(&self) -> Option<u32> {
        let stored = self.times.map(|t| t.change);
        stored.or_else(|| {
            self.messages.iter().find_map(|m| modified_time::seconds(m.kind, &mut m.cursor(Sizes::EIGHT, NAME)))
        })
    }
}

/// A header half read.
struct Loader<'a> {
    ctx: &'a FileContext,
    header: ObjectHeader,
    form: MessageForm,
    /// Messages that a version 1 prefix counts. Chunks are read to their end whatever it says, as libhdf5 does.
    counted: Option<u16>,
    seen: Visited,
    /// Chunks still to be read.
    ahead: VecDeque<HeaderChunk>,
    /// Bytes of the prefix.
    prefix: u64,
}

impl<'a> Loader<'a> {
    fn v1(ctx: &'a FileContext, address: Address, cursor: &mut Cursor<'_>) -> Result<Self> {
        let prefix = PrefixV1::parse(cursor)?;
        let whole = u64::from(prefix.chunk_len).saturating_add(PrefixV1::LEN as u64);
        let mut loader = Loader::new(ctx, address, MessageForm::V1, PrefixV1::LEN as u64, whole);
        loader.counted = Some(prefix.message_count);
        loader.header.ref_count = prefix.reference_count;
        Ok(loader)
    }

    fn v2(ctx: &'a FileContext, address: Address, cursor: &mut Cursor<'_>) -> Result<Self> {
        let prefix = PrefixV2::parse(cursor)?;
        let creation_index = prefix.flags & header_flags::ATTRIBUTE_ORDER_TRACKED != 0;
        let form = MessageForm::V2 { creation_index };
        let start = cursor.position() as u64;
        let whole = start.saturating_add(prefix.chunk_len).saturating_add(CHECKSUM as u64);
        let mut loader = Loader::new(ctx, address, form, start, whole);
        loader.header.version = 2;
        loader.header.flags = prefix.flags;
        loader.header.times = prefix.times;
        loader.header.phase_change = prefix.phase_change;
        Ok(loader)
    }

    fn new(ctx: &'a FileContext, address: Address, form: MessageForm, prefix: u64, whole: u64) -> Self {
        let header = ObjectHeader {
            address,
            offset: ctx.absolute(address),
            version: 1,
            flags: 0,
            ref_count: 1,
            times: None,
            phase_change: None,
            messages: Vec::new(),
            chunks: Vec::new(),
            message_count: 0,
        };
        let ahead = VecDeque::from([HeaderChunk { address, len: whole }]);
        Loader { ctx, header, form, counted: None, seen: Visited::new(), ahead, prefix }
    }

    /// Reads all chunks; `first` is what was read at the header's address.
    fn chunks(&mut self, first: Block<'a>) -> Result<()> {
        let mut first = Some(first);
        while let Some(chunk) = self.ahead.pop_front() {
            let limit = self.ctx.limits().header_chunks;
            if self.header.chunks.len() >= limit {
                return Err(Error::limit("header_chunks", limit as u64, limit.saturating_add(1) as u64)
                    .within(NAME)
                    .at(self.header.offset));
            }
            let read = first.take().filter(|block| block.len() as u64 >= chunk.len);
            if let Err(error) = self.load_chunk(chunk, read) {
                self.ctx.tolerate(error)?;
            }
        }
        Ok(())
    }

    fn load_chunk(&mut self, chunk: HeaderChunk, read: Option<Block<'a>>) -> Result<()> {
        self.seen.accept(chunk.address, chunk.len, NAME)?;
        let block = match read {
            Some(block) => block,
            None => self.ctx.block(chunk.address, chunk.len, NAME)?,
        };
        self.ctx.used(chunk.address, chunk.len, NAME)?;
        self.header.chunks.push(chunk);
        self.chunk(chunk, block.get(..to_usize(chunk.len)?).unwrap_or(&block))
    }

    fn chunk(&mut self, chunk: HeaderChunk, block: &[u8]) -> Result<()> {
        let mut cursor = self.ctx.cursor(block, chunk.address, NAME);
        let checksum = if self.header.version == 1 { 0 } else { CHECKSUM };
        if self.header.chunks.len() == 1 {
            cursor.bytes_u64(self.prefix)?;
        } else if self.header.version == 2 {
            cursor.signature(PrefixV2::CONTINUATION)?;
        }
        let len = cursor.remaining().checked_sub(checksum);
        let len = len.ok_or_else(|| cursor.corrupt("the chunk is too short for its checksum"))?;
        let mut messages = cursor.sub(len)?;
        if checksum > 0 {
            cursor.checksum()?;
        }
        self.messages(&mut messages)
    }

    /// Reads the messages of a chunk to its end, whatever the prefix counts.
    fn messages(&mut self, chunk: &mut Cursor<'_>) -> Result<()> {
        let mut has_nil = false;
        loop {
            let left = chunk.remaining();
            if has_nil && left > 0 && left < self.form.header_len() && self.header.version == 2 {
                return Err(chunk.corrupt("a gap in a chunk that has a NIL message"));
            }
            let here = chunk.clone();
            let Some(message) = self.form.next(chunk)? else { return Ok(()) };
            has_nil |= message.kind == MessageKind::Nil;
            self.header.message_count = self.header.message_count.saturating_add(1);
            self.message(&message, &here)?;
        }
    }

    fn message(&mut self, raw: &RawMessage<'_>, at: &Cursor<'_>) -> Result<()> {
        match raw.kind {
            MessageKind::Nil => return Ok(()),
            MessageKind::Continuation => {
                let mut cursor = Cursor::new(raw.body, raw.offset, raw.kind.name(), self.ctx.sizes());
                let next = Continuation::parse(&mut cursor)?;
                self.ahead.push_back(HeaderChunk { address: next.address, len: next.len });
                return Ok(());
            }
            unknown if !unknown.is_known() && raw.flags.has(MessageFlags::FAIL_IF_UNKNOWN) => {
                let text = alloc::format!("message of unknown type {:#x}, which must be understood", unknown.id());
                return Err(Error::unsupported(text).within(NAME).at(raw.offset));
            }
            MessageKind::ReferenceCount if self.header.version == 1 => {
                return Err(at.corrupt("a reference count message in a version 1 header"));
            }
            _ => {}
        }
        self.header.messages.push(Message {
            kind: raw.kind,
            flags: raw.flags,
            creation_index: raw.creation_index,
            body: raw.body.into(),
            offset: raw.offset,
        });
        Ok(())
    }

    fn finish(mut self) -> Result<ObjectHeader> {
        let found = self.header.message_count;
        if let Some(counted) = self.counted.filter(|&counted| found > u32::from(counted))
            && self.ctx.survey().is_some()
        {
            let text = alloc::format!("the prefix counts {counted} messages, and there are {found}");
            self.ctx.tolerate(Error::corrupt(NAME, self.header.offset, text))?;
        }
        if let Some(message) = self.header.find(MessageKind::ReferenceCount) {
            let mut cursor = message.cursor(self.ctx.sizes(), "reference count");
            self.header.ref_count = ReferenceCount::parse(&mut cursor)?.0;
        }
        Ok(self.header)
    }
}

#[cfg(test)]
mod tests;

//! Loading an object header with all its chunks.

use super::context::FileContext;
use super::visited::Visited;
use crate::codec::{Address, Cursor, Sizes};
use crate::error::{Error, Result};
use crate::format::message::continuation::Continuation;
use crate::format::message::modified_time;
use crate::format::message::reference_count::ReferenceCount;
use crate::format::message::MessageKind;
use crate::format::object_header::{MessageFlags, MessageForm, PrefixV1, PrefixV2, Times, header_flags};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "object header";

/// Bytes read at the header's address before its length is known.
const FIRST_READ: u64 = 512;

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
        let first = ctx.block(address, FIRST_READ.min(ctx.available(address)), NAME)?;
        let mut cursor = ctx.cursor(&first, address, NAME);
        let mut loader = match first.first() {
            Some(b'O') => Loader::v2(ctx, address, &mut cursor)?,
            _ => Loader::v1(ctx, address, &mut cursor)?,
        };
        loader.chunks()?;
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
        stored.or_else(|| self.messages.iter().find_map(|m| modified_time::seconds(m.kind, &m.body)))
    }
}

/// A header half read.
struct Loader<'a> {
    ctx: &'a FileContext,
    header: ObjectHeader,
    form: MessageForm,
    /// Most messages that a version 1 prefix allows.
    most: Option<u16>,
    met: u32,
    seen: Visited,
    /// Chunks still to be read: address, and first message and bytes of messages within it.
    ahead: VecDeque<HeaderChunk>,
    first_messages: (u64, u64),
}

impl<'a> Loader<'a> {
    fn v1(ctx: &'a FileContext, address: Address, cursor: &mut Cursor<'_>) -> Result<Self> {
        let prefix = PrefixV1::parse(cursor)?;
        let start = PrefixV1::LEN as u64;
        let mut loader = Loader::new(ctx, address, 1, MessageForm::V1, start, u64::from(prefix.chunk_len), 0)?;
        loader.most = Some(prefix.message_count);
        loader.header.ref_count = prefix.reference_count;
        Ok(loader)
    }

    fn v2(ctx: &'a FileContext, address: Address, cursor: &mut Cursor<'_>) -> Result<Self> {
        let prefix = PrefixV2::parse(cursor)?;
        let creation_index = prefix.flags & header_flags::ATTRIBUTE_ORDER_TRACKED != 0;
        let form = MessageForm::V2 { creation_index };
        let mut loader = Loader::new(ctx, address, 2, form, cursor.position() as u64, prefix.chunk_len, 4)?;
        loader.header.flags = prefix.flags;
        loader.header.times = prefix.times;
        loader.header.phase_change = prefix.phase_change;
        Ok(loader)
    }

    fn new(
        ctx: &'a FileContext,
        address: Address,
        version: u8,
        form: MessageForm,
        start: u64,
        len: u64,
        checksum: u64,
    ) -> Result<Self> {
        let whole = start.checked_add(len).and_then(|n| n.checked_add(checksum));
        let whole = whole.ok_or_else(|| Error::corrupt(NAME, ctx.absolute(address), "chunk length above 64 bits"))?;
        let header = ObjectHeader {
            address,
            offset: ctx.absolute(address),
            version,
            flags: 0,
            ref_count: 1,
            times: None,
            phase_change: None,
            messages: Vec::new(),
            chunks: Vec::new(),
        };
        let ahead = VecDeque::from([HeaderChunk { address, len: whole }]);
        let seen = Visited::new();
        Ok(Loader { ctx, header, form, most: None, met: 0, seen, ahead, first_messages: (start, len) })
    }

    fn chunks(&mut self) -> Result<()> {
        while let Some(chunk) = self.ahead.pop_front() {
            let limit = self.ctx.limits().header_chunks;
            if self.header.chunks.len() >= limit {
                return Err(Error::limit("header_chunks", limit as u64, limit.saturating_add(1) as u64)
                    .within(NAME)
                    .at(self.header.offset));
            }
            self.chunk(chunk)?;
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: HeaderChunk) -> Result<()> {
        self.seen.accept(chunk.address, chunk.len, NAME)?;
        let ctx = self.ctx;
        let block = ctx.block(chunk.address, chunk.len, NAME)?;
        let mut cursor = ctx.cursor(&block, chunk.address, NAME);
        let is_first = self.header.chunks.is_empty();
        let checksum = if self.header.version == 1 { 0 } else { 4 };
        if is_first {
            cursor.bytes_u64(self.first_messages.0)?;
        } else if self.header.version == 2 {
            cursor.signature(PrefixV2::CONTINUATION)?;
        }
        let len = cursor.remaining().checked_sub(checksum);
        let len = len.ok_or_else(|| cursor.corrupt("continuation chunk too short for its checksum"))?;
        let mut messages = cursor.sub(len)?;
        if checksum > 0 {
            cursor.checksum()?;
        }
        self.header.chunks.push(chunk);
        while let Some(message) = self.form.next(&mut messages)? {
            self.met = self.met.saturating_add(1);
            if let Some(most) = self.most.filter(|&most| self.met > u32::from(most)) {
                return Err(messages.corrupt(alloc::format!("more than the {most} messages that the prefix counts")));
            }
            self.message(message, &messages)?;
        }
        Ok(())
    }

    fn message(&mut self, raw: crate::format::object_header::RawMessage<'_>, at: &Cursor<'_>) -> Result<()> {
        match raw.kind {
            MessageKind::Nil => return Ok(()),
            MessageKind::Continuation => {
                let mut cursor = Cursor::new(raw.body, raw.offset, "header continuation", self.ctx.sizes());
                let next = Continuation::parse(&mut cursor)?;
                self.ahead.push_back(HeaderChunk { address: next.address, len: next.len });
                return Ok(());
            }
            MessageKind::Unknown(number) if raw.flags.has(MessageFlags::FAIL_IF_UNKNOWN) => {
                return Err(Error::unsupported(alloc::format!("message of unknown type {number:#x} must be understood"))
                    .within(NAME)
                    .at(raw.offset));
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
        if let Some(message) = self.header.find(MessageKind::ReferenceCount) {
            let mut cursor = message.cursor(self.ctx.sizes(), "reference count");
            self.header.ref_count = ReferenceCount::parse(&mut cursor)?.0;
        }
        Ok(self.header)
    }
}

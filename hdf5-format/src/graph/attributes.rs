//! Attributes of objects: in the object header, or in a fractal heap.

mod dense;
mod resolve;

use super::context::FileContext;
use super::object_header::{Message, ObjectHeader};
use super::shared::{self, SharedTarget};
use crate::error::{Error, Result};
use crate::format::message::MessageKind;
use crate::format::message::attribute_info::AttributeInfo;
use crate::format::object_header::MessageFlags;
use crate::sync::Once;
use alloc::sync::Arc;
use alloc::vec::Vec;
pub(crate) use dense::Dense;
use resolve::Resolver;

/// Structure name in errors.
const NAME: &str = "attribute";

/// The attributes of one object.
#[derive(Debug)]
pub struct Attributes<'h> {
    header: &'h ObjectHeader,
    /// True if the order of creation is tracked.
    tracked: bool,
    indexed: bool,
    dense: Option<Arc<Dense>>,
}

/// An attribute: its type and extent as message bodies, its value as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRecord {
    /// Name, as the bytes stored.
    pub name: Vec<u8>,
    /// True if the name is declared to be UTF-8.
    pub utf8: bool,
    /// Position in the order of creation, where the object tracks it.
    pub creation_order: Option<u32>,
    /// The datatype message, wherever it was.
    pub datatype: SharedTarget,
    /// The dataspace message, wherever it was.
    pub dataspace: SharedTarget,
    /// The value, and whatever padding follows it.
    pub data: Vec<u8>,
    /// Absolute file offset of the attribute message.
    pub offset: u64,
    /// Id of the message, if it is in the heap of shared messages.
    pub heap_id: Option<[u8; 8]>,
}

impl<'h> Attributes<'h> {
    /// Finds out where an object keeps its attributes. Damage further down shows when attributes are asked for.
    ///
    /// # Errors
    /// The attribute info message is damaged.
    pub fn open(ctx: &FileContext, header: &'h ObjectHeader) -> Result<Self> {
        Attributes::open_with(ctx, header, &Once::new())
    }

    /// As [`open`](Attributes::open), with what is known of the object's heap already.
    pub(crate) fn open_with(ctx: &FileContext, header: &'h ObjectHeader, known: &Once<Arc<Dense>>) -> Result<Self> {
        let tracked = header.tracks_attribute_order();
        let mut attributes = Attributes { header, tracked, indexed: false, dense: None };
        // Only headers of version 2 may have the message.
        let message = if header.version > 1 { header.find(MessageKind::AttributeInfo) } else { None };
        if let Some(message) = message {
            let info = AttributeInfo::parse(&mut message.cursor(ctx.sizes(), "attribute info"))?;
            attributes.tracked |= info.next_index.is_some();
            attributes.indexed = info.order_indexed;
            let open = |heap| known.get_or_make(|| Arc::new(Dense::open(ctx, header, heap, info.name_index)));
            attributes.dense = info.heap.map(|heap| Arc::clone(open(heap)));
        }
        Ok(attributes)
    }

    /// True if the attributes are in a fractal heap.
    pub fn dense(&self) -> bool {
        self.dense.is_some()
    }

    /// Whether the order of creation is tracked, and indexed.
    pub fn creation_order(&self) -> (bool, bool) {
        (self.tracked, self.indexed)
    }

    /// Number of attributes.
    ///
    /// # Errors
    /// The index of a heap of attributes is damaged.
    pub fn count(&self) -> Result<u64> {
        match &self.dense {
            Some(dense) => dense.count(),
            None => Ok(self.messages().count() as u64),
        }
    }

    /// The attribute of a name.
    ///
    /// # Errors
    /// It is damaged; or there is none among those that can be read, and something that may hide it is damaged.
    pub fn get(&self, ctx: &FileContext, name: &[u8]) -> Result<Option<AttributeRecord>> {
        let mut resolver = Resolver::new(ctx);
        let found = match &self.dense {
            Some(dense) => dense.get(name, self.tracked, &mut resolver),
            None => self.get_compact(name, &mut resolver),
        };
        // What is damaged on the way to a name need not be on the way of a walk.
        found.or_else(|error| match &self.dense {
            Some(_) => self.search(ctx, name).map(Some).ok_or(error),
            None => Err(error),
        })
    }

    fn search(&self, ctx: &FileContext, name: &[u8]) -> Option<AttributeRecord> {
        self.list(ctx).ok()?.into_iter().flatten().find(|attribute| attribute.name == name)
    }

    fn get_compact(&self, name: &[u8], resolver: &mut Resolver<'_>) -> Result<Option<AttributeRecord>> {
        let mut damage = None;
        for message in self.messages() {
            match self.compact(message, Some(name), resolver) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => damage = damage.or(Some(error)),
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// The attribute that a message of the header is.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn of_message(&self, ctx: &FileContext, index: usize) -> Result<Option<AttributeRecord>> {
        let Some(message) = self.header.messages.get(index) else { return Ok(None) };
        self.compact(message, None, &mut Resolver::new(ctx))
    }

    /// All attributes by name, then what is damaged. Of attributes of the same name the first is kept, the others are
    /// damage.
    ///
    /// # Errors
    /// The heap of the attributes, or its index, can not be opened.
    pub fn list(&self, ctx: &FileContext) -> Result<Vec<Result<AttributeRecord>>> {
        let mut resolver = Resolver::new(ctx);
        let mut listed = Vec::new();
        if let Some(dense) = &self.dense {
            dense.list(self.tracked, &mut resolver, &mut listed)?;
            return Ok(finish(listed));
        }
        for message in self.messages() {
            if resolver.is_used_up() {
                break;
            }
            listed.extend(self.compact(message, None, &mut resolver).transpose());
        }
        Ok(finish(listed))
    }

    fn messages(&self) -> impl Iterator<Item = &'h Message> {
        self.header.all(MessageKind::Attribute)
    }

    /// The attribute of a message, unless another name is wanted.
    fn compact(
        &self,
        message: &Message,
        wanted: Option<&[u8]>,
        resolver: &mut Resolver<'_>,
    ) -> Result<Option<AttributeRecord>> {
        let order = message.creation_index.filter(|_| self.tracked).map(u32::from);
        if message.flags.has(MessageFlags::SHARED) {
            let target = shared::resolve(resolver.ctx(), message)?;
            let record = resolver.record(&target.body, target.offset, order, wanted)?;
            return Ok(record.map(|record| AttributeRecord { heap_id: target.heap_id, ..record }));
        }
        resolver.record(&message.body, message.offset, order, wanted)
    }
}

/// Sorts by name, damage last; of equal names keeps the first.
fn finish(listed: Vec<Result<AttributeRecord>>) -> Vec<Result<AttributeRecord>> {
    let (mut good, mut damage) = (Vec::new(), Vec::new());
    for attribute in listed {
        match attribute {
            Ok(attribute) => good.push(attribute),
            Err(error) => damage.push(Err(error)),
        }
    }
    good.sort_by(|a: &AttributeRecord, b| a.name.cmp(&b.name));
    let mut out: Vec<Result<AttributeRecord>> = Vec::with_capacity(good.len());
    for attribute in good {
        match out.last() {
            Some(Ok(last)) if last.name == attribute.name => damage.push(Err(duplicate(&attribute))),
            _ => out.push(Ok(attribute)),
        }
    }
    out.append(&mut damage);
    out
}

fn duplicate(attribute: &AttributeRecord) -> Error {
    let shown = attribute.name.escape_ascii();
    let text = alloc::format!("another attribute is named \"{shown}\"; only the first is used");
    Error::corrupt(NAME, attribute.offset, text)
}

#[cfg(test)]
mod tests;

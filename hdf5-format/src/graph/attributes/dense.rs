//! Attributes in a fractal heap, found through a B-tree by hash of the name.

use super::resolve::Resolver;
use super::{AttributeRecord, NAME};
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Cursor};
use crate::error::{Error, Result};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::AttributeRecord as Entry;
use crate::format::message::MessageKind;
use crate::graph::btree_v2::{BTreeV2, Visitor};
use crate::graph::context::FileContext;
use crate::graph::fractal_heap::{FractalHeap, FractalHeapReader};
use crate::graph::object_header::ObjectHeader;
use crate::graph::shared;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

/// Structure name in errors.
const RECORD: &str = "attribute name record";

/// The object's heap and its index by name.
#[derive(Debug)]
pub(crate) struct Dense {
    heap: Result<FractalHeap>,
    names: Result<BTreeV2>,
}

impl Dense {
    pub(super) fn open(ctx: &FileContext, header: &ObjectHeader, heap: Address, names: Option<Address>) -> Self {
        let missing =
            || Error::corrupt("attribute info", header.offset, "a heap of attributes without an index by name");
        let names = names.ok_or_else(missing).and_then(|names| BTreeV2::open(ctx, names, RecordType::AttributeName));
        Dense { heap: FractalHeap::open(ctx, heap), names: names.map(BTreeV2::keeping_nodes) }
    }

    fn names(&self) -> Result<&BTreeV2> {
        self.names.as_ref().map_err(Error::clone)
    }

    fn heap(&self) -> Result<&FractalHeap> {
        self.heap.as_ref().map_err(Error::clone)
    }

    pub(super) fn count(&self) -> Result<u64> {
        self.names().map(BTreeV2::len)
    }

    pub(super) fn get(
        &self,
        name: &[u8],
        tracked: bool,
        resolver: &mut Resolver<'_>,
    ) -> Result<Option<AttributeRecord>> {
        let (ctx, own, hash) = (resolver.ctx(), self.heap()?, Some(lookup3(name, 0)));
        let (mut found, mut damage) = (None, None);
        self.names()?.for_equal(
            ctx,
            |record| Ok(parse(ctx, record)?.hash.cmp(&hash)),
            |record| {
                let entry = parse(ctx, record)?;
                let attribute = if entry.is_shared() {
                    shared_heap(ctx).and_then(|heap| {
                        let object = heap.object(ctx, &entry.id)?;
                        resolver.record(&object.bytes, object.offset, order(&entry, tracked), Some(name))
                    })
                } else {
                    own.object(ctx, &entry.id).and_then(|object| {
                        resolver.record(&object.bytes, object.offset, order(&entry, tracked), Some(name))
                    })
                };
                let attribute = attribute.map(|found| with_id(found, &entry));
                match attribute {
                    Ok(None) => {}
                    Ok(attribute) => {
                        found = attribute;
                        return Ok(ControlFlow::Break(()));
                    }
                    Err(error) => damage = damage.take().or(Some(error)),
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        match (found, damage) {
            (None, Some(error)) => Err(error),
            (found, _) => Ok(found),
        }
    }

    pub(super) fn list(
        &self,
        tracked: bool,
        resolver: &mut Resolver<'_>,
        listed: &mut Vec<Result<AttributeRecord>>,
    ) -> Result<()> {
        let (heap, names, ctx) = (self.heap()?, self.names()?, resolver.ctx());
        let shared = shared_heap(ctx);
        let mut lister = Lister { own: heap.reader(ctx), heap: &shared, shared: None, tracked, resolver, listed };
        names.visit(ctx, &mut lister)
    }
}

/// Reads the attribute of every record.
struct Lister<'l, 'h, 'c> {
    own: FractalHeapReader<'h, 'c>,
    heap: &'h Result<Arc<FractalHeap>>,
    /// Of the shared messages' heap, once it is needed.
    shared: Option<FractalHeapReader<'h, 'c>>,
    tracked: bool,
    resolver: &'l mut Resolver<'c>,
    listed: &'l mut Vec<Result<AttributeRecord>>,
}

impl Lister<'_, '_, '_> {
    fn attribute(&mut self, record: &[u8]) -> Result<Option<AttributeRecord>> {
        let ctx = self.resolver.ctx();
        let entry = parse(ctx, record)?;
        let object = if entry.is_shared() {
            let reader = match self.shared.take() {
                Some(reader) => reader,
                None => self.heap.as_ref().map_err(Error::clone)?.reader(ctx),
            };
            self.shared.insert(reader).object(&entry.id)?
        } else {
            self.own.object(&entry.id)?
        };
        let found = self.resolver.record(&object.bytes, object.offset, order(&entry, self.tracked), None)?;
        Ok(with_id(found, &entry))
    }
}

impl Visitor for Lister<'_, '_, '_> {
    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
        let attribute = self.attribute(record);
        self.listed.extend(attribute.transpose());
        let used_up = self.resolver.is_used_up();
        Ok(if used_up { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn damaged(&mut self, error: Error) -> Result<ControlFlow<()>> {
        self.listed.push(Err(error));
        Ok(ControlFlow::Continue(()))
    }
}

fn parse(ctx: &FileContext, record: &[u8]) -> Result<Entry> {
    Entry::parse(&mut Cursor::new(record, 0, RECORD, ctx.sizes()), RecordType::AttributeName)
}

fn order(entry: &Entry, tracked: bool) -> Option<u32> {
    tracked.then_some(entry.order)
}

fn with_id(found: Option<AttributeRecord>, entry: &Entry) -> Option<AttributeRecord> {
    found.map(|found| AttributeRecord { heap_id: entry.is_shared().then_some(entry.id), ..found })
}

/// The heap of attributes that headers share.
fn shared_heap(ctx: &FileContext) -> Result<Arc<FractalHeap>> {
    let missing = || Error::corrupt(NAME, ctx.base(), "the file has no heap of shared attributes");
    shared::heap_of(ctx, MessageKind::Attribute)?.ok_or_else(missing)
}

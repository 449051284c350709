//! Links and attributes in fractal heaps, and the B-trees that index them.

use super::report::Code;
use super::walk::Checker;
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Cursor, Sizes};
use crate::error::{Error, Result};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::{AttributeRecord, LinkNameRecord, LinkOrderRecord};
use crate::format::fractal_heap::HeapId;
use crate::format::message::MessageKind;
use crate::format::message::attribute::AttributeMessage;
use crate::format::message::attribute_info::AttributeInfo;
use crate::format::message::link::LinkMessage;
use crate::format::message::link_info::LinkInfo;
use crate::graph::FileContext;
use crate::graph::btree_v2::{BTreeV2, Visitor};
use crate::graph::fractal_heap::{FractalHeap, FractalHeapReader, HeapTotals};
use crate::graph::shared;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

/// What is in the heap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Link,
    Attribute,
}

/// A record of either index.
struct Record {
    id: Vec<u8>,
    hash: Option<u32>,
    order: Option<i64>,
    /// In the heap of shared messages.
    shared: bool,
}

/// Where attributes that headers share are, if the file has such.
type SharedHeap = Result<Option<Arc<FractalHeap>>>;

/// Objects that ids name, as the heap's header counts them.
#[derive(Default)]
struct Objects {
    managed: u64,
    managed_bytes: u64,
    huge: u64,
    tiny: u64,
    tiny_bytes: u64,
}

impl Kind {
    fn record(self, ctx: &FileContext, record: &[u8], by_name: bool) -> Result<Record> {
        let cursor = &mut Cursor::new(record, 0, "index record", ctx.sizes());
        Ok(match (self, by_name) {
            (Kind::Link, true) => {
                let record = LinkNameRecord::parse(cursor)?;
                Record { id: record.id.to_vec(), hash: Some(record.hash), order: None, shared: false }
            }
            (Kind::Link, false) => {
                let record = LinkOrderRecord::parse(cursor)?;
                Record { id: record.id.to_vec(), hash: None, order: Some(record.order), shared: false }
            }
            (Kind::Attribute, _) => {
                let kind = if by_name { RecordType::AttributeName } else { RecordType::AttributeOrder };
                let record = AttributeRecord::parse(cursor, kind)?;
                let (id, shared) = (record.id.to_vec(), record.is_shared());
                Record { id, hash: record.hash, order: Some(record.order.into()), shared }
            }
        })
    }

    /// Name and order of creation of an object of the heap.
    fn object(self, bytes: &[u8], offset: u64, sizes: Sizes) -> Result<(Vec<u8>, Option<i64>)> {
        let cursor = &mut Cursor::new(bytes, offset, if self == Kind::Link { "link" } else { "attribute" }, sizes);
        Ok(match self {
            Kind::Link => LinkMessage::parse(cursor).map(|link| (link.name, link.creation_order))?,
            Kind::Attribute => (AttributeMessage::parse(cursor)?.name.to_vec(), None),
        })
    }
}

impl Objects {
    fn add(&mut self, ctx: &FileContext, heap: &FractalHeap, id: &[u8]) -> Result<()> {
        let one = |n: &mut u64, by: u64| *n = n.saturating_add(by);
        match HeapId::parse(&mut Cursor::new(id, 0, "fractal heap id", ctx.sizes()), heap.id_form())? {
            HeapId::Managed { len, .. } => {
                one(&mut self.managed, 1);
                one(&mut self.managed_bytes, len);
            }
            HeapId::Huge(_) => one(&mut self.huge, 1),
            HeapId::Tiny(bytes) => {
                one(&mut self.tiny, 1);
                one(&mut self.tiny_bytes, bytes.len() as u64);
            }
        }
        Ok(())
    }
}

impl Checker<'_> {
    pub(super) fn dense_links(&mut self, heap: Address, info: &LinkInfo) {
        self.dense(Kind::Link, heap, info.name_index, info.order_index);
    }

    pub(super) fn dense_attributes(&mut self, heap: Address, info: &AttributeInfo) {
        self.dense(Kind::Attribute, heap, info.name_index, info.order_index);
    }

    fn dense(&mut self, kind: Kind, heap: Address, names: Option<Address>, orders: Option<Address>) {
        let opened = FractalHeap::open(&self.surveyed, heap);
        let opened = self.note(opened);
        let totals = opened.as_ref().map(|opened| opened.survey(&self.surveyed));
        let totals = totals.and_then(|totals| self.note(totals));
        let whole = self.flush();
        let (types, ctx) = match kind {
            Kind::Link => ((RecordType::LinkName, RecordType::LinkOrder), self.ctx),
            Kind::Attribute => ((RecordType::AttributeName, RecordType::AttributeOrder), self.ctx),
        };
        let tree = |checker: &mut Self, address: Option<Address>, kind| {
            let tree = address.map(|address| BTreeV2::open(&checker.surveyed, address, kind));
            tree.and_then(|tree| checker.note(tree))
        };
        let (by_name, by_order) = (tree(self, names, types.0), tree(self, orders, types.1));
        let Some(opened) = opened else { return };
        let shared = shared::heap_of(ctx, MessageKind::Attribute);
        let mut walk = Walk::new(ctx, kind, (&opened, &shared), by_order.is_some());
        for (tree, is_names) in [(by_name, true), (by_order, false)] {
            let Some(tree) = tree else { continue };
            walk.start(is_names);
            let visited = tree.visit(&self.surveyed, &mut walk);
            self.note(visited);
            if walk.damage.is_empty() && walk.count != tree.len() {
                let text = format!("v2 B-tree header: {} records, but the nodes hold {}", tree.len(), walk.count);
                let address = if is_names { names } else { orders };
                self.at(Code::Count, address.unwrap_or(heap), text);
            }
        }
        if whole
            && walk.damage.is_empty()
            && let Some(totals) = totals
        {
            self.heap_counts(&opened, heap, &totals, &walk.objects);
        }
        walk.finish();
        for (code, text) in core::mem::take(&mut walk.findings) {
            self.at(code, heap, text);
        }
        walk.damage.iter().for_each(|error| self.error(error));
        self.flush();
    }

    fn heap_counts(&mut self, heap: &FractalHeap, address: Address, totals: &HeapTotals, found: &Objects) {
        let header = heap.header();
        // Blocks that do not exist yet may be counted as free.
        let least = totals.room.saturating_sub(found.managed_bytes);
        let most = header.managed_space.saturating_sub(found.managed_bytes).max(least);
        let counts = [
            ("managed objects", header.managed_objects, found.managed),
            ("huge objects", header.huge_objects, found.huge),
            ("tiny objects", header.tiny_objects, found.tiny),
            ("bytes of tiny objects", header.tiny_bytes, found.tiny_bytes),
            ("free bytes", header.free_space, header.free_space.clamp(least, most)),
        ];
        for (what, counted, found) in counts {
            if counted != found {
                let text = format!("fractal heap header: {counted} {what}, but there are {found}");
                self.at(Code::Count, address, text);
            }
        }
    }
}

/// A walk over the index by name, and then over that by order.
struct Walk<'h, 'c> {
    ctx: &'c FileContext,
    kind: Kind,
    heap: &'h FractalHeap,
    own: FractalHeapReader<'h, 'c>,
    shared_heap: &'h SharedHeap,
    shared: Option<FractalHeapReader<'h, 'c>>,
    is_names: bool,
    count: u64,
    objects: Objects,
    last: Option<(u32, Vec<u8>)>,
    last_order: Option<i64>,
    /// Ids by order, from the index by name; those met in the index by order are taken out.
    orders: Option<BTreeMap<i64, Vec<u8>>>,
    findings: Vec<(Code, String)>,
    damage: Vec<Error>,
}

impl<'h, 'c> Walk<'h, 'c> {
    fn new(
        ctx: &'c FileContext,
        kind: Kind,
        (heap, shared_heap): (&'h FractalHeap, &'h SharedHeap),
        ordered: bool,
    ) -> Self {
        let own = heap.reader(ctx);
        let orders = ordered.then(BTreeMap::new);
        let objects = Objects::default();
        let (last, last_order, shared) = (None, None, None);
        let (is_names, count) = (true, 0);
        let damage = Vec::new();
        let findings = Vec::new();
        Walk {
            ctx,
            kind,
            heap,
            own,
            shared_heap,
            shared,
            is_names,
            count,
            objects,
            last,
            last_order,
            orders,
            findings,
            damage,
        }
    }

    fn start(&mut self, is_names: bool) {
        (self.is_names, self.count) = (is_names, 0);
    }

    fn object(&mut self, record: &Record) -> Result<(Vec<u8>, Option<i64>)> {
        let (kind, sizes) = (self.kind, self.ctx.sizes());
        if record.shared {
            let heap = self.shared_heap.as_ref().map_err(Error::clone)?;
            let missing = || Error::corrupt("attribute", self.ctx.base(), "the file has no heap of shared attributes");
            let heap = heap.as_ref().ok_or_else(missing)?;
            let reader = self.shared.take().unwrap_or_else(|| heap.reader(self.ctx));
            let object = self.shared.insert(reader).object(&record.id)?;
            return kind.object(&object.bytes, object.offset, sizes);
        }
        self.objects.add(self.ctx, self.heap, &record.id)?;
        let object = self.own.object(&record.id)?;
        kind.object(&object.bytes, object.offset, sizes)
    }

    fn by_name(&mut self, record: Record) -> Result<()> {
        let (name, order) = self.object(&record)?;
        let shown = || name.escape_ascii();
        let hash = lookup3(&name, 0);
        if record.hash != Some(hash) {
            let text = format!("index by name: \"{}\" has the hash {hash:#x}, not {:#x?}", shown(), record.hash);
            self.findings.push((Code::Index, text));
        }
        let key = (record.hash.unwrap_or(0), name.clone());
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            self.findings.push((Code::Order, format!("index by name: \"{}\" is out of order", shown())));
        }
        self.last = Some(key);
        let order = order.or(record.order);
        if let (Some(orders), Some(order)) = (&mut self.orders, order)
            && orders.insert(order, record.id).is_some()
        {
            self.findings.push((Code::Index, format!("two entries are number {order} in the order of creation")));
        }
        Ok(())
    }

    fn by_order(&mut self, record: &Record) {
        let order = record.order.unwrap_or(0);
        if self.last_order.is_some_and(|last| last >= order) {
            self.findings.push((Code::Order, format!("index by creation: {order} is out of order")));
        }
        self.last_order = Some(order);
        if self.orders.as_mut().and_then(|orders| orders.remove(&order)).as_ref() != Some(&record.id) {
            let text = format!("index by creation: number {order} leads to another entry than the index by name");
            self.findings.push((Code::Index, text));
        }
    }

    /// What the index by order lacks.
    fn finish(&mut self) {
        let left = self.orders.as_ref().map_or(0, BTreeMap::len);
        if left > 0 && self.damage.is_empty() {
            self.findings.push((Code::Index, format!("index by creation: {left} entries are missing")));
        }
    }
}

impl Visitor for Walk<'_, '_> {
    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
        self.count = self.count.saturating_add(1);
        let record = self.kind.record(self.ctx, record, self.is_names);
        let done = match record {
            Ok(record) if self.is_names => self.by_name(record),
            Ok(record) => {
                self.by_order(&record);
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.damage.push(error);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn damaged(&mut self, error: Error) -> Result<ControlFlow<()>> {
        self.damage.push(error);
        Ok(ControlFlow::Continue(()))
    }
}

//! Messages that headers share: the uses found are held against the counts of the indexes.

use super::report::Code;
use super::walk::Checker;
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Cursor};
use crate::error::Result;
use crate::format::btree_v2::RecordType;
use crate::format::message::MessageKind;
use crate::format::message::shared::SharedPointer;
use crate::format::message::shared_table::SharedTableMessage;
use crate::format::object_header::MessageFlags;
use crate::format::shared_message_list::{Location, SharedMessageList, SharedMessageRecord};
use crate::format::shared_message_table::{IndexType, SharedMessageIndex, SharedMessageTable};
use crate::graph::attributes::AttributeRecord;
use crate::graph::btree_v2::BTreeV2;
use crate::graph::fractal_heap::FractalHeap;
use crate::graph::object_header::{Message, ObjectHeader};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

/// Uses of shared messages, as the walk meets them.
#[derive(Default)]
pub(super) struct Uses {
    /// Which index has which kinds, and where it lies.
    indexes: Vec<(SharedMessageIndex, Vec<SharedMessageRecord>)>,
    /// Pointers, by index and id.
    pointers: BTreeMap<(usize, [u8; 8]), u64>,
    /// Messages in headers that others may share, by index and hash; the hash of one that is filled up is not certain,
    /// and each that is possible counts.
    kept: BTreeMap<(usize, u32), u64>,
}

impl Uses {
    fn index_of(&self, kind: MessageKind) -> Option<usize> {
        self.indexes.iter().position(|(index, _)| index.holds(kind))
    }

    /// One more pointer: how many that makes.
    fn point(&mut self, kind: MessageKind, id: [u8; 8]) -> u64 {
        let Some(index) = self.index_of(kind) else { return 0 };
        let count = self.pointers.entry((index, id)).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn keep(&mut self, message: &Message, version: u8) {
        let Some(index) = self.index_of(message.kind) else { return };
        let zeros = message.body.iter().rev().take(7).take_while(|&&byte| byte == 0).count();
        for less in 0..=if version == 1 { zeros } else { 0 } {
            let body = message.body.get(..message.body.len().saturating_sub(less)).unwrap_or(&[]);
            let count = self.kept.entry((index, lookup3(body, message.kind.id().into()))).or_default();
            *count = count.saturating_add(1);
        }
    }
}

impl Checker<'_> {
    /// Walks the table of shared messages, its indexes and heaps.
    pub(super) fn shared_messages(&mut self, header: &ObjectHeader) -> Result<()> {
        let ctx = self.ctx;
        let Some(message) = header.find(MessageKind::SharedMessageTable) else { return Ok(()) };
        let message = SharedTableMessage::parse(&mut message.cursor(ctx.sizes(), "shared message table message"))?;
        const NAME: &str = "shared message table";
        let len = SharedMessageTable::encoded_len_of(message.index_count.into(), ctx.sizes()) as u64;
        let block = ctx.block(message.table, len, NAME)?;
        self.map.add(message.table.0, len, NAME);
        let table = SharedMessageTable::parse(&mut ctx.cursor(&block, message.table, NAME), message.index_count)?;
        for index in &table.indexes {
            let walked = self.shared_index(index);
            let records = self.note(walked).unwrap_or_default();
            if let Some(heap) = index.heap {
                let walked = FractalHeap::open(&self.surveyed, heap).and_then(|heap| heap.survey(&self.surveyed));
                self.note(walked);
            }
            self.shares.indexes.push((index.clone(), records));
        }
        Ok(())
    }

    fn shared_index(&mut self, index: &SharedMessageIndex) -> Result<Vec<SharedMessageRecord>> {
        const NAME: &str = "shared message list";
        let ctx = self.ctx;
        let Some(address) = index.index else { return Ok(Vec::new()) };
        if index.index_type == IndexType::List {
            let len = SharedMessageList::encoded_len(index.list_max.into(), ctx.sizes()) as u64;
            let block = ctx.block(address, len, NAME)?;
            self.map.add(address.0, len, NAME);
            let list = SharedMessageList::parse(&mut ctx.cursor(&block, address, NAME), index.message_count)?;
            return Ok(list.records);
        }
        let tree = BTreeV2::open(&self.surveyed, address, RecordType::SharedMessage)?;
        let mut records: Vec<SharedMessageRecord> = Vec::new();
        let mut ordered = true;
        tree.for_each(&self.surveyed, |record| {
            let record = SharedMessageRecord::parse(&mut Cursor::new(record, 0, NAME, ctx.sizes()))?;
            ordered &= records.last().is_none_or(|last| last.hash <= record.hash);
            records.push(record);
            Ok(ControlFlow::Continue(()))
        })?;
        if !ordered {
            self.at(Code::Order, address, "shared message index: hashes are out of order".into());
        }
        let count = records.len() as u64;
        if count != u64::from(index.message_count) || count != tree.len() {
            let text = format!(
                "shared message index: {} messages and {} records, but the nodes hold {count}",
                index.message_count,
                tree.len()
            );
            self.at(Code::Count, address, text);
        }
        Ok(records)
    }

    /// What the messages of a header share.
    pub(super) fn shared_by(&mut self, header: &ObjectHeader) {
        for message in header.messages.iter().filter(|m| m.kind != MessageKind::Attribute) {
            if message.flags.has(MessageFlags::SHARED) {
                let pointer = SharedPointer::parse(&mut message.cursor(self.ctx.sizes(), "shared message"));
                if let Ok(SharedPointer::Heap(id)) = pointer {
                    self.shares.point(message.kind, id);
                }
            } else if message.flags.has(MessageFlags::SHAREABLE) {
                self.shares.keep(message, header.version);
            }
        }
    }

    /// What an attribute shares. False if it was met before, in another header.
    pub(super) fn shared_in(&mut self, attribute: &AttributeRecord) -> bool {
        if let Some(id) = attribute.heap_id
            && self.shares.point(MessageKind::Attribute, id) > 1
        {
            return false;
        }
        let parts = [(MessageKind::Datatype, &attribute.datatype), (MessageKind::Dataspace, &attribute.dataspace)];
        for (kind, part) in parts {
            if let (Some(id), None) = (part.heap_id, part.committed) {
                self.shares.point(kind, id);
            }
        }
        true
    }

    /// Compares the uses that were met with those that the indexes count.
    pub(super) fn shared_counts(&mut self) {
        let Uses { indexes, mut pointers, kept } = core::mem::take(&mut self.shares);
        for (number, (index, records)) in indexes.iter().enumerate() {
            let Some(address) = index.index else { continue };
            for record in records {
                let own = kept.get(&(number, record.hash)).copied().unwrap_or(0);
                let text = match record.location {
                    Location::Heap { reference_count, heap_id } => {
                        let found = pointers.remove(&(number, heap_id)).unwrap_or(0).saturating_add(own);
                        let wrong = self.other_message(index, record, &heap_id);
                        wrong.or_else(|| self.uses(address, reference_count.into(), found))
                    }
                    Location::Header { kind, header, .. } if own == 0 => {
                        Some(format!("a {} message at {header} is not there, or is not to be shared", kind.name()))
                    }
                    Location::Header { .. } => None,
                };
                if let Some(text) = text {
                    self.at(Code::Count, address, format!("shared message index: {text}"));
                }
            }
        }
        for ((number, _), count) in pointers {
            let address = indexes.get(number).and_then(|(index, _)| index.index).unwrap_or(Address(0));
            let text = format!("shared message index: {count} pointers lead to a message that it does not have");
            self.at(Code::Index, address, text);
        }
    }

    /// What is wrong where fewer uses are counted than there are.
    fn uses(&mut self, index: Address, counted: u64, found: u64) -> Option<String> {
        let text = format!("{counted} uses of a message are counted, but {found} were found");
        if counted > found {
            self.at(Code::ExtraUses, index, format!("shared message index: {text}"));
        }
        (counted < found).then_some(text)
    }

    /// What is wrong with the hash of a message in the heap.
    fn other_message(&self, index: &SharedMessageIndex, record: &SharedMessageRecord, id: &[u8; 8]) -> Option<String> {
        let body =
            FractalHeap::open(self.ctx, index.heap?).and_then(|heap| Ok(heap.object(self.ctx, id)?.bytes.into_owned()));
        let body = match body {
            Ok(body) => body,
            Err(error) => return Some(format!("{error}")),
        };
        let kinds = (0..16u32).filter(|&kind| index.holds(MessageKind::from_id(u16::try_from(kind).unwrap_or(0))));
        let mut hashes = kinds.map(|kind| lookup3(&body, kind));
        (!hashes.any(|hash| hash == record.hash)).then(|| format!("{:#x} is not the hash of its message", record.hash))
    }
}

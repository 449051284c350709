//! Files made in memory for tests of walks.

use super::context::FileContext;
use super::object_header::{Message, ObjectHeader};
use crate::codec::{Address, Sizes, Writer};
use crate::format::btree_v1::{BTreeV1Node, KeyType};
use crate::format::btree_v2::{BTreeV2Header, BTreeV2Node, ChildPointer, Layout, RecordType};
use crate::format::fractal_heap::{
    DirectBlock, DirectEntry, DoublingTable, FractalHeapHeader, HeapId, IdForm, IndirectBlock,
};
use crate::format::local_heap::LocalHeap;
use crate::format::message::MessageKind;
use crate::format::object_header::MessageFlags;
use crate::format::symbol_table_entry::SymbolTableEntry;
use crate::format::symbol_table_node::SymbolTableNode;
use crate::limits::Limits;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of a file and the widths of its numbers. Structures are put at its end.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sizes: Sizes,
}

/// What a fractal heap is made of.
pub(crate) struct HeapPlan {
    pub(crate) id_len: u16,
    pub(crate) max_managed: u32,
    pub(crate) checksums: bool,
    pub(crate) table: DoublingTable,
}

impl HeapPlan {
    /// As for the links of a group, with these sizes of blocks.
    pub(crate) fn new(start_block: u64, max_direct: u64) -> Self {
        let table =
            DoublingTable { width: 4, start_block, max_direct, max_bits: 32, start_rows: 1, root: None, root_rows: 0 };
        let max_managed = u32::try_from(max_direct / 4).unwrap();
        HeapPlan { id_len: 7, max_managed, checksums: true, table }
    }
}

impl Image {
    /// A file that starts with some bytes of no meaning.
    pub(crate) fn new(sizes: Sizes) -> Self {
        Image { bytes: vec![0xee; 64], sizes }
    }

    pub(crate) fn context(&self) -> FileContext {
        self.context_with(Limits::default())
    }

    pub(crate) fn context_with(&self, limits: Limits) -> FileContext {
        FileContext::new(Arc::new(self.bytes.clone()), 0, self.bytes.len() as u64, self.sizes, limits)
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::new(self.sizes)
    }

    /// Room at the end of the file.
    pub(crate) fn reserve(&mut self, len: usize) -> Address {
        let address = Address(self.bytes.len() as u64);
        self.bytes.resize(self.bytes.len() + len, 0);
        address
    }

    pub(crate) fn put(&mut self, writer: Writer) -> Address {
        let address = self.reserve(0);
        self.bytes.extend(writer.into_bytes());
        address
    }

    pub(crate) fn put_at(&mut self, address: Address, writer: Writer) {
        let start = address.0 as usize;
        self.bytes[start..start + writer.position()].copy_from_slice(writer.as_slice());
    }

    /// A local heap of texts; their offsets. Offset 0 is the empty text.
    pub(crate) fn local_heap(&mut self, texts: &[&[u8]]) -> (Address, Vec<u64>) {
        let mut segment = vec![0u8; 8];
        let offsets = texts.iter().map(|text| {
            let offset = segment.len() as u64;
            segment.extend(*text);
            segment.resize((segment.len() + 1).next_multiple_of(8), 0);
            offset
        });
        let offsets = offsets.collect();
        let address = self.reserve(LocalHeap::encoded_len(self.sizes));
        let data = self.reserve(0);
        let mut w = self.writer();
        LocalHeap { data_len: segment.len() as u64, free_list: None, data }.encode(&mut w).unwrap();
        self.put_at(address, w);
        self.bytes.extend(segment);
        (address, offsets)
    }

    /// The B-tree of a group: entries in the order of their names, `2 * k` to a node; the root.
    pub(crate) fn group_tree(&mut self, entries: &[SymbolTableEntry], k: u16) -> Address {
        let room = usize::from(k) * 2;
        let mut level: Vec<(u64, Address)> = Vec::new();
        for entries in entries.chunks(room) {
            let mut w = self.writer();
            SymbolTableNode { entries: entries.to_vec() }.encode(&mut w, k).unwrap();
            level.push((entries.last().unwrap().name_offset, self.put(w)));
        }
        let mut height = 0;
        loop {
            let mut next = Vec::new();
            let mut left = 0;
            for children in level.chunks(room) {
                let keys = [left].into_iter().chain(children.iter().map(|c| c.0)).collect();
                left = children.last().unwrap().0;
                let children = children.iter().map(|c| Some(c.1)).collect();
                let mut w = self.writer();
                BTreeV1Node { key_type: KeyType::Group, level: height, left: None, right: None, keys, children }
                    .encode(&mut w, k)
                    .unwrap();
                next.push((left, self.put(w)));
            }
            if next.len() == 1 {
                return next[0].1;
            }
            if next.is_empty() {
                let (keys, children) = (Vec::new(), Vec::new());
                let mut w = self.writer();
                BTreeV1Node { key_type: KeyType::Group, level: 0, left: None, right: None, keys, children }
                    .encode(&mut w, k)
                    .unwrap();
                return self.put(w);
            }
            level = next;
            height += 1;
        }
    }

    /// A v2 B-tree of sorted records, as flat as the node size allows.
    pub(crate) fn btree_v2(&mut self, record_type: RecordType, node_size: u32, records: &[Vec<u8>]) -> Address {
        let mut header = BTreeV2Header {
            record_type,
            node_size,
            record_size: records.first().map_or(1, |r| r.len() as u16),
            depth: 0,
            split_percent: 100,
            merge_percent: 40,
            root: None,
            root_records: 0,
            total_records: records.len() as u64,
        };
        let address = self.reserve(BTreeV2Header::encoded_len(self.sizes));
        if !records.is_empty() {
            while Layout::new(&header, self.sizes).unwrap().total(header.depth) < records.len() as u64 {
                header.depth += 1;
            }
            let layout = Layout::new(&header, self.sizes).unwrap();
            let root = self.btree_v2_node(&layout, record_type, header.depth, records);
            (header.root, header.root_records) = (root.address, root.records as u16);
        }
        let mut w = self.writer();
        header.encode(&mut w).unwrap();
        self.put_at(address, w);
        address
    }

    fn btree_v2_node(&mut self, layout: &Layout, record_type: RecordType, level: u16, all: &[Vec<u8>]) -> ChildPointer {
        let total = all.len() as u64;
        let (records, children) = match level.checked_sub(1) {
            None => (all.concat(), Vec::new()),
            Some(below) => {
                let parts = (total + 1).div_ceil(layout.total(below) + 1).max(2) as usize;
                let (mut records, mut children, mut from) = (Vec::new(), Vec::new(), 0);
                for part in 1..=parts {
                    // One record between two parts.
                    let to = if part == parts { all.len() } else { (all.len() + 1) * part / parts - 1 };
                    children.push(self.btree_v2_node(layout, record_type, below, &all[from..to]));
                    records.extend(all.get(to).into_iter().flatten().copied());
                    from = to + 1;
                }
                (records, children)
            }
        };
        let mut w = self.writer();
        BTreeV2Node { record_type, records: &records, children }.encode(&mut w, layout, level).unwrap();
        let records = (records.len() / layout.record_size) as u64;
        ChildPointer { address: Some(self.put(w)), records, total }
    }

    /// A fractal heap of managed objects in their order; its header and their ids.
    pub(crate) fn fractal_heap(&mut self, plan: &HeapPlan, objects: &[Vec<u8>]) -> (Address, Vec<Vec<u8>>) {
        let address = self.reserve(FractalHeapHeader::encoded_len(self.sizes, 0));
        let mut header = empty_heap(plan);
        let form = IdForm::new(&header, self.sizes);
        let mut ids = Vec::new();
        let mut placed: BTreeMap<u64, Address> = BTreeMap::new();
        let (mut objects, mut rows) = (objects.iter().peekable(), 0);
        let prefix = DirectBlock::prefix_len(self.sizes, plan.table.offset_width(), plan.checksums) as u64;
        let enough = objects.clone().map(|o| 4 * o.len() as u64 + 64).sum::<u64>() + plan.table.max_direct;
        for (row, offset, size) in direct_blocks(&plan.table, 0, plan.table.max_rows(), enough) {
            if objects.peek().is_none() {
                break;
            }
            let mut data = Vec::new();
            while let Some(object) = objects.next_if(|o| prefix + (data.len() + o.len()) as u64 <= size) {
                let at = offset + prefix + data.len() as u64;
                let mut w = self.writer();
                HeapId::Managed { offset: at, len: object.len() as u64 }.encode(&mut w, form).unwrap();
                ids.push(w.into_bytes());
                data.extend(object);
            }
            let mut w = self.writer();
            DirectBlock { heap: address, offset }
                .encode(&mut w, plan.table.offset_width(), plan.checksums, &data, size as usize)
                .unwrap();
            placed.insert(offset, self.put(w));
            rows = rows.max(row + 1);
        }
        if placed.len() == 1 {
            header.table.root = placed.get(&0).copied();
        } else if placed.len() > 1 {
            header.table.root_rows = rows as u16;
            header.table.root = Some(self.indirect_block(address, &plan.table, 0, rows, &placed));
        }
        header.managed_objects = ids.len() as u64;
        let mut w = self.writer();
        header.encode(&mut w).unwrap();
        self.put_at(address, w);
        (address, ids)
    }

    fn indirect_block(
        &mut self,
        heap: Address,
        table: &DoublingTable,
        offset: u64,
        rows: u32,
        placed: &BTreeMap<u64, Address>,
    ) -> Address {
        let (mut direct, mut indirect) = (Vec::new(), Vec::new());
        for row in 0..rows {
            for column in 0..u64::from(table.width) {
                let at = offset + table.row_offset(row) + column * table.row_size(row);
                if row < table.direct_rows() {
                    direct.push(DirectEntry { address: placed.get(&at).copied(), filtered: None });
                } else {
                    let used = placed.range(at..at + table.row_size(row)).next().is_some();
                    let rows = table.child_rows(row);
                    indirect.push(used.then(|| self.indirect_block(heap, table, at, rows, placed)));
                }
            }
        }
        let mut w = self.writer();
        IndirectBlock { heap, offset, direct, indirect }.encode(&mut w, table, rows, false).unwrap();
        self.put(w)
    }
}

/// The header of a heap without objects.
pub(crate) fn empty_heap(plan: &HeapPlan) -> FractalHeapHeader {
    FractalHeapHeader {
        id_len: plan.id_len,
        huge_ids_wrapped: false,
        checksums: plan.checksums,
        max_managed: plan.max_managed,
        next_huge_id: 0,
        huge_btree: None,
        free_space: 0,
        free_manager: None,
        managed_space: 0,
        allocated_space: 0,
        iterator_offset: 0,
        managed_objects: 0,
        huge_bytes: 0,
        huge_objects: 0,
        tiny_bytes: 0,
        tiny_objects: 0,
        table: plan.table,
        filter: None,
    }
}

/// Row in the root, offset and size of the direct blocks of a table that start before an offset of the heap.
fn direct_blocks(table: &DoublingTable, base: u64, rows: u32, end: u64) -> Vec<(u32, u64, u64)> {
    let mut out = Vec::new();
    for row in 0..rows {
        for column in 0..u64::from(table.width) {
            let at = base + table.row_offset(row) + column * table.row_size(row);
            if at >= end {
                return out;
            }
            if row < table.direct_rows() {
                out.push((row, at, table.row_size(row)));
            } else {
                let below = direct_blocks(table, at, table.child_rows(row), end);
                out.extend(below.into_iter().map(|(_, at, size)| (row, at, size)));
            }
        }
    }
    out
}

/// A header of version 2 with these messages.
pub(crate) fn header(messages: &[(MessageKind, Vec<u8>)]) -> ObjectHeader {
    let message = |(kind, body): &(MessageKind, Vec<u8>)| Message {
        kind: *kind,
        flags: MessageFlags::default(),
        creation_index: None,
        body: body.as_slice().into(),
        offset: 0,
    };
    ObjectHeader {
        address: Address(0),
        offset: 0,
        version: 2,
        flags: 0,
        ref_count: 1,
        times: None,
        phase_change: None,
        messages: messages.iter().map(message).collect(),
        chunks: Vec::new(),
        message_count: 0,
    }
}

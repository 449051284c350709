//! Changing a version 2 B-tree of chunks.
//!
//! Changes are collected by position. A few are made in the tree one by one; many, measured by the tree, are merged with
//! all that is in it into a new one, whose nodes are full. Thus a tree that is filled costs a constant time for each
//! chunk. The header stays where it is.

use super::StoredChunk;
use crate::codec::{Address, Cursor, Writer, to_usize};
use crate::edit::Editor;
use crate::edit::btree_v2::{self, Parameters};
use crate::error::{Error, Result};
use crate::format::btree_v2::records::ChunkRecord;
use crate::format::btree_v2::{BTreeV2Header, BTreeV2Node, Layout, RecordType};
use crate::format::chunk_element::ElementForm;
use crate::graph::btree_v2::BTreeV2;
use crate::graph::{FileContext, Visited};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::ControlFlow;

const HEADER: &str = "chunk v2 B-tree header";
const NODE: &str = "chunk v2 B-tree node";
/// Fewest changes for which a tree is built anew.
const MANY: usize = 64;
/// Changes held before they are made, and the part of the tree's records that they may be besides.
const HELD: u64 = 1 << 16;

/// A tree that is being changed.
pub(super) struct Tree {
    address: Address,
    records: Form,
    /// The tree as it is in the file.
    header: BTreeV2Header,
    layout: Layout,
    changes: BTreeMap<Vec<u64>, Change>,
    leaf: Option<Leaf>,
}

/// What records hold.
#[derive(Clone, Copy)]
struct Form {
    rank: usize,
    form: ElementForm,
    /// Stored bytes of chunks whose records do not say.
    chunk_bytes: u64,
}

/// What becomes of a chunk.
struct Change {
    chunk: Option<StoredChunk>,
    /// The tree has a record of this position.
    stored: bool,
}

/// The leaf last looked into: records between two others.
struct Leaf {
    after: Option<Vec<u64>>,
    before: Option<Vec<u64>>,
    records: Vec<u8>,
}

impl Form {
    fn record_type(self) -> RecordType {
        match self.form {
            ElementForm::Plain => RecordType::Chunk,
            ElementForm::Filtered { .. } => RecordType::ChunkFiltered,
        }
    }

    fn len(self, ctx: &FileContext) -> usize {
        self.form.len(ctx.sizes().o()).saturating_add(self.rank.saturating_mul(8))
    }

    /// How a record's position stands to another one.
    fn compare(self, record: &[u8], scaled: &[u64]) -> Ordering {
        self.scaled(record).cmp(scaled.iter().copied())
    }

    fn scaled(self, record: &[u8]) -> impl Iterator<Item = u64> {
        let start = record.len().saturating_sub(self.rank.saturating_mul(8));
        record.get(start..).unwrap_or(&[]).as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn parse(self, ctx: &FileContext, record: &[u8]) -> Result<Option<StoredChunk>> {
        let mut cursor = Cursor::new(record, 0, NODE, ctx.sizes());
        let record = ChunkRecord::parse(&mut cursor, self.rank, self.form.size_width())?;
        let (size, filter_mask) = record.filtered.unwrap_or((self.chunk_bytes, 0));
        Ok(record.address.map(|address| StoredChunk { address, size, filter_mask }))
    }

    fn encode(self, writer: &mut Writer, scaled: Vec<u64>, chunk: StoredChunk) -> Result<()> {
        let filtered = self.form.size_width().map(|_| (chunk.size, chunk.filter_mask));
        ChunkRecord { address: Some(chunk.address), filtered, scaled }.encode(writer, self.form.size_width())
    }

    /// Finds a position among records.
    fn search(self, records: &[u8], len: usize, scaled: &[u64]) -> core::result::Result<usize, usize> {
        let record = |i: usize| records.get(i.saturating_mul(len)..i.saturating_add(1).saturating_mul(len));
        let (mut low, mut high) = (0, records.len().checked_div(len).unwrap_or(0));
        while low < high {
            let middle = low.midpoint(high);
            match self.compare(record(middle).unwrap_or(&[]), scaled) {
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }
}

impl Tree {
    pub(super) fn open(
        ctx: &FileContext,
        address: Address,
        rank: usize,
        form: ElementForm,
        chunk_bytes: u64,
    ) -> Result<Self> {
        let records = Form { rank, form, chunk_bytes };
        let (header, layout) = load(ctx, address, records)?;
        Ok(Tree { address, records, header, layout, changes: BTreeMap::new(), leaf: None })
    }

    /// A new tree: its header. The record's part of the parameters is overwritten.
    pub(super) fn create(
        editor: &mut Editor,
        rank: usize,
        form: ElementForm,
        chunk_bytes: u64,
        parameters: Parameters,
    ) -> Result<Self> {
        let records = Form { rank, form, chunk_bytes };
        let record_size = u16::try_from(records.len(editor.ctx())).unwrap_or(u16::MAX);
        let parameters = Parameters { record_type: records.record_type(), record_size, ..parameters };
        let address = btree_v2::create(editor, &parameters)?;
        Tree::open(editor.ctx(), address, rank, form, chunk_bytes)
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    pub(super) fn get(&mut self, ctx: &FileContext, scaled: &[u64]) -> Result<Option<StoredChunk>> {
        match self.changes.get(scaled) {
            Some(change) => Ok(change.chunk),
            None => self.stored(ctx, scaled),
        }
    }

    /// Enters a chunk or takes it out: what was there.
    pub(super) fn put(
        &mut self,
        ctx: &FileContext,
        scaled: &[u64],
        chunk: Option<StoredChunk>,
    ) -> Result<Option<StoredChunk>> {
        if let Some(change) = self.changes.get_mut(scaled) {
            return Ok(core::mem::replace(&mut change.chunk, chunk));
        }
        let old = self.stored(ctx, scaled)?;
        self.changes.insert(scaled.to_vec(), Change { chunk, stored: old.is_some() });
        Ok(old)
    }

    /// What the tree in the file says.
    fn stored(&mut self, ctx: &FileContext, scaled: &[u64]) -> Result<Option<StoredChunk>> {
        let between = |leaf: &&Leaf| {
            leaf.after.as_deref().is_none_or(|after| after < scaled)
                && leaf.before.as_deref().is_none_or(|before| scaled < before)
        };
        if self.header.total_records == 0 {
            return Ok(None);
        }
        if self.leaf.as_ref().filter(between).is_none()
            && let Some(record) = self.descend(ctx, scaled)?
        {
            return self.records.parse(ctx, &record);
        }
        let Some(leaf) = &self.leaf else { return Ok(None) };
        let len = self.layout.record_size;
        let Ok(i) = self.records.search(&leaf.records, len, scaled) else { return Ok(None) };
        let record = leaf.records.get(i.saturating_mul(len)..i.saturating_add(1).saturating_mul(len));
        self.records.parse(ctx, record.unwrap_or(&[]))
    }

    /// The record of a position, if it is in an internal node; else the leaf where it would be is kept.
    fn descend(&mut self, ctx: &FileContext, scaled: &[u64]) -> Result<Option<Vec<u8>>> {
        let mut leaf = Leaf { after: None, before: None, records: Vec::new() };
        let (mut address, mut count) = (self.header.root, u64::from(self.header.root_records));
        let mut seen = Visited::new();
        for level in (0..=self.header.depth).rev() {
            let at = address.ok_or_else(|| {
                Error::corrupt(HEADER, ctx.absolute(self.address), "the address of a node is undefined")
            })?;
            let used = self.layout.used_len(level, to_usize(count)?).min(self.layout.node_size) as u64;
            seen.accept(at, used, NODE)?;
            let block = ctx.block(at, used, NODE)?;
            let mut cursor = ctx.cursor(&block, at, NODE);
            let node = BTreeV2Node::parse(&mut cursor, &self.layout, self.header.record_type, level, count)?;
            let len = self.layout.record_size;
            if level == 0 {
                leaf.records = node.records.to_vec();
                break;
            }
            let record = |i: usize| node.records.get(i.saturating_mul(len)..i.saturating_add(1).saturating_mul(len));
            let i = match self.records.search(node.records, len, scaled) {
                Ok(i) => return Ok(record(i).map(<[u8]>::to_vec)),
                Err(i) => i,
            };
            let position = |record: &[u8]| self.records.scaled(record).collect::<Vec<u64>>();
            leaf.after = i.checked_sub(1).and_then(record).map(position).or(leaf.after);
            leaf.before = record(i).map(position).or(leaf.before);
            (address, count) = node.children.get(i).map_or((None, 0), |child| (child.address, child.records));
        }
        self.leaf = Some(leaf);
        Ok(None)
    }

    /// Makes all changes.
    pub(super) fn flush(&mut self, editor: &mut Editor) -> Result<()> {
        let mut changes = core::mem::take(&mut self.changes);
        changes.retain(|_, change| change.stored || change.chunk.is_some());
        if changes.is_empty() {
            return Ok(());
        }
        self.leaf = None;
        let many = changes.len() >= MANY && changes.len() as u64 >= self.header.total_records / 8;
        if many {
            self.merge(editor, changes)?
        } else {
            self.apply(editor, changes)?
        }
        (self.header, self.layout) = load(editor.ctx(), self.address, self.records)?;
        Ok(())
    }

    fn apply(&self, editor: &mut Editor, changes: BTreeMap<Vec<u64>, Change>) -> Result<()> {
        let (form, address) = (self.records, self.address);
        for (scaled, change) in changes {
            let key = scaled.clone();
            let compare = &mut |_: &FileContext, record: &[u8]| Ok(form.compare(record, &key));
            let Some(chunk) = change.chunk else {
                btree_v2::remove(editor, address, compare)?;
                continue;
            };
            let mut writer = editor.writer();
            form.encode(&mut writer, scaled, chunk)?;
            if change.stored {
                btree_v2::replace(editor, address, writer.as_slice(), compare)?;
            } else {
                btree_v2::insert(editor, address, writer.as_slice(), compare)?;
            }
        }
        Ok(())
    }

    /// Builds the tree anew.
    fn merge(&self, editor: &mut Editor, changes: BTreeMap<Vec<u64>, Change>) -> Result<()> {
        let form = self.records;
        let mut merged = editor.writer();
        let mut changes = changes.into_iter().peekable();
        let put = |merged: &mut Writer, (scaled, change): (Vec<u64>, Change)| match change.chunk {
            Some(chunk) => form.encode(merged, scaled, chunk),
            None => Ok(()),
        };
        BTreeV2::open(editor.ctx(), self.address, form.record_type())?.for_each(editor.ctx(), |record| {
            while let Some(change) = changes.next_if(|(scaled, _)| form.compare(record, scaled) == Ordering::Greater) {
                put(&mut merged, change)?;
            }
            match changes.next_if(|(scaled, _)| form.compare(record, scaled) == Ordering::Equal) {
                Some(change) => put(&mut merged, change)?,
                None => merged.bytes(record),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        changes.try_for_each(|change| put(&mut merged, change))?;
        let len = self.layout.record_size;
        let count = merged.position().checked_div(len).unwrap_or(0) as u64;
        let mut records = merged.as_slice().chunks(len.max(1));
        let header = self.header;
        let parameters = Parameters {
            record_type: header.record_type,
            record_size: header.record_size,
            node_size: header.node_size,
            split_percent: header.split_percent,
            merge_percent: header.merge_percent,
        };
        let built = btree_v2::build(editor, &parameters, count, &mut |out| {
            out.extend_from_slice(records.next().unwrap_or(&[]));
            Ok(())
        })?;
        // The headers change places, then the old tree goes.
        btree_v2::exchange(editor, self.address, built)?;
        btree_v2::delete(editor, built, &mut |_, _| Ok(()))
    }

    /// Makes the changes if many are held.
    pub(super) fn relieve(&mut self, editor: &mut Editor) -> Result<()> {
        if self.changes.len() as u64 > HELD.max(self.header.total_records / 4) { self.flush(editor) } else { Ok(()) }
    }

    /// Gives all blocks back. Changes must have been made.
    pub(super) fn delete(&self, editor: &mut Editor) -> Result<()> {
        btree_v2::delete(editor, self.address, &mut |_, _| Ok(()))
    }
}

fn load(ctx: &FileContext, address: Address, records: Form) -> Result<(BTreeV2Header, Layout)> {
    let header = *BTreeV2::open(ctx, address, records.record_type())?.header();
    let needed = records.len(ctx);
    if usize::from(header.record_size) != needed {
        let text = alloc::format!("record size: expected {needed}, found {}", header.record_size);
        return Err(Error::corrupt(HEADER, ctx.absolute(address), text));
    }
    let layout = Layout::new(&header, ctx.sizes())?;
    Ok((header, layout))
}

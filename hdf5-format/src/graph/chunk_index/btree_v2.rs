//! Chunks in a version 2 B-tree.

use super::{ChunkIndex, ChunkRecord, Visitor, Wanted};
use crate::codec::{Address, Cursor, to_usize};
use crate::error::{Error, Result, Rule};
use crate::format::btree_v2::records::ChunkRecord as Stored;
use crate::format::btree_v2::{BTreeV2Header, BTreeV2Node, ChildPointer, Layout, RecordType};
use crate::format::chunk_element::ElementForm;
use crate::graph::{FileContext, Visited};
use alloc::vec;
use alloc::vec::Vec;

const HEADER: &str = "chunk v2 B-tree header";
const NODE: &str = "chunk v2 B-tree node";

pub(super) fn visit(
    ctx: &FileContext,
    index: &ChunkIndex<'_>,
    address: Address,
    wanted: Wanted<'_>,
    visit: Visitor<'_>,
) -> Result<()> {
    let sizes = ctx.sizes();
    let block = ctx.block(address, BTreeV2Header::encoded_len(sizes) as u64, HEADER)?;
    ctx.used(address, block.len() as u64, HEADER)?;
    let header = BTreeV2Header::parse(&mut ctx.cursor(&block, address, HEADER))?;
    let form = index.element_form(ctx);
    check(ctx, index, address, &header, form)?;
    let layout = Layout::new(&header, sizes)?;
    let Some(root) = header.root else { return Ok(()) };
    let mut walk = Walk { ctx, index, header, layout, form, seen: Visited::new(), records: 0 };
    let mut stack = vec![(root, walk.header.depth, u64::from(walk.header.root_records))];
    let mut whole = true;
    while let Some((address, level, records)) = stack.pop() {
        let (chunks, children) = match walk.node(address, level, records) {
            Ok(node) => node,
            Err(error) => {
                ctx.tolerate(error)?;
                whole = false;
                continue;
            }
        };
        for chunk in &chunks {
            if let (true, Some(address)) = (wanted.contains(&chunk.scaled), chunk.address) {
                let (size, filter_mask) = chunk.filtered.unwrap_or((index.chunk_bytes, 0));
                visit(ChunkRecord { scaled: &chunk.scaled, address, size, filter_mask })?;
            }
        }
        for (i, child) in children.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|i| chunks.get(i)).map(|c| c.scaled.as_slice());
            let after = chunks.get(i).map(|c| c.scaled.as_slice());
            if let (true, Some(below)) = (wanted.meets(before, after), level.checked_sub(1)) {
                let address = child.address.ok_or_else(|| {
                    Error::corrupt(NODE, ctx.absolute(address), alloc::format!("child {i} has no address"))
                })?;
                stack.push((address, below, child.records));
            }
        }
    }
    match ctx.survey() {
        Some(survey) if whole && walk.records != walk.header.total_records => {
            let text = alloc::format!("{} records, but the nodes hold {}", walk.header.total_records, walk.records);
            survey.damage(Error::corrupt(HEADER, ctx.absolute(address), text).breaks(Rule::Count))
        }
        _ => Ok(()),
    }
}

/// A walk over the nodes.
struct Walk<'w> {
    ctx: &'w FileContext,
    index: &'w ChunkIndex<'w>,
    header: BTreeV2Header,
    layout: Layout,
    form: ElementForm,
    seen: Visited,
    /// Met so far.
    records: u64,
}

impl Walk<'_> {
    /// The chunks and children of a node.
    fn node(&mut self, address: Address, level: u16, records: u64) -> Result<(Vec<Stored>, Vec<ChildPointer>)> {
        let (ctx, layout) = (self.ctx, &self.layout);
        let used = layout.used_len(level, to_usize(records)?).min(layout.node_size) as u64;
        self.seen.accept(address, used, NODE)?;
        let block = ctx.block(address, used, NODE)?;
        ctx.used(address, layout.node_size as u64, NODE)?;
        let mut cursor = ctx.cursor(&block, address, NODE);
        let node = BTreeV2Node::parse(&mut cursor, layout, self.header.record_type, level, records)?;
        let mut records = Cursor::new(node.records, ctx.absolute(address), NODE, ctx.sizes());
        let (rank, width) = (self.index.layout.chunk.len(), self.form.size_width());
        let chunks = (0..node.len(layout)).map(|_| Stored::parse(&mut records, rank, width));
        let chunks = chunks.collect::<Result<Vec<_>>>()?;
        self.records = self.records.saturating_add(chunks.len() as u64);
        if ctx.survey().is_some() && !chunks.is_sorted_by(|a, b| a.scaled < b.scaled) {
            ctx.tolerate(Error::corrupt(NODE, ctx.absolute(address), "chunks out of order").breaks(Rule::Order))?;
        }
        Ok((chunks, node.children))
    }
}

fn check(
    ctx: &FileContext,
    index: &ChunkIndex<'_>,
    address: Address,
    header: &BTreeV2Header,
    form: ElementForm,
) -> Result<()> {
    let at = ctx.absolute(address);
    let expected = if index.filtered { RecordType::ChunkFiltered } else { RecordType::Chunk };
    if header.record_type != expected {
        let message = alloc::format!("record type: expected {expected:?}, found {:?}", header.record_type);
        return Err(Error::corrupt(HEADER, at, message));
    }
    let needed = form.len(ctx.sizes().o()).saturating_add(index.layout.chunk.len().saturating_mul(8));
    if usize::from(header.record_size) != needed {
        let message = alloc::format!("record size: expected {needed}, found {}", header.record_size);
        return Err(Error::corrupt(HEADER, at, message));
    }
    let limit = ctx.limits().btree_depth;
    if usize::from(header.depth) > limit {
        return Err(Error::limit("btree_depth", limit as u64, header.depth.into()).within(HEADER).at(at));
    }
    Ok(())
}

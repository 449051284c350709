//! A node in memory.

use super::Compare;
use super::records::Records;
use super::tree::Slot;
use crate::codec::{Address, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::header::STRUCTURE as HEADER;
use crate::format::btree_v2::node::STRUCTURE as NODE;
use crate::format::btree_v2::{BTreeV2Header, BTreeV2Node, ChildPointer, Layout};
use crate::graph::FileContext;
use crate::graph::Visited;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A child, and where it is in memory, if it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) pointer: ChildPointer,
    pub(super) slot: Option<Slot>,
}

impl From<ChildPointer> for Child {
    fn from(pointer: ChildPointer) -> Self {
        Child { pointer, slot: None }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// 0 for a leaf.
    pub(super) level: u16,
    pub(super) records: Records,
    /// One more than records; none in a leaf.
    pub(super) children: Vec<Child>,
}

impl Node {
    pub(super) fn new(level: u16, layout: &Layout) -> Self {
        Node { level, records: Records::new(layout.record_size, layout.node_size), children: Vec::new() }
    }

    /// A leaf that takes no memory.
    pub(super) fn without_room(layout: &Layout) -> Self {
        Node { level: 0, records: Records::new(layout.record_size, 0), children: Vec::new() }
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// What its parent says of it.
    pub(super) fn pointer(&self, address: Address) -> ChildPointer {
        let records = self.len() as u64;
        let total = self.children.iter().fold(records, |sum, child| sum.saturating_add(child.pointer.total));
        ChildPointer { address: Some(address), records, total }
    }

    /// Number of records of a child.
    pub(super) fn records_of(&self, index: usize) -> u64 {
        self.children.get(index).map_or(0, |child| child.pointer.records)
    }

    /// Takes over `count` records of another node from `first` on, and the children around them.
    pub(super) fn set_to(&mut self, other: &Node, first: usize, count: usize) {
        self.clear();
        let past = first.saturating_add(count);
        self.records.append_range(&other.records, first, past);
        self.children.extend_from_slice(other.children.get(first..=past).unwrap_or(&[]));
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.children.clear();
    }

    /// `Ok`: the index of the equal record; `Err`: the index where it would be, and of the child to look in.
    pub(super) fn search(&self, ctx: &FileContext, compare: Compare<'_>) -> Result<core::result::Result<usize, usize>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match compare(ctx, self.records.get(middle))? {
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Ok(middle)),
            }
        }
        Ok(Err(low))
    }

    /// The bytes of the node, but for the checksum.
    pub(super) fn encode(&self, sizes: Sizes, header: &BTreeV2Header, layout: &Layout) -> Result<Writer> {
        let records = self.records.as_bytes();
        let children = self.children.iter().map(|child| child.pointer).collect();
        let node = BTreeV2Node { record_type: header.record_type, records, children };
        let mut writer = Writer::unsealed(sizes);
        writer.reserve(layout.node_size);
        node.encode(&mut writer, layout, self.level)?;
        Ok(writer)
    }
}

pub(super) fn load_header(ctx: &FileContext, address: Address) -> Result<BTreeV2Header> {
    let block = ctx.block(address, BTreeV2Header::encoded_len(ctx.sizes()) as u64, HEADER)?;
    BTreeV2Header::parse(&mut ctx.cursor(&block, address, HEADER))
}

/// A header and the sizes that follow from it.
pub(super) fn open(ctx: &FileContext, address: Address) -> Result<(BTreeV2Header, Layout)> {
    let header = load_header(ctx, address)?;
    check_depth(ctx, header.depth)?;
    // Nodes of that size could not be read again.
    let (most, size) = (ctx.limits().block_bytes, u64::from(header.node_size));
    if size > most {
        return Err(Error::limit("block_bytes", most, size).within(HEADER).at(ctx.absolute(address)));
    }
    let layout = Layout::new(&header, ctx.sizes()).map_err(|e| e.at(ctx.absolute(address)))?;
    Ok((header, layout))
}

pub(super) fn check_depth(ctx: &FileContext, depth: u16) -> Result<()> {
    let limit = ctx.limits().btree_depth;
    if usize::from(depth) >= limit {
        return Err(Error::limit("btree_depth", limit as u64, u64::from(depth)).within(HEADER));
    }
    Ok(())
}

/// The pointer to the root that a header makes.
pub(super) fn root(header: &BTreeV2Header) -> Option<ChildPointer> {
    let (records, total) = (u64::from(header.root_records), header.total_records);
    header.root.map(|address| ChildPointer { address: Some(address), records, total })
}

pub(super) fn address(pointer: ChildPointer) -> Result<Address> {
    let missing = || Error::new(ErrorKind::Corrupt, "the address of a child is undefined").within(NODE);
    pointer.address.ok_or_else(missing)
}

pub(super) fn load(
    ctx: &FileContext,
    seen: &mut Visited,
    header: &BTreeV2Header,
    layout: &Layout,
    pointer: ChildPointer,
    level: u16,
) -> Result<Node> {
    let (address, len) = (address(pointer)?, u64::from(header.node_size));
    seen.accept(address, len, NODE)?;
    let load = || {
        let block = ctx.block(address, len, NODE)?;
        let mut cursor = ctx.cursor(&block, address, NODE);
        let found = BTreeV2Node::parse(&mut cursor, layout, header.record_type, level, pointer.records)?;
        let mut node = Node::new(level, layout);
        node.records.push(found.records);
        node.children = found.children.into_iter().map(Child::from).collect();
        Ok(node)
    };
    // One that can not be read is not there when it is tried again.
    load().inspect_err(|_| seen.leave(address))
}

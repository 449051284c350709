//! The version 1 B-tree of an old-style group: symbol table nodes in the order of names.

use super::context::FileContext;
use super::visited::Visited;
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, KeyType, STRUCTURE as NODE};
use crate::format::symbol_table_entry::SymbolTableEntry;
use crate::format::symbol_table_node::{PREFIX_LEN, STRUCTURE as LEAF, SymbolTableNode};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Bytes first read of a B-tree node: a group's node at the default K and widths.
const NODE_READ: u64 = 544;
/// Bytes first read of a symbol table node, likewise.
const LEAF_READ: u64 = 328;

/// Loads the part in use of a node of any version 1 B-tree: its full size depends on a K that reading does not need.
///
/// # Errors
/// The node is damaged, overlaps another of the walk, or is not of the level that is expected.
pub fn load_node(
    ctx: &FileContext,
    seen: &mut Visited,
    address: Option<Address>,
    key_type: KeyType,
    level: Option<u8>,
) -> Result<BTreeV1Node> {
    let address = address.ok_or_else(|| undefined(NODE))?;
    let first = ctx.head(address, NODE_READ, NODE)?;
    let len = BTreeV1Node::used_len(ctx.cursor(&first, address, NODE), key_type)? as u64;
    seen.accept(address, len, NODE)?;
    let block = if len <= first.len() as u64 { first } else { ctx.block(address, len, NODE)? };
    if let Some(survey) = ctx.survey() {
        let allocated = key_type.node_len(survey.internal_k, ctx.sizes()) as u64;
        survey.block(address, allocated.max(len), NODE)?;
    }
    let cursor = ctx.cursor(&block, address, NODE);
    let node = BTreeV1Node::parse(&mut cursor.clone(), key_type)?;
    match level {
        Some(level) if level != node.level => Err(cursor.unexpected("level", level, node.level)),
        _ => Ok(node),
    }
}

fn undefined(structure: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "the address of a child is undefined").within(structure)
}

/// The tree of a group.
#[derive(Clone, Copy, Debug)]
pub struct GroupTree {
    root: Address,
}

/// A node of the walk, and the children of it that are still to come.
struct Frame {
    node: BTreeV1Node,
    next: usize,
}

impl GroupTree {
    /// The tree whose root node is at an address.
    pub fn new(root: Address) -> Self {
        GroupTree { root }
    }

    /// Calls `f` with every entry in the tree's order. Damaged entries and nodes are errors in their place; the rest
    /// follows.
    pub fn for_each(&self, ctx: &FileContext, mut f: impl FnMut(Result<SymbolTableEntry>)) {
        let mut seen = Visited::new();
        let mut stack: Vec<Frame> = Vec::new();
        match self.root_node(ctx, &mut seen) {
            Ok(node) => stack.push(Frame { node, next: 0 }),
            Err(error) => f(Err(error)),
        }
        while let Some(frame) = stack.last_mut() {
            let Some(&child) = frame.node.children.get(frame.next) else {
                stack.pop();
                continue;
            };
            frame.next = frame.next.saturating_add(1);
            match frame.node.level.checked_sub(1) {
                Some(below) => match load_node(ctx, &mut seen, child, KeyType::Group, Some(below)) {
                    Ok(node) => stack.push(Frame { node, next: 0 }),
                    Err(error) => f(Err(error)),
                },
                None => match leaf(ctx, &mut seen, child) {
                    Ok(entries) => entries.into_iter().for_each(&mut f),
                    Err(error) => f(Err(error)),
                },
            }
        }
    }

    /// The entry of a name. `compare` says how the name at an offset of the group's heap stands to the one sought.
    ///
    /// # Errors
    /// A node on the way is damaged, or `compare` fails.
    pub fn find(
        &self,
        ctx: &FileContext,
        mut compare: impl FnMut(u64) -> Result<Ordering>,
    ) -> Result<Option<SymbolTableEntry>> {
        let mut seen = Visited::new();
        let mut node = self.root_node(ctx, &mut seen)?;
        loop {
            // The name is in the first child whose right key is not below it.
            let index = first_not_below(node.children.len(), |i| {
                node.name_key(i.saturating_add(1)).map_or(Ok(Ordering::Greater), &mut compare)
            })?;
            let Some(&child) = node.children.get(index) else { return Ok(None) };
            match node.level.checked_sub(1) {
                Some(below) => node = load_node(ctx, &mut seen, child, KeyType::Group, Some(below))?,
                None => return find_in_leaf(leaf(ctx, &mut seen, child)?, compare),
            }
        }
    }

    fn root_node(&self, ctx: &FileContext, seen: &mut Visited) -> Result<BTreeV1Node> {
        let node = load_node(ctx, seen, Some(self.root), KeyType::Group, None)?;
        let (limit, depth) = (ctx.limits().btree_depth, usize::from(node.level));
        if depth >= limit {
            let error = Error::limit("btree_depth", limit as u64, depth as u64);
            return Err(error.within(NODE).at(ctx.absolute(self.root)));
        }
        Ok(node)
    }
}

/// The first of `len` things that is not `Less`; `len` if all are.
pub(crate) fn first_not_below(len: usize, mut compare: impl FnMut(usize) -> Result<Ordering>) -> Result<usize> {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if compare(middle)? == Ordering::Less {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// A symbol table node's entries, each or its error.
fn leaf(ctx: &FileContext, seen: &mut Visited, address: Option<Address>) -> Result<Vec<Result<SymbolTableEntry>>> {
    let address = address.ok_or_else(|| undefined(LEAF))?;
    let first = ctx.head(address, LEAF_READ, LEAF)?;
    let len = SymbolTableNode::used_len(ctx.cursor(&first, address, LEAF))? as u64;
    seen.accept(address, len.max(PREFIX_LEN as u64), LEAF)?;
    let block = if len <= first.len() as u64 { first } else { ctx.block(address, len, LEAF)? };
    if let Some(survey) = ctx.survey() {
        let allocated = SymbolTableNode::encoded_len(ctx.sizes(), survey.leaf_k) as u64;
        survey.block(address, allocated.max(len), LEAF)?;
    }
    SymbolTableNode::parse_each(&mut ctx.cursor(&block, address, LEAF))
}

fn find_in_leaf(
    entries: Vec<Result<SymbolTableEntry>>,
    mut compare: impl FnMut(u64) -> Result<Ordering>,
) -> Result<Option<SymbolTableEntry>> {
    let (good, bad): (Vec<_>, Vec<_>) = entries.into_iter().partition(Result::is_ok);
    let entries: Vec<SymbolTableEntry> = good.into_iter().flatten().collect();
    let index = first_not_below(entries.len(), |i| {
        entries.get(i).map_or(Ok(Ordering::Greater), |entry| compare(entry.name_offset))
    })?;
    if let Some(&entry) = entries.get(index)
        && compare(entry.name_offset)? == Ordering::Equal
    {
        return Ok(Some(entry));
    }
    // The name may be that of a damaged entry.
    bad.into_iter().next().map_or(Ok(None), |damaged| damaged.map(Some))
}

#[cfg(test)]
mod tests;

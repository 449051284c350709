//! Putting a record in.

use super::Compare;
use super::node::{Node, check_depth};
use super::nodes::{Nodes, even};
use super::tree::Slot;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::{BTreeV2Header, Layout};
use alloc::vec::Vec;

/// Times that a full node is made to share before it is split: sharing can move the place of the new record to
/// another full node.
const TRIES: u32 = 2;

pub(super) fn insert(nodes: &mut Nodes<'_>, record: &[u8], compare: Compare<'_>) -> Result<()> {
    let mut at = match nodes.root()? {
        Some(root) => root,
        None => plant(nodes)?,
    };
    if nodes.tree.get(at)?.len() as u64 >= nodes.full(nodes.tree.header.depth)? {
        at = grow(nodes, at)?;
    }
    let depth = nodes.tree.header.depth;
    let mut path: Vec<(Slot, usize)> = Vec::with_capacity(depth.into());
    for _ in 0..depth {
        let index = make_room(nodes, &path, at, compare)?;
        path.push((at, index));
        at = nodes.child(at, index)?;
    }
    let index = match nodes.search(at, compare)? {
        Ok(_) => return Err(there()),
        Err(index) => index,
    };
    nodes.step(|nodes| {
        nodes.tree.change(at)?.records.insert(index, record);
        refresh(nodes, &path)
    })
}

/// All nodes on the way, and the header, say of what is below what is so now.
fn refresh(nodes: &mut Nodes<'_>, path: &[(Slot, usize)]) -> Result<()> {
    path.iter().rev().try_for_each(|&(parent, index)| nodes.tree.refresh(parent, index).map(drop))?;
    nodes.tree.refresh_root()
}

fn there() -> Error {
    Error::new(ErrorKind::Conflict, "the index has such a record already").within("v2 B-tree")
}

/// The first leaf.
fn plant(nodes: &mut Nodes<'_>) -> Result<Slot> {
    let new = nodes.allocate(1)?;
    nodes.step(|nodes| {
        let leaf = Node::new(0, &nodes.tree.layout);
        let root = nodes.tree.add(new.first().copied().ok_or_else(missing)?, leaf)?;
        nodes.tree.set_root(Some(root))?;
        Ok(root)
    })
}

/// A new root above the present one, which becomes two.
fn grow(nodes: &mut Nodes<'_>, old: Slot) -> Result<Slot> {
    let depth = nodes.tree.header.depth.saturating_add(1);
    check_depth(nodes.editor.ctx(), depth)?;
    let layout = Layout::new(&BTreeV2Header { depth, ..nodes.tree.header }, nodes.editor.ctx().sizes())?;
    nodes.full_of(&layout, depth)?;
    let new = nodes.allocate(2)?;
    nodes.step(|nodes| {
        nodes.tree.header_mut().depth = depth;
        nodes.tree.layout = layout;
        let mut node = Node::new(depth, &nodes.tree.layout);
        node.children.push(nodes.tree.as_child(old)?);
        let (&at, rest) = new.split_first().ok_or_else(missing)?;
        let root = nodes.tree.add(at, node)?;
        nodes.tree.set_root(Some(root))?;
        let halves = halves(nodes, root, 0)?;
        nodes.reshape(root, 0, 1, &halves, rest)?;
        nodes.tree.refresh_root()?;
        Ok(root)
    })
}

fn missing() -> Error {
    Error::new(ErrorKind::Corrupt, "a node without an address").within("v2 B-tree")
}

/// The child of a node, at the end of a path, that the record belongs in, after it was seen to that it is not full.
fn make_room(nodes: &mut Nodes<'_>, path: &[(Slot, usize)], at: Slot, compare: Compare<'_>) -> Result<usize> {
    let full = nodes.full(nodes.tree.get(at)?.level.saturating_sub(1))?;
    let mut tries = TRIES;
    loop {
        let index = match nodes.search(at, compare)? {
            Ok(_) => return Err(there()),
            Err(index) => index,
        };
        let node = nodes.tree.get(at)?;
        if node.records_of(index) < full {
            return Ok(index);
        }
        let (first, count) = neighbours(node, index);
        let counts = (first..first.saturating_add(count)).map(|n| node.records_of(n)).collect::<Vec<_>>();
        if tries > 0 && counts.iter().any(|&n| n < full) {
            nodes.reshape(at, first, count, &even(&counts)?, &[])?;
        } else {
            split(nodes, at, index)?;
        }
        nodes.step(|nodes| refresh(nodes, path))?;
        tries = tries.saturating_sub(1);
    }
}

/// A child and the ones beside it: the first and how many.
pub(super) fn neighbours(node: &Node, index: usize) -> (usize, usize) {
    let first = index.saturating_sub(1);
    let last = index.saturating_add(1).min(node.children.len().saturating_sub(1));
    (first, last.saturating_sub(first).saturating_add(1))
}

/// Makes a child of a node two.
fn split(nodes: &mut Nodes<'_>, at: Slot, index: usize) -> Result<()> {
    let halves = halves(nodes, at, index)?;
    nodes.child(at, index)?;
    let new = nodes.allocate(1)?;
    nodes.reshape(at, index, 1, &halves, &new)
}

/// Records of the two nodes that a child becomes.
fn halves(nodes: &Nodes<'_>, at: Slot, index: usize) -> Result<[usize; 2]> {
    let count = to_usize(nodes.tree.get(at)?.records_of(index))?;
    let left = count / 2;
    Ok([left, count.saturating_sub(left).saturating_sub(1)])
}

//! Putting a record in.

use super::Compare;
use super::nodes::{Node, Nodes, address, check_depth, even};
use crate::codec::{Address, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::{ChildPointer, Layout};
use alloc::vec::Vec;

/// Times that a full node is made to share before it is split: sharing can move the place of the new record to
/// another full node.
const TRIES: u32 = 2;

pub(super) fn insert(nodes: &mut Nodes<'_>, record: &[u8], compare: Compare<'_>) -> Result<()> {
    let mut at = match nodes.root() {
        Some(root) => root,
        None => plant(nodes)?,
    };
    nodes.node(at, nodes.header.depth)?;
    if at.records >= nodes.full(nodes.header.depth)? {
        at = grow(nodes, at)?;
    }
    let mut path: Vec<(Address, usize)> = Vec::new();
    for level in (1..=nodes.header.depth).rev() {
        let node = address(at)?;
        let index = make_room(nodes, node, level, compare)?;
        path.push((node, index));
        at = nodes.loaded(node)?.children.get(index).copied().unwrap_or(at);
        nodes.node(at, level.saturating_sub(1))?;
    }
    let leaf = address(at)?;
    let mut node = nodes.take_loaded(leaf)?;
    match node.search(nodes.editor.ctx(), compare)? {
        Ok(_) => return Err(there()),
        Err(index) => node.records.insert(index, record),
    }
    nodes.put(leaf, node);
    for (parent, index) in path.into_iter().rev() {
        nodes.refresh(parent, index)?;
    }
    nodes.header.total_records = nodes.header.total_records.saturating_add(1);
    nodes.refresh_root()
}

fn there() -> Error {
    Error::new(ErrorKind::Conflict, "the index has such a record already").within("v2 B-tree")
}

/// The first leaf.
fn plant(nodes: &mut Nodes<'_>) -> Result<ChildPointer> {
    let root = nodes.create()?;
    nodes.header.root = Some(root);
    Ok(nodes.put(root, Node::new(0, nodes.layout.record_size)))
}

/// A new root above the present one, which becomes two.
fn grow(nodes: &mut Nodes<'_>, old: ChildPointer) -> Result<ChildPointer> {
    let depth = nodes.header.depth.saturating_add(1);
    check_depth(nodes.editor.ctx(), depth)?;
    nodes.header.depth = depth;
    nodes.layout = Layout::new(&nodes.header, nodes.editor.ctx().sizes())?;
    nodes.full(depth)?;
    let root = nodes.create()?;
    nodes.header.root = Some(root);
    let mut node = Node::new(depth, nodes.layout.record_size);
    node.children.push(old);
    nodes.put(root, node);
    split(nodes, root, depth, 0)?;
    Ok(nodes.loaded(root)?.pointer(root))
}

/// The child of a node at `level` that the record belongs in, after it was seen to that it is not full.
fn make_room(nodes: &mut Nodes<'_>, at: Address, level: u16, compare: Compare<'_>) -> Result<usize> {
    let full = nodes.full(level.saturating_sub(1))?;
    let mut tries = TRIES;
    loop {
        let node = nodes.loaded(at)?;
        let index = match node.search(nodes.editor.ctx(), compare)? {
            Ok(_) => return Err(there()),
            Err(index) => index,
        };
        if Nodes::records_of(node, index) < full {
            return Ok(index);
        }
        let (first, count) = neighbours(node, index);
        let counts = (first..first.saturating_add(count)).map(|n| Nodes::records_of(node, n)).collect::<Vec<_>>();
        if tries > 0 && counts.iter().any(|&n| n < full) {
            nodes.reshape(at, level, first, count, &even(&counts)?)?;
        } else {
            split(nodes, at, level, index)?;
        }
        tries = tries.saturating_sub(1);
    }
}

/// A child and the ones beside it: the first and how many.
pub(super) fn neighbours(node: &Node, index: usize) -> (usize, usize) {
    let first = index.saturating_sub(1);
    let last = index.saturating_add(1).min(node.children.len().saturating_sub(1));
    (first, last.saturating_sub(first).saturating_add(1))
}

/// Makes a child of a node at `level` two.
fn split(nodes: &mut Nodes<'_>, at: Address, level: u16, index: usize) -> Result<()> {
    let count = to_usize(Nodes::records_of(nodes.loaded(at)?, index))?;
    let left = count / 2;
    let right = count.saturating_sub(left).saturating_sub(1);
    nodes.reshape(at, level, index, 1, &[left, right])
}

//! Taking a record out.

use super::Compare;
use super::insert::neighbours;
use super::nodes::{Nodes, address, even};
use crate::codec::{Address, to_usize};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

pub(super) fn remove(nodes: &mut Nodes<'_>, compare: Compare<'_>) -> Result<Option<Vec<u8>>> {
    let Some(mut at) = nodes.root() else { return Ok(None) };
    let mut level = nodes.header.depth;
    // Nodes from the root to a leaf, and which child was taken.
    let mut path: Vec<(Address, usize)> = Vec::new();
    // Where the record is, if that is not a leaf.
    let mut inner = None;
    loop {
        nodes.node(at, level)?;
        let node_at = address(at)?;
        let node = nodes.loaded(node_at)?;
        let index = match inner {
            // The next record in order is the leftmost one of the leaves that follow.
            Some(_) => 0,
            None => match node.search(nodes.editor.ctx(), compare)? {
                Ok(index) if level > 0 => {
                    inner = Some((node_at, index));
                    index.saturating_add(1)
                }
                Ok(index) => index,
                Err(_) if level == 0 => return Ok(None),
                Err(index) => index,
            },
        };
        path.push((node_at, index));
        let Some(below) = level.checked_sub(1) else { break };
        let missing = || Error::new(ErrorKind::Corrupt, "a child is missing").within("v2 B-tree node");
        at = node.children.get(index).copied().ok_or_else(missing)?;
        level = below;
    }
    let removed = take_from_leaf(nodes, path.pop(), inner)?;
    for (parent, index) in path.into_iter().rev() {
        let child = nodes.refresh(parent, index)?;
        let level = nodes.loaded(parent)?.level;
        if child.records < nodes.least(level.saturating_sub(1))? {
            fill(nodes, parent, level, index)?;
        }
    }
    shrink(nodes)?;
    nodes.header.total_records = nodes.header.total_records.saturating_sub(1);
    nodes.refresh_root()?;
    Ok(Some(removed))
}

/// Takes a record out of a leaf; it takes the place of the one in an inner node that is to go.
fn take_from_leaf(
    nodes: &mut Nodes<'_>,
    leaf: Option<(Address, usize)>,
    inner: Option<(Address, usize)>,
) -> Result<Vec<u8>> {
    let empty = || Error::new(ErrorKind::Corrupt, "a leaf without records").within("v2 B-tree node");
    let (leaf, index) = leaf.ok_or_else(empty)?;
    let mut node = nodes.take_loaded(leaf)?;
    let removed = node.records.remove(index);
    nodes.put(leaf, node);
    if removed.is_empty() {
        return Err(empty());
    }
    let Some((inner, index)) = inner else { return Ok(removed) };
    let mut node = nodes.take_loaded(inner)?;
    let replaced = node.records.replace(index, &removed);
    nodes.put(inner, node);
    Ok(replaced)
}

/// Sees to it that a child of a node at `level` is not too empty.
fn fill(nodes: &mut Nodes<'_>, at: Address, level: u16, index: usize) -> Result<()> {
    let node = nodes.loaded(at)?;
    let (first, count) = neighbours(node, index);
    if count < 2 {
        return Ok(());
    }
    let counts = (first..first.saturating_add(count)).map(|n| Nodes::records_of(node, n)).collect::<Vec<_>>();
    let total = counts.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
    let least = nodes.least(level.saturating_sub(1))?;
    if total >= least.saturating_mul(count as u64) {
        return nodes.reshape(at, level, first, count, &even(&counts)?);
    }
    // The records between them come down, but one stays up between two that are left.
    if count == 2 {
        return nodes.reshape(at, level, first, count, &[to_usize(total.saturating_add(1))?]);
    }
    let all = to_usize(total.saturating_add(1))?;
    nodes.reshape(at, level, first, count, &[all / 2, all.saturating_sub(all / 2)])
}

/// A root without records makes way for its only child, or for nothing.
fn shrink(nodes: &mut Nodes<'_>) -> Result<()> {
    while let Some(root) = nodes.header.root {
        let node = nodes.loaded(root)?;
        if node.len() > 0 {
            return Ok(());
        }
        let child = node.children.first().copied();
        nodes.take_loaded(root)?;
        nodes.discard(root);
        nodes.header.root = child.map(address).transpose()?;
        nodes.header.depth = nodes.header.depth.saturating_sub(1);
        if let Some(child) = child {
            nodes.node(child, nodes.header.depth)?;
        }
    }
    Ok(())
}

//! Taking a record out.

use super::Compare;
use super::insert::neighbours;
use super::nodes::{Nodes, even};
use super::tree::Slot;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Nodes from the root to a leaf, the index of the child that was taken in each, and of the record in the leaf.
type Path = Vec<(Slot, usize)>;

/// The way to a record that a leaf can do without, and where it goes if the one to be removed is in an inner node.
struct Way {
    path: Path,
    inner: Option<(Slot, usize)>,
}

pub(super) fn remove(nodes: &mut Nodes<'_>, compare: Compare<'_>) -> Result<Option<Vec<u8>>> {
    let Some(way) = find(nodes, compare)? else { return Ok(None) };
    load_neighbours(nodes, &way.path)?;
    nodes.step(|nodes| take(nodes, way).map(Some))
}

/// The way to the equal record, or to the next one in order if the equal one is in an inner node.
fn find(nodes: &mut Nodes<'_>, compare: Compare<'_>) -> Result<Option<Way>> {
    let Some(mut at) = nodes.root()? else { return Ok(None) };
    let (mut path, mut inner) = (Path::new(), None);
    for _ in 0..nodes.tree.header.depth {
        let index = match inner {
            // The next record in order is the leftmost one of the leaves that follow.
            Some(_) => 0,
            None => match nodes.search(at, compare)? {
                Ok(index) => {
                    inner = Some((at, index));
                    index.saturating_add(1)
                }
                Err(index) => index,
            },
        };
        path.push((at, index));
        at = nodes.child(at, index)?;
    }
    let index = match inner {
        Some(_) => Ok(0),
        None => nodes.search(at, compare)?,
    };
    let Ok(index) = index else { return Ok(None) };
    if nodes.tree.get(at)?.records.get(index).is_empty() {
        return Err(Error::new(ErrorKind::Corrupt, "a leaf without records").within("v2 B-tree node"));
    }
    path.push((at, index));
    Ok(Some(Way { path, inner }))
}

/// Loads what [`fill`] will need, so that it can not fail halfway.
fn load_neighbours(nodes: &mut Nodes<'_>, path: &[(Slot, usize)]) -> Result<()> {
    for pair in path.windows(2).rev() {
        let &[(parent, index), (child, _)] = pair else { continue };
        let child = nodes.tree.get(child)?;
        let left = (child.len() as u64).saturating_sub(1);
        if left >= nodes.least(child.level)? {
            break;
        }
        let (first, count) = neighbours(nodes.tree.get(parent)?, index);
        (first..first.saturating_add(count)).try_for_each(|n| nodes.child(parent, n).map(drop))?;
    }
    Ok(())
}

/// Takes a record from a leaf; it takes the place of the one in an inner node that is to go.
fn take(nodes: &mut Nodes<'_>, Way { mut path, inner }: Way) -> Result<Vec<u8>> {
    let missing = || Error::new(ErrorKind::Corrupt, "a leaf is missing").within("v2 B-tree node");
    let (leaf, index) = path.pop().ok_or_else(missing)?;
    let mut removed = nodes.tree.change(leaf)?.records.remove(index);
    if let Some((inner, index)) = inner {
        removed = nodes.tree.change(inner)?.records.replace(index, &removed);
    }
    for (parent, index) in path.into_iter().rev() {
        let records = nodes.tree.refresh(parent, index)?;
        let below = nodes.tree.get(parent)?.level.saturating_sub(1);
        if records < nodes.least(below)? {
            fill(nodes, parent, index)?;
        }
    }
    shrink(nodes)?;
    nodes.tree.refresh_root()?;
    Ok(removed)
}

/// Sees to it that a child of a node is not too empty.
fn fill(nodes: &mut Nodes<'_>, at: Slot, index: usize) -> Result<()> {
    let node = nodes.tree.get(at)?;
    let (first, count) = neighbours(node, index);
    if count < 2 {
        return Ok(());
    }
    let counts = (first..first.saturating_add(count)).map(|n| node.records_of(n)).collect::<Vec<_>>();
    let total = counts.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
    let least = nodes.least(node.level.saturating_sub(1))?;
    if total >= least.saturating_mul(count as u64) {
        return nodes.reshape(at, first, count, &even(&counts)?, &[]);
    }
    // The records between them come down, but one stays up between two that are left.
    let all = to_usize(total.saturating_add(1))?;
    match count {
        2 => nodes.reshape(at, first, count, &[all], &[]),
        _ => nodes.reshape(at, first, count, &[all / 2, all.saturating_sub(all / 2)], &[]),
    }
}

/// A root without records makes way for its only child, or for nothing.
fn shrink(nodes: &mut Nodes<'_>) -> Result<()> {
    while let Some(root) = nodes.root()? {
        let node = nodes.tree.get(root)?;
        if node.len() > 0 {
            return Ok(());
        }
        let child = match node.children.is_empty() {
            true => None,
            false => Some(nodes.child(root, 0)?),
        };
        let gone = nodes.tree.discard(root)?;
        nodes.release(gone);
        nodes.tree.set_root(child)?;
        let header = nodes.tree.header_mut();
        header.depth = header.depth.saturating_sub(1);
    }
    Ok(())
}

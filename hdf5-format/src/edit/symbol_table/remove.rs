//! An entry taken out of its place; empty nodes given back on the way up.

use super::nodes::Changes;
use super::path::{Path, Step};
use crate::codec::Address;
use crate::edit::Editor;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, STRUCTURE as NODE};
use crate::graph::FileContext;

/// What a node's parent has to know after a removal.
#[derive(Clone, Copy)]
enum Shrunk {
    /// Nothing.
    No,
    /// The node's largest name is another.
    RightKey(u64),
    /// The node is gone.
    Gone,
}

impl Path {
    /// The nodes without the entry that was found.
    ///
    /// # Errors
    /// A sibling is damaged.
    pub(super) fn remove(self, editor: &Editor) -> Result<Changes> {
        let ctx = editor.ctx();
        let mut changes = Changes::new(self.shape, self.loaded);
        let Some((address, mut leaf)) = self.leaf.filter(|(_, leaf)| self.place < leaf.entries.len()) else {
            return Ok(changes);
        };
        leaf.entries.remove(self.place);
        let mut shrunk = match leaf.entries.last() {
            None => Shrunk::Gone,
            Some(last) if self.place == leaf.entries.len() => Shrunk::RightKey(last.name_offset),
            Some(_) => Shrunk::No,
        };
        if leaf.entries.is_empty() {
            changes.freed.push((address, self.shape.leaf_len));
        } else {
            changes.leaves.insert(address, leaf);
        }
        let mut steps = self.steps.into_iter().rev().peekable();
        while let Some(step) = steps.next() {
            let is_root = steps.peek().is_none();
            shrunk = match shrunk {
                Shrunk::No => {
                    changes.loaded.put_node(step.address, step.node);
                    Shrunk::No
                }
                Shrunk::RightKey(name) => set_right_key(&mut changes, ctx, step, name)?,
                Shrunk::Gone => remove_child(&mut changes, ctx, step, is_root)?,
            };
        }
        Ok(changes)
    }
}

/// Another name as the right key of the child on the way.
fn set_right_key(changes: &mut Changes, ctx: &FileContext, step: Step, name: u64) -> Result<Shrunk> {
    let Step { address, mut node, index } = step;
    let after = index.saturating_add(1);
    let key = node.keys.get_mut(after).ok_or_else(missing_key)?;
    *key = name;
    let mut shrunk = Shrunk::No;
    if after == node.children.len() {
        // The same name is the left key of the next node.
        set_left_key(changes, ctx, address, &node, name)?;
        shrunk = Shrunk::RightKey(name);
    }
    changes.nodes.insert(address, node);
    Ok(shrunk)
}

/// Takes the child on the way out, with its right key: the child after it reaches down to its left key.
fn remove_child(changes: &mut Changes, ctx: &FileContext, step: Step, is_root: bool) -> Result<Shrunk> {
    let Step { address, mut node, index } = step;
    let after = index.saturating_add(1);
    if index >= node.children.len() || after >= node.keys.len() {
        return Err(missing_key());
    }
    node.children.remove(index);
    node.keys.remove(after);
    if node.children.is_empty() && !is_root {
        if let Some(left) = node.left {
            changes.sibling(ctx, address, left, node.level)?.right = node.right;
        }
        if let Some(right) = node.right {
            changes.sibling(ctx, address, right, node.level)?.left = node.left;
        }
        let name = *node.keys.first().ok_or_else(missing_key)?;
        set_left_key(changes, ctx, address, &node, name)?;
        changes.freed.push((address, changes.shape.node_len));
        return Ok(Shrunk::Gone);
    }
    let mut shrunk = Shrunk::No;
    if node.children.is_empty() {
        node.level = 0;
        node.keys.clear();
    } else if index == node.children.len() {
        let name = *node.keys.last().ok_or_else(missing_key)?;
        set_left_key(changes, ctx, address, &node, name)?;
        shrunk = Shrunk::RightKey(name);
    }
    changes.nodes.insert(address, node);
    Ok(shrunk)
}

/// Another name as the left key of the node after one.
fn set_left_key(
    changes: &mut Changes,
    ctx: &FileContext,
    address: Address,
    node: &BTreeV1Node,
    name: u64,
) -> Result<()> {
    if let Some(right) = node.right
        && let Some(key) = changes.sibling(ctx, address, right, node.level)?.keys.first_mut()
    {
        *key = name;
    }
    Ok(())
}

fn missing_key() -> Error {
    Error::new(ErrorKind::Corrupt, "a key is missing").within(NODE)
}

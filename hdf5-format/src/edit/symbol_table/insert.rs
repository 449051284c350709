//! An entry put into its place; nodes split on the way up.

use super::nodes::{Changes, Shape};
use super::path::{Path, Step};
use crate::codec::Address;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, STRUCTURE as NODE};
use crate::format::symbol_table_entry::SymbolTableEntry;
use crate::format::symbol_table_node::SymbolTableNode;
use crate::graph::FileContext;
use alloc::vec::Vec;

/// Space for the nodes that an insertion adds.
#[derive(Default)]
pub(super) struct NewNodes {
    shape: Option<Shape>,
    leaf: Option<Address>,
    /// For splits from the lowest level up; last of all for what the root held.
    nodes: Vec<Address>,
}

/// What a node's parent has to know after an insertion.
#[derive(Clone, Copy, Default)]
struct Grown {
    /// The node's largest name is another.
    right_key: Option<u64>,
    /// The largest name left in it, and the node after it that has the rest.
    split: Option<(u64, Address)>,
}

impl NewNodes {
    pub(super) fn release(&self, editor: &mut Editor) {
        let Some(shape) = self.shape else { return };
        self.leaf.iter().for_each(|&leaf| editor.release(Purpose::BTree, leaf, shape.leaf_len));
        self.nodes.iter().for_each(|&node| editor.release(Purpose::BTree, node, shape.node_len));
    }
}

impl Path {
    /// Takes space for the nodes that an insertion here adds.
    ///
    /// # Errors
    /// There is not enough.
    pub(super) fn reserve(&self, editor: &mut Editor) -> Result<NewNodes> {
        let mut new = NewNodes { shape: Some(self.shape), ..NewNodes::default() };
        let done = self.reserve_into(editor, &mut new);
        done.inspect_err(|_| new.release(editor))?;
        Ok(new)
    }

    fn reserve_into(&self, editor: &mut Editor, new: &mut NewNodes) -> Result<()> {
        let leaf_splits = self.leaf.as_ref().is_some_and(|(_, leaf)| leaf.entries.len() >= self.shape.entries());
        if leaf_splits || self.leaf.is_none() {
            new.leaf = Some(editor.allocate(Purpose::BTree, self.shape.leaf_len)?);
        }
        if !leaf_splits {
            return Ok(());
        }
        let full = |step: &&Step| step.node.children.len() >= self.shape.children();
        let splits = self.steps.iter().rev().take_while(full).count();
        let root_splits = splits == self.steps.len();
        for _ in 0..splits.saturating_add(usize::from(root_splits)) {
            new.nodes.push(editor.allocate(Purpose::BTree, self.shape.node_len)?);
        }
        Ok(())
    }

    /// The nodes with one more entry. `new` is what [`reserve`](Self::reserve) took.
    ///
    /// # Errors
    /// A sibling is damaged, or the tree is too deep.
    pub(super) fn insert(self, editor: &Editor, entry: SymbolTableEntry, new: &NewNodes) -> Result<Changes> {
        let ctx = editor.ctx();
        let mut changes = Changes::new(self.shape, self.loaded);
        let mut addresses = new.nodes.iter().copied();
        let mut steps = self.steps.into_iter().rev();
        let mut grown = match self.leaf {
            Some((address, leaf)) => insert_into_leaf(&mut changes, address, leaf, self.place, entry, new.leaf)?,
            None => {
                let leaf = new.leaf.ok_or_else(no_space)?;
                changes.leaves.insert(leaf, SymbolTableNode { entries: alloc::vec![entry] });
                if let Some(mut root) = steps.next() {
                    root.node.keys = alloc::vec![0, entry.name_offset];
                    root.node.children = alloc::vec![Some(leaf)];
                    changes.nodes.insert(root.address, root.node);
                }
                Grown::default()
            }
        };
        let mut steps = steps.peekable();
        while let Some(step) = steps.next() {
            if grown.right_key.is_none() && grown.split.is_none() {
                changes.loaded.put_node(step.address, step.node);
                continue;
            }
            let is_root = steps.peek().is_none();
            grown = insert_into_node(&mut changes, ctx, step, grown, is_root, &mut addresses)?;
        }
        Ok(changes)
    }
}

fn no_space() -> Error {
    Error::new(ErrorKind::Corrupt, "more splits than full nodes").within(NODE)
}

fn insert_into_leaf(
    changes: &mut Changes,
    address: Address,
    mut leaf: SymbolTableNode,
    place: usize,
    entry: SymbolTableEntry,
    new: Option<Address>,
) -> Result<Grown> {
    let shape = changes.shape;
    let at_end = place >= leaf.entries.len();
    let right_key = at_end.then_some(entry.name_offset);
    if leaf.entries.len() < shape.entries() {
        leaf.entries.insert(place.min(leaf.entries.len()), entry);
        changes.leaves.insert(address, leaf);
        return Ok(Grown { right_key, split: None });
    }
    let half = usize::from(shape.leaf_k);
    let mut right = SymbolTableNode { entries: leaf.entries.split_off(half.min(leaf.entries.len())) };
    match place.checked_sub(half).filter(|&place| place > 0) {
        Some(place) => right.entries.insert(place.min(right.entries.len()), entry),
        None => leaf.entries.insert(place.min(leaf.entries.len()), entry),
    }
    let middle = leaf.entries.last().map_or(entry.name_offset, |last| last.name_offset);
    let new = new.ok_or_else(no_space)?;
    changes.leaves.insert(address, leaf);
    changes.leaves.insert(new, right);
    Ok(Grown { right_key, split: Some((middle, new)) })
}

/// Brings what happened to a child into its node; splits the node if that makes it too large.
fn insert_into_node(
    changes: &mut Changes,
    ctx: &FileContext,
    step: Step,
    grown: Grown,
    is_root: bool,
    new: &mut impl Iterator<Item = Address>,
) -> Result<Grown> {
    let Step { address, mut node, index } = step;
    let after = index.saturating_add(1);
    let is_last = after == node.children.len();
    let right_key = grown.right_key.filter(|_| is_last);
    if let (Some(name), Some(key)) = (grown.right_key, node.keys.get_mut(after)) {
        *key = name;
    }
    if let Some((middle, child)) = grown.split {
        node.keys.insert(after, middle);
        node.children.insert(after, Some(child));
    }
    if node.children.len() <= changes.shape.children() {
        changes.nodes.insert(address, node);
        return Ok(Grown { right_key, split: None });
    }
    let left_count = left_of_split(changes.shape, &node, index);
    let right_address = new.next().ok_or_else(no_space)?;
    let mut right = node.clone();
    right.keys.drain(..left_count);
    right.children.drain(..left_count);
    node.keys.truncate(left_count.saturating_add(1));
    node.children.truncate(left_count);
    let middle = *node.keys.last().ok_or_else(no_space)?;
    if let Some(old) = node.right {
        changes.sibling(ctx, address, old, node.level)?.left = Some(right_address);
    }
    node.right = Some(right_address);
    right.left = Some(address);
    if !is_root {
        changes.nodes.insert(address, node);
        changes.nodes.insert(right_address, right);
        return Ok(Grown { right_key, split: Some((middle, right_address)) });
    }
    // The root stays where it is: what it held moves.
    let left_address = new.next().ok_or_else(no_space)?;
    right.left = Some(left_address);
    let root = root_over(ctx, (left_address, &node), (right_address, &right))?;
    changes.nodes.insert(left_address, node);
    changes.nodes.insert(right_address, right);
    changes.nodes.insert(address, root);
    Ok(Grown::default())
}

fn root_over(
    ctx: &FileContext,
    (left_address, left): (Address, &BTreeV1Node),
    (right_address, right): (Address, &BTreeV1Node),
) -> Result<BTreeV1Node> {
    let limit = ctx.limits().btree_depth;
    let level = left.level.checked_add(1).filter(|&level| usize::from(level) < limit);
    let level = level.ok_or_else(|| Error::limit("btree_depth", limit as u64, limit as u64).within(NODE))?;
    let keys = [left.keys.first(), left.keys.last(), right.keys.last()].into_iter().flatten().copied().collect();
    let children = alloc::vec![Some(left_address), Some(right_address)];
    Ok(BTreeV1Node { key_type: left.key_type, level, left: None, right: None, keys, children })
}

/// How many children stay in a node with one too many. The child after `index` is the new one, and stays with the one it
/// was split from where libhdf5 keeps them together.
fn left_of_split(shape: Shape, node: &BTreeV1Node, index: usize) -> usize {
    let most = shape.children();
    if shape.internal_k == 1 {
        // Two of three children in the node that goes on growing would have it split every time.
        return if node.right.is_none() { 2 } else { 1 };
    }
    let left = match (node.left, node.right) {
        (_, None) => most.saturating_mul(9) / 10,
        (None, Some(_)) => most / 10,
        _ => most / 2,
    };
    let left = left.max(1);
    left.saturating_add(usize::from(index < left))
}

//! The way from the root of a group's tree to a name's place.

use super::nodes::{Loaded, Shape};
use crate::codec::Address;
use crate::edit::Editor;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, STRUCTURE as NODE};
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::symbol_table_entry::SymbolTableEntry;
use crate::format::symbol_table_node::SymbolTableNode;
use crate::graph::btree_v1::first_not_below;
use crate::graph::local_heap::LocalHeapReader;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A B-tree node on the way.
pub(super) struct Step {
    pub(super) address: Address,
    pub(super) node: BTreeV1Node,
    /// The child that the way leads to.
    pub(super) index: usize,
}

/// A name's place.
pub(in crate::edit) struct Path {
    pub(super) shape: Shape,
    /// Nodes that are not on the way.
    pub(super) loaded: Loaded,
    /// From the root down; the root is always there.
    pub(super) steps: Vec<Step>,
    /// None in an empty tree.
    pub(super) leaf: Option<(Address, SymbolTableNode)>,
    /// Where among the leaf's entries the name is, or would be.
    pub(super) place: usize,
    found: bool,
}

impl Path {
    /// The way to a name; to where it would be, if it is not there.
    ///
    /// # Errors
    /// A node or a name on the way is damaged.
    pub(in crate::edit) fn to(editor: &mut Editor, table: &SymbolTableMessage, name: &[u8]) -> Result<Self> {
        let mut loaded = editor.symbol_tables.take(table.btree).unwrap_or_default();
        let (ctx, shape) = (editor.ctx(), Shape::of(editor)?);
        let heap = LocalHeapReader::open(ctx, table.heap)?;
        let compare = |offset: Option<u64>| -> Result<Ordering> {
            let offset = offset.ok_or_else(|| Error::new(ErrorKind::Corrupt, "a key is missing").within(NODE))?;
            Ok((*heap.text(ctx, offset)?).cmp(name))
        };
        let mut steps = Vec::new();
        let (mut address, mut level) = (Some(table.btree), None);
        loop {
            let node = loaded.take_node(shape, ctx, address, level)?;
            // The name is in the first child whose right key is not below it; what is above all goes into the last.
            let index = first_not_below(node.children.len(), |i| compare(node.name_key(i.saturating_add(1))))?;
            let index = index.min(node.children.len().saturating_sub(1));
            let (own, child) = (address.unwrap_or(table.btree), node.children.get(index).copied());
            level = node.level.checked_sub(1);
            steps.push(Step { address: own, node, index });
            let Some(child) = child else {
                return Ok(Path { shape, loaded, steps, leaf: None, place: 0, found: false });
            };
            address = child;
            if level.is_none() {
                break;
            }
        }
        let (address, leaf) = loaded.take_leaf(shape, ctx, address)?;
        let key = |i: usize| leaf.entries.get(i).map(|entry| entry.name_offset);
        let place = first_not_below(leaf.entries.len(), |i| compare(key(i)))?;
        let found = place < leaf.entries.len() && compare(key(place))? == Ordering::Equal;
        Ok(Path { shape, loaded, steps, leaf: Some((address, leaf)), place, found })
    }

    /// The name's entry.
    pub(in crate::edit) fn entry(&self) -> Option<SymbolTableEntry> {
        let (_, leaf) = self.leaf.as_ref().filter(|_| self.found)?;
        leaf.entries.get(self.place).copied()
    }
}

//! Version 2 B-trees: records put in, changed and taken out, whole trees built and deleted.
//!
//! ```text
//!                insert                                       remove
//! on the way     a full child first shares with a             -
//! down           neighbour that has room (2 or 3 nodes made
//!                even), else it becomes two
//! on the way up  counts                                       counts; a child that is too empty shares with its
//!                                                             neighbours, or 2 nodes become 1, or 3 become 2
//! root           full: a new root above it                    without records: its only child is the root
//! ```
//! When a node is full or too empty follows from the percentages in the tree's header, as libhdf5 reckons them; the
//! nodes of a tree stay such that libhdf5 can go on with them. One change loads the nodes on one path and their
//! neighbours before it begins.
//!
//! Records are bytes here. What they are ordered by is the caller's closure: it says how a record of the tree stands
//! to the one that is meant, and may read other structures to know (names in a heap).
//!
//! Header and nodes are kept for the next change, and written when something reads or the commit comes:
//! [`waiting`](super::waiting).

mod build;
mod insert;
mod node;
mod nodes;
mod records;
mod remove;
mod tree;

use super::{Editor, Purpose};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::header::STRUCTURE as HEADER;
use crate::format::btree_v2::{BTreeV2Header, RecordType};
use crate::graph::FileContext;
use crate::graph::Visited;
use alloc::vec::Vec;
use core::cmp::Ordering;
use nodes::Nodes;

pub(in crate::edit) use tree::Tree;

pub(crate) use build::build;

/// How a record of the tree stands to the one that is meant.
pub(crate) type Compare<'a> = &'a mut dyn FnMut(&FileContext, &[u8]) -> Result<Ordering>;

/// What a new tree is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// What the records are.
    pub(crate) record_type: RecordType,
    /// Bytes of every record.
    pub(crate) record_size: u16,
    /// Bytes of every node.
    pub(crate) node_size: u32,
    /// Percentage of a node's capacity at which it is full.
    pub(crate) split_percent: u8,
    /// Percentage of a node's capacity below which it is too empty; less than half of the other one.
    pub(crate) merge_percent: u8,
}

impl Parameters {
    /// Those of the indexes of links, attributes, shared messages and huge objects.
    pub(crate) const fn small(record_type: RecordType, record_size: u16) -> Self {
        Parameters { record_type, record_size, node_size: 512, split_percent: 100, merge_percent: 40 }
    }

    /// Those of chunk indexes.
    pub(crate) const fn chunks(record_type: RecordType, record_size: u16) -> Self {
        Parameters { node_size: 2048, ..Self::small(record_type, record_size) }
    }

    /// The header of an empty tree.
    fn header(&self) -> Result<BTreeV2Header> {
        let (split, merge) = (self.split_percent, self.merge_percent);
        if self.record_size == 0 || split == 0 || split > 100 || merge >= split.div_ceil(2) {
            return Err(Error::new(
                ErrorKind::Invalid,
                alloc::format!(
                    "a tree of records of {} bytes, split at {split}%, merged at {merge}%",
                    self.record_size
                ),
            )
            .within(HEADER));
        }
        Ok(BTreeV2Header {
            record_type: self.record_type,
            node_size: self.node_size,
            record_size: self.record_size,
            depth: 0,
            split_percent: split,
            merge_percent: merge,
            root: None,
            root_records: 0,
            total_records: 0,
        })
    }
}

/// A new, empty tree: the address of its header.
///
/// # Errors
/// The parameters do not suit each other, or there is no room in the file.
pub(crate) fn create(editor: &mut Editor, parameters: &Parameters) -> Result<Address> {
    build(editor, parameters, 0, &mut |_| Ok(()))
}

/// Puts a record in.
///
/// # Errors
/// [`ErrorKind::Conflict`] if an equal one is there; a damaged node; no room in the file. The tree is as before.
pub(crate) fn insert(editor: &mut Editor, header: Address, record: &[u8], compare: Compare<'_>) -> Result<()> {
    Nodes::change(editor, header, |nodes| {
        nodes.check_record(record)?;
        insert::insert(nodes, record, compare)
    })
}

/// Takes the equal record out: its bytes.
///
/// # Errors
/// A damaged node. The tree is as before.
pub(crate) fn remove(editor: &mut Editor, header: Address, compare: Compare<'_>) -> Result<Option<Vec<u8>>> {
    Nodes::change(editor, header, |nodes| remove::remove(nodes, compare))
}

/// Puts a record in the place of the equal one, which it must be equal to as well: the bytes of the old one.
/// `None`: there is none, and nothing was changed.
///
/// # Errors
/// A damaged node. The tree is as before.
pub(crate) fn replace(
    editor: &mut Editor,
    header: Address,
    record: &[u8],
    compare: Compare<'_>,
) -> Result<Option<Vec<u8>>> {
    Nodes::change(editor, header, |nodes| {
        nodes.check_record(record)?;
        let Some((node, index)) = nodes.find(compare)? else { return Ok(None) };
        nodes.step(|nodes| Ok(Some(nodes.tree.change(node)?.records.replace(index, record))))
    })
}

/// The record that is equal.
///
/// # Errors
/// A node on the way is damaged.
pub(crate) fn find(editor: &mut Editor, header: Address, compare: Compare<'_>) -> Result<Option<Vec<u8>>> {
    Nodes::change(editor, header, |nodes| {
        let Some((node, index)) = nodes.find(compare)? else { return Ok(None) };
        Ok(Some(nodes.tree.get(node)?.records.get(index).to_vec()))
    })
}

/// Records in the tree, as its header says.
///
/// # Errors
/// The header is damaged.
pub(crate) fn len(editor: &mut Editor, header: Address) -> Result<u64> {
    Nodes::change(editor, header, |nodes| Ok(nodes.tree.len()))
}

/// Lets the trees of two headers change places.
///
/// # Errors
/// A header is damaged.
pub(crate) fn exchange(editor: &mut Editor, a: Address, b: Address) -> Result<()> {
    editor.overlay.settle()?;
    [a, b].into_iter().for_each(|tree| drop(editor.overlay.take_tree(tree)));
    let headers = [(a, node::load_header(editor.ctx(), b)?), (b, node::load_header(editor.ctx(), a)?)];
    headers.into_iter().try_for_each(|(place, header)| {
        let mut writer = editor.block_writer();
        header.encode(&mut writer)?;
        editor.write_block(place, &writer)
    })
}

/// Calls `each` with every record, in no order, and gives back all blocks of the tree, the header too.
///
/// # Errors
/// A node is damaged, or `each` fails: no block is given back then.
pub(crate) fn delete(
    editor: &mut Editor,
    header: Address,
    each: &mut dyn FnMut(&mut Editor, &[u8]) -> Result<()>,
) -> Result<()> {
    editor.overlay.settle()?;
    editor.overlay.take_tree(header);
    let (tree, layout) = node::open(editor.ctx(), header)?;
    let (node_len, header_len) = (u64::from(tree.node_size), BTreeV2Header::encoded_len(editor.ctx().sizes()) as u64);
    let mut seen = Visited::new();
    seen.accept(header, header_len, HEADER)?;
    let mut blocks = Vec::new();
    let mut left: Vec<_> = node::root(&tree).map(|root| (root, tree.depth)).into_iter().collect();
    while let Some((pointer, level)) = left.pop() {
        let address = node::address(pointer)?;
        let node = node::load(editor.ctx(), &mut seen, &tree, &layout, pointer, level)?;
        blocks.push(address);
        left.extend(node.children.iter().map(|child| (child.pointer, level.saturating_sub(1))));
        (0..node.len()).try_for_each(|index| each(editor, node.records.get(index)))?;
    }
    blocks.into_iter().for_each(|block| editor.release(Purpose::BTree, block, node_len));
    editor.release(Purpose::BTree, header, header_len);
    Ok(())
}

#[cfg(test)]
mod tests;

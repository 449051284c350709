//! Changing a version 1 B-tree of chunks.
//!
//! Nodes are held decoded between operations and handed over at the end. The root stays where it is: when it splits, what
//! it held moves. Siblings point at each other, and the last key of a node is the first of its right sibling. The
//! rightmost key of the tree is the last chunk's position plus one in every dimension, as libhdf5 keeps it; it grows
//! with what is put past it and never shrinks.

mod insert;
mod remove;

use super::StoredChunk;
use super::blocks::Freed;
use crate::codec::Address;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, KeyType};
use crate::graph::FileContext;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

const NODE: &str = "chunk B-tree node";
/// Bytes of nodes held before all are handed over.
const HELD: u64 = 16 << 20;

/// A tree that is being changed.
pub(super) struct Tree {
    root: Address,
    key_type: KeyType,
    /// Half the children a node has room for.
    k: u16,
    /// Bytes of every node.
    node_len: u64,
    /// Lengths of a chunk, that of an element last.
    lengths: Vec<u64>,
    /// Nodes held; the root is the first.
    nodes: Vec<Node>,
    by_address: BTreeMap<Address, usize>,
    /// From the root to a leaf: each node, and which of its children an operation is about.
    path: Vec<(usize, usize)>,
}

struct Node {
    address: Address,
    node: BTreeV1Node,
    /// Which of `nodes` the children are, where they are held.
    below: Vec<Option<usize>>,
    dirty: bool,
    /// Given back: nothing may point here.
    freed: bool,
}

/// Where a position is among the keys of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first key.
    Before,
    /// From this key to before the next.
    In(usize),
    /// At or after the last key.
    After,
}

impl Tree {
    /// The tree at `root`; nothing is read yet. `lengths` ends with the size of an element.
    pub(super) fn open(editor: &Editor, root: Address, lengths: Vec<u64>) -> Self {
        let k = editor.superblock.chunk_k;
        let key_type = KeyType::Chunk { rank: lengths.len().saturating_sub(1) };
        let node_len = key_type.node_len(k, editor.ctx().sizes()) as u64;
        let (nodes, by_address, path) = Default::default();
        Tree { root, key_type, k, node_len, lengths, nodes, by_address, path }
    }

    /// A new tree: an empty root.
    pub(super) fn create(editor: &mut Editor, lengths: Vec<u64>) -> Result<Self> {
        let mut tree = Tree::open(editor, Address(0), lengths);
        if tree.k == 0 {
            return Err(Error::new(ErrorKind::Corrupt, "K of chunk B-trees is 0").within("superblock"));
        }
        tree.root = editor.allocate(Purpose::BTree, tree.node_len)?;
        let (level, left, right, keys, children) = (0, None, None, Vec::new(), Vec::new());
        tree.hold(tree.root, BTreeV1Node { key_type: tree.key_type, level, left, right, keys, children }, true);
        Ok(tree)
    }

    pub(super) fn address(&self) -> Address {
        self.root
    }

    /// The offsets that keys have for a chunk, `more` chunks on in every dimension and in the element.
    pub(super) fn offsets(&self, scaled: &[u64], more: u64) -> Option<Vec<u64>> {
        let parts = scaled.iter().chain(&[0]).zip(&self.lengths);
        parts.map(|(s, len)| s.checked_add(more)?.checked_mul(*len)).collect()
    }

    pub(super) fn get(&mut self, ctx: &FileContext, scaled: &[u64]) -> Result<Option<StoredChunk>> {
        let Some(offsets) = self.offsets(scaled, 0) else { return Ok(None) };
        let place = self.descend(ctx, &offsets)?;
        self.found(ctx, place, &offsets)
    }

    /// The chunk at a place of the leaf that the path ends at, if it has these offsets.
    fn found(&self, ctx: &FileContext, place: Place, offsets: &[u64]) -> Result<Option<StoredChunk>> {
        let (Some(leaf), Place::In(i)) = (self.path.last().and_then(|p| self.nodes.get(p.0)), place) else {
            return Ok(None);
        };
        let Some(key) = leaf.node.chunk_key(i).filter(|key| key.offsets == offsets) else { return Ok(None) };
        let address = leaf.node.children.get(i).copied().flatten().ok_or_else(|| {
            let text = alloc::format!("undefined address of the chunk at element {offsets:?}");
            Error::corrupt(NODE, ctx.absolute(leaf.address), text)
        })?;
        Ok(Some(StoredChunk { address, size: key.size.into(), filter_mask: key.filter_mask }))
    }

    /// Makes the path to the leaf for a position, and says where in it that position is.
    fn descend(&mut self, ctx: &FileContext, offsets: &[u64]) -> Result<Place> {
        self.path.clear();
        if self.nodes.is_empty() {
            self.load(ctx, self.root, None)?;
        }
        let mut at = 0;
        loop {
            let node = self.node(at)?;
            let (place, level) = (node.place(offsets), node.node.level);
            let child = match place {
                Place::Before => 0,
                Place::In(i) => i,
                Place::After => node.node.children.len().saturating_sub(1),
            };
            self.path.push((at, child));
            if level == 0 {
                return Ok(place);
            }
            at = self.child(ctx, at, child)?;
        }
    }

    fn node(&self, at: usize) -> Result<&Node> {
        self.nodes.get(at).filter(|node| !node.freed).ok_or_else(shared)
    }

    /// A node to be changed.
    fn change(&mut self, at: usize) -> Result<&mut Node> {
        let node = self.nodes.get_mut(at).filter(|node| !node.freed).ok_or_else(shared)?;
        node.dirty = true;
        Ok(node)
    }

    /// Holds a child.
    fn child(&mut self, ctx: &FileContext, at: usize, index: usize) -> Result<usize> {
        let node = self.node(at)?;
        if let Some(child) = node.below.get(index).copied().flatten() {
            return Ok(child);
        }
        let child = node.node.children.get(index).copied().flatten();
        let (Some(child), Some(below)) = (child, node.node.level.checked_sub(1)) else {
            let text = alloc::format!("child {index} has no address");
            return Err(Error::corrupt(NODE, ctx.absolute(node.address), text));
        };
        let held = self.load(ctx, child, Some(below))?;
        if let Some(slot) = self.nodes.get_mut(at).and_then(|node| node.below.get_mut(index)) {
            *slot = Some(held);
        }
        Ok(held)
    }

    /// Holds the node at an address.
    fn load(&mut self, ctx: &FileContext, address: Address, level: Option<u8>) -> Result<usize> {
        let corrupt = |text| Err(Error::corrupt(NODE, ctx.absolute(address), text));
        let at = match self.by_address.get(&address) {
            Some(&at) => at,
            None => {
                let block = ctx.block(address, self.node_len, NODE)?;
                let node = BTreeV1Node::parse(&mut ctx.cursor(&block, address, NODE), self.key_type)?;
                let most = usize::from(self.k).saturating_mul(2);
                if node.children.len() > most || (node.children.is_empty() && (level.is_some() || node.level > 0)) {
                    let found = node.children.len();
                    return corrupt(alloc::format!("children: expected 1 to {most}, found {found}"));
                }
                self.hold(address, node, false)
            }
        };
        let found = self.node(at)?.node.level;
        if level.is_some_and(|level| level != found) {
            return corrupt(alloc::format!("level: expected {}, found {found}", level.unwrap_or(0)));
        }
        let limit = ctx.limits().btree_depth;
        if usize::from(found) >= limit {
            return Err(Error::limit("btree_depth", limit as u64, found.into()).within(NODE).at(ctx.absolute(address)));
        }
        Ok(at)
    }

    fn hold(&mut self, address: Address, node: BTreeV1Node, dirty: bool) -> usize {
        let at = self.nodes.len();
        let below = vec![None; node.children.len()];
        self.nodes.push(Node { address, node, below, dirty, freed: false });
        self.by_address.insert(address, at);
        at
    }

    /// Hands over all changes.
    pub(super) fn flush(&mut self, editor: &mut Editor) -> Result<()> {
        for node in self.nodes.iter_mut().filter(|node| node.dirty && !node.freed) {
            let mut writer = editor.writer();
            node.node.encode(&mut writer, self.k)?;
            editor.write(node.address, writer.as_slice())?;
            node.dirty = false;
        }
        Ok(())
    }

    /// Hands all nodes over if many are held. Before an operation: during one, nodes stay where they are.
    pub(super) fn relieve(&mut self, editor: &mut Editor) -> Result<()> {
        if (self.nodes.len() as u64).saturating_mul(self.node_len) > HELD {
            self.flush(editor)?;
            self.forget();
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.nodes.clear();
        self.by_address.clear();
    }

    /// Gives all nodes back. Changes must have been handed over.
    pub(super) fn delete(&mut self, editor: &mut Editor) -> Result<()> {
        self.forget();
        let ctx = editor.ctx().clone();
        let mut freed = Freed::default();
        let mut stack = vec![(self.root, None)];
        while let Some((address, level)) = stack.pop() {
            freed.add(&ctx, address, self.node_len, NODE)?;
            let at = self.load(&ctx, address, level)?;
            let node = &self.node(at)?.node;
            if let Some(below) = node.level.checked_sub(1) {
                stack.extend(node.children.iter().flatten().map(|&child| (child, Some(below))));
            }
            self.forget();
        }
        freed.release(editor);
        Ok(())
    }
}

impl Node {
    fn place(&self, offsets: &[u64]) -> Place {
        let keys = self.node.children.len();
        // The rightmost key and the last child are what is asked for in most cases.
        if keys == 0 || self.offsets(keys) <= offsets {
            return Place::After;
        }
        let (mut low, mut high) = (0, keys);
        let last = keys.saturating_sub(1);
        if self.offsets(last) <= offsets {
            return Place::In(last);
        }
        while low < high {
            let middle = low.midpoint(high);
            if self.offsets(middle) <= offsets {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low.checked_sub(1).map_or(Place::Before, Place::In)
    }

    /// The offsets of a key.
    fn offsets(&self, index: usize) -> &[u64] {
        self.node.key(index).get(2..).unwrap_or(&[])
    }

    fn set_key(&mut self, index: usize, key: &[u64]) {
        let words = self.node.key_type.words();
        let start = index.saturating_mul(words);
        if let Some(place) = self.node.keys.get_mut(start..start.saturating_add(words))
            && key.len() == words
        {
            place.copy_from_slice(key);
        }
    }
}

/// Two parents share a node that was given back.
fn shared() -> Error {
    Error::new(ErrorKind::Corrupt, "a node has two parents, or none").within(NODE)
}

//! Insertion into a version 1 B-tree of chunks.

use super::{Place, StoredChunk, Tree};
use crate::codec::Address;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::BTreeV1Node;
use alloc::vec;
use alloc::vec::Vec;

/// What a change of a node means for its parent.
#[derive(Default)]
struct Rising {
    /// The node's first key is this now.
    first: Option<Vec<u64>>,
    /// Its last key is this now.
    last: Option<Vec<u64>>,
    new: Option<New>,
}

/// A child to be put beside the one that the path goes through.
struct New {
    /// What separates the two.
    key: Vec<u64>,
    child: Address,
    /// Which of the nodes held it is, unless it is a chunk.
    held: Option<usize>,
    /// It comes before the other one.
    before: bool,
}

impl Tree {
    /// Inserts a chunk, or replaces it: what was there.
    pub(in super::super) fn set(
        &mut self,
        editor: &mut Editor,
        scaled: &[u64],
        chunk: StoredChunk,
    ) -> Result<Option<StoredChunk>> {
        let too_far = || Error::new(ErrorKind::Invalid, "a chunk past the last element that 64 bits can count");
        let offsets = self.offsets(scaled, 0).ok_or_else(too_far)?;
        let end = self.offsets(scaled, 1).ok_or_else(too_far)?;
        let key = |offsets: Vec<u64>| [chunk.size, chunk.filter_mask.into()].into_iter().chain(offsets).collect();
        let place = self.descend(editor.ctx(), &offsets)?;
        let old = self.found(editor.ctx(), place, &offsets)?;
        let last: Vec<u64> = [0, 0].into_iter().chain(end).collect();
        let key: Vec<u64> = key(offsets);
        let &(leaf, index) = self.path.last().ok_or_else(super::shared)?;
        let mut rising = Rising::default();
        if old.is_some() {
            if let Some(child) = self.change(leaf)?.node.children.get_mut(index) {
                *child = Some(chunk.address);
            }
            rising.first = Some(key);
        } else if self.node(leaf)?.node.children.is_empty() {
            let node = self.change(leaf)?;
            node.node.keys = [key, last].concat();
            node.node.children = vec![Some(chunk.address)];
            node.below = vec![None];
        } else {
            let new = |key, before| Some(New { key, child: chunk.address, held: None, before });
            match place {
                Place::Before => {
                    rising.new = new(self.node(leaf)?.node.key(0).to_vec(), true);
                    rising.first = Some(key);
                }
                Place::In(_) => rising.new = new(key, false),
                Place::After => {
                    rising.new = new(key, false);
                    rising.last = Some(last);
                }
            }
        }
        self.rise(editor, rising)?;
        Ok(old)
    }

    /// Carries a change of the path's leaf upwards.
    fn rise(&mut self, editor: &mut Editor, mut rising: Rising) -> Result<()> {
        for step in (0..self.path.len()).rev() {
            let &(at, index) = self.path.get(step).ok_or_else(super::shared)?;
            if let Some(key) = &rising.first {
                self.change(at)?.set_key(index, key);
                rising.first = rising.first.filter(|_| index == 0);
            }
            if let Some(key) = &rising.last {
                let node = self.change(at)?;
                node.set_key(index.saturating_add(1), key);
                let at_end = index.saturating_add(1) == node.node.children.len();
                rising.last = rising.last.filter(|_| at_end);
            }
            if let Some(new) = rising.new.take() {
                rising.new = self.insert(editor, at, index, new)?;
            }
            if rising.first.is_none() && rising.last.is_none() && rising.new.is_none() {
                return Ok(());
            }
        }
        match rising.new {
            Some(new) => self.grow(editor, new),
            None => Ok(()),
        }
    }

    /// Puts a child beside child `index` of a node; the new right half if the node had to split.
    fn insert(&mut self, editor: &mut Editor, at: usize, index: usize, new: New) -> Result<Option<New>> {
        let room = usize::from(self.k).saturating_mul(2);
        let (mut target, mut index, mut split) = (at, index, None);
        if self.node(at)?.node.children.len() >= room {
            let right = self.split(editor, at, index)?;
            let left_len = self.node(at)?.node.children.len();
            if let Some(beyond) = index.checked_sub(left_len) {
                (target, index) = (right, beyond);
            }
            split = Some(right);
        }
        let words = self.key_type.words();
        let node = self.change(target)?;
        let key_at = index.saturating_add(1).saturating_mul(words);
        let child_at = if new.before { index } else { index.saturating_add(1) };
        if key_at > node.node.keys.len() || child_at > node.node.children.len() {
            return Err(super::shared());
        }
        node.node.keys.splice(key_at..key_at, new.key);
        node.node.children.insert(child_at, Some(new.child));
        node.below.insert(child_at, new.held);
        let Some(right) = split else { return Ok(None) };
        let node = self.node(right)?;
        Ok(Some(New { key: node.node.key(0).to_vec(), child: node.address, held: Some(right), before: false }))
    }

    /// Moves the upper children of a full node to a new right sibling. Child `index` is about to get a neighbour.
    ///
    /// Nodes at the right end stay nearly full and those at the left end nearly empty, which suits chunks that come in
    /// order; the shares are libhdf5's defaults.
    fn split(&mut self, editor: &mut Editor, at: usize, index: usize) -> Result<usize> {
        let node = self.node(at)?;
        let (left, right, level) = (node.node.left, node.node.right, node.node.level);
        let room = node.node.children.len();
        let tenth = |n: usize| room.saturating_mul(n) / 10;
        let keep = match (left, right) {
            (_, None) => tenth(9),
            (None, Some(_)) => tenth(1),
            _ => room / 2,
        };
        // Neither half may be empty.
        let keep = match keep {
            keep if keep == room && index < keep => keep.saturating_sub(1),
            0 => 1,
            keep => keep,
        };
        let neighbour = right.map(|right| self.load(editor.ctx(), right, Some(level))).transpose()?;
        let address = editor.allocate(Purpose::BTree, self.node_len)?;
        let words = self.key_type.words();
        let node = self.change(at)?;
        let before = Some(node.address);
        let separator = keep.saturating_mul(words);
        let keys = node.node.keys.get(separator..).unwrap_or(&[]).to_vec();
        node.node.keys.truncate(separator.saturating_add(words));
        let children = node.node.children.split_off(keep.min(room));
        let below = node.below.split_off(keep.min(room));
        node.node.right = Some(address);
        if let Some(neighbour) = neighbour {
            self.change(neighbour)?.node.left = Some(address);
        }
        let key_type = self.key_type;
        let held = self.hold(address, BTreeV1Node { key_type, level, left: before, right, keys, children }, true);
        self.change(held)?.below = below;
        Ok(held)
    }

    /// A root above the one that has split.
    fn grow(&mut self, editor: &mut Editor, right: New) -> Result<()> {
        let address = editor.allocate(Purpose::BTree, self.node_len)?;
        let last = |node: &BTreeV1Node| node.key(node.children.len()).to_vec();
        let right_at = right.held.ok_or_else(super::shared)?;
        let end = last(&self.node(right_at)?.node);
        let key_type = self.key_type;
        let root = self.change(0)?;
        let level = root
            .node
            .level
            .checked_add(1)
            .ok_or_else(|| Error::new(ErrorKind::Limit, "a B-tree of more than 255 levels").within(super::NODE))?;
        let keys = [root.node.key(0), &right.key, &end].concat();
        let children = vec![Some(address), Some(right.child)];
        let top = BTreeV1Node { key_type, level, left: None, right: None, keys, children };
        let lower = core::mem::replace(&mut root.node, top);
        let below = core::mem::take(&mut root.below);
        let left_at = self.hold(address, lower, true);
        self.change(left_at)?.below = below;
        self.change(right_at)?.node.left = Some(address);
        self.change(0)?.below = vec![Some(left_at), Some(right_at)];
        Ok(())
    }
}

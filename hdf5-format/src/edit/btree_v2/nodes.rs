//! What changes of a tree are made of. Each step leaves a tree with the same records, or with the change.

use super::Compare;
use super::node::Node;
use super::tree::{Slot, Tree};
use crate::codec::{Address, to_usize};
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::Layout;
use crate::format::btree_v2::header::STRUCTURE as HEADER;
use alloc::vec::Vec;

/// Fewest records that a full node may have: two nodes and a record between them come of it.
const LEAST_FULL: u64 = 3;
/// Most records of a node: those of the root have 16 bits.
const MOST: u64 = u16::MAX as u64;

/// A tree while it is changed.
pub(super) struct Nodes<'e> {
    pub(super) editor: &'e mut Editor,
    pub(super) tree: Tree,
    /// A step is half done.
    torn: bool,
}

impl<'e> Nodes<'e> {
    /// Does a change as a whole, or none that can be seen.
    pub(super) fn change<T>(
        editor: &'e mut Editor,
        at: Address,
        change: impl FnOnce(&mut Nodes<'e>) -> Result<T>,
    ) -> Result<T> {
        let overlay = editor.overlay.clone();
        let tree = overlay.take_tree(at).map_or_else(|| Tree::open(editor.ctx(), at), Ok)?;
        let mut nodes = Nodes { editor, tree, torn: false };
        let result = change(&mut nodes);
        let Nodes { editor, tree, torn } = nodes;
        if torn {
            editor.changed();
            editor.mark_unsound();
            return result;
        }
        let kept = overlay.keep_tree(at, tree);
        if kept.is_err() {
            editor.mark_unsound();
        }
        result.and_then(|done| kept.map(|()| done))
    }

    /// Does what must be done as a whole.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        // A step may be within another.
        let before = core::mem::replace(&mut self.torn, true);
        self.editor.touch();
        let done = step(self)?;
        self.torn = before;
        Ok(done)
    }

    pub(super) fn check_record(&self, record: &[u8]) -> Result<()> {
        let (expected, found) = (self.tree.layout.record_size, record.len());
        if expected == found {
            return Ok(());
        }
        let text = alloc::format!("record: expected {expected} bytes, found {found}");
        Err(Error::new(ErrorKind::Invalid, text).within(HEADER))
    }

    /// Nodes of a level are full with this many records.
    pub(super) fn full(&self, level: u16) -> Result<u64> {
        self.full_of(&self.tree.layout, level)
    }

    /// The same in another layout.
    pub(super) fn full_of(&self, layout: &Layout, level: u16) -> Result<u64> {
        let capacity = layout.capacity(level).min(MOST);
        if capacity < LEAST_FULL {
            let text = alloc::format!("nodes for {capacity} records are too small to be changed");
            return Err(Error::unsupported(text).within(HEADER));
        }
        let full = capacity.saturating_mul(self.tree.header.split_percent.into()) / 100;
        Ok(full.clamp(LEAST_FULL, capacity))
    }

    /// Nodes of a level that are not the root have no fewer records than this.
    pub(super) fn least(&self, level: u16) -> Result<u64> {
        let percent = self.tree.header.merge_percent.into();
        let least = self.tree.layout.capacity(level).saturating_mul(percent) / 100;
        Ok(least.clamp(1, (self.full(level)? / 2).max(1)))
    }

    pub(super) fn root(&mut self) -> Result<Option<Slot>> {
        self.tree.root(self.editor.ctx())
    }

    pub(super) fn child(&mut self, parent: Slot, index: usize) -> Result<Slot> {
        self.tree.child(self.editor.ctx(), parent, index)
    }

    /// As [`Node::search`].
    pub(super) fn search(&self, slot: Slot, compare: Compare<'_>) -> Result<core::result::Result<usize, usize>> {
        self.tree.get(slot)?.search(self.editor.ctx(), compare)
    }

    /// Node and index of the equal record.
    pub(super) fn find(&mut self, compare: Compare<'_>) -> Result<Option<(Slot, usize)>> {
        let Some(mut at) = self.root()? else { return Ok(None) };
        for _ in 0..self.tree.header.depth {
            match self.search(at, compare)? {
                Ok(index) => return Ok(Some((at, index))),
                Err(index) => at = self.child(at, index)?,
            }
        }
        Ok(self.search(at, compare)?.ok().map(|index| (at, index)))
    }

    /// Room for new nodes.
    pub(super) fn allocate(&mut self, count: usize) -> Result<Vec<Address>> {
        let mut new = Vec::with_capacity(count);
        while new.len() < count {
            match self.editor.allocate(Purpose::BTree, self.tree.header.node_size.into()) {
                Ok(address) => new.push(address),
                Err(error) => {
                    new.into_iter().for_each(|node| self.release(node));
                    return Err(error);
                }
            }
        }
        Ok(new)
    }

    /// Gives the space of a node back.
    pub(super) fn release(&mut self, node: Address) {
        self.editor.release(Purpose::BTree, node, self.tree.header.node_size.into());
    }

    /// Makes the records and children of `count` neighbours, from the child `first` of a node, into as many nodes as
    /// there are `sizes`, with as many records each, the first ones where they are, the others at `new` addresses. A
    /// record goes up between every two.
    pub(super) fn reshape(
        &mut self,
        parent: Slot,
        first: usize,
        count: usize,
        sizes: &[usize],
        new: &[Address],
    ) -> Result<()> {
        let old = (first..first.saturating_add(count)).map(|n| self.child(parent, n)).collect::<Result<Vec<_>>>()?;
        self.step(|nodes| {
            let all = nodes.join(parent, first, &old)?;
            let (mut places, mut addresses) = (old.iter().copied(), new.iter().copied());
            let (mut start, mut children, mut between) = (0usize, Vec::with_capacity(sizes.len()), Vec::new());
            for &size in sizes {
                if start > 0 {
                    between.extend_from_slice(all.records.get(start.saturating_sub(1)));
                }
                let slot = match places.next() {
                    Some(slot) => slot,
                    None => {
                        let node = Node::new(all.level, &nodes.tree.layout);
                        nodes.tree.add(addresses.next().ok_or_else(no_room)?, node)?
                    }
                };
                nodes.tree.change(slot)?.set_to(&all, start, size);
                children.push(nodes.tree.as_child(slot)?);
                start = start.saturating_add(size).saturating_add(1);
            }
            nodes.tree.scratch = all;
            for slot in places {
                let gone = nodes.tree.discard(slot)?;
                nodes.release(gone);
            }
            let node = nodes.tree.change(parent)?;
            node.records.exchange(first, count.saturating_sub(1), &between);
            drop(node.children.splice(first..first.saturating_add(count), children));
            Ok(())
        })
    }

    /// All records and children of neighbours, with the records between them.
    fn join(&mut self, parent: Slot, first: usize, old: &[Slot]) -> Result<Node> {
        let empty = Node::without_room(&self.tree.layout);
        let mut all = core::mem::replace(&mut self.tree.scratch, empty);
        all.clear();
        for (n, &slot) in old.iter().enumerate() {
            let part = self.tree.get(slot)?;
            if n > 0 {
                let between = first.saturating_add(n).saturating_sub(1);
                all.records.push(self.tree.get(parent)?.records.get(between));
            }
            all.level = part.level;
            all.records.append(&part.records);
            all.children.extend_from_slice(&part.children);
        }
        Ok(all)
    }
}

fn no_room() -> Error {
    Error::new(ErrorKind::Corrupt, "a node without an address").within(HEADER)
}

/// Sizes of two or three nodes made even; `counts` are the present ones.
pub(super) fn even(counts: &[u64]) -> Result<Vec<usize>> {
    let total = counts.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
    let sizes: Vec<u64> = match *counts {
        [left, right] => {
            let less = total / 2;
            let more = total.saturating_sub(less);
            if left < right { [more, less].into() } else { [less, more].into() }
        }
        _ => {
            let middle = total / 3;
            let rest = total.saturating_sub(middle);
            let left = rest / 2;
            [left, middle, rest.saturating_sub(left)].into()
        }
    };
    sizes.into_iter().map(to_usize).collect()
}

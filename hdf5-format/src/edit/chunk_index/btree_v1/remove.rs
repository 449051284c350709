//! Removal from a version 1 B-tree of chunks.
//!
//! A node that loses its last child is given back, and nodes are never merged. The tree does not get lower before it is
//! empty; then the root is a leaf again.

use super::{StoredChunk, Tree};
use crate::edit::{Editor, Purpose};
use crate::error::Result;
use alloc::vec::Vec;

impl Tree {
    /// Removes a chunk: what was there.
    pub(in super::super) fn remove(&mut self, editor: &mut Editor, scaled: &[u64]) -> Result<Option<StoredChunk>> {
        let Some(offsets) = self.offsets(scaled, 0) else { return Ok(None) };
        let place = self.descend(editor.ctx(), &offsets)?;
        let Some(old) = self.found(editor.ctx(), place, &offsets)? else { return Ok(None) };
        let words = self.key_type.words();
        // Whether the path's child of the node is gone; its new first key, if that has changed.
        let (mut gone, mut first) = (true, None::<Vec<u64>>);
        while let Some((at, index)) = self.path.pop() {
            if let Some(key) = &first {
                self.change(at)?.set_key(index, key);
                first = first.filter(|_| index == 0);
            }
            if gone {
                if self.node(at)?.node.children.len() <= 1 {
                    gone = self.remove_node(editor, at)?;
                    continue;
                }
                let node = self.change(at)?;
                let key = index.saturating_mul(words);
                if index >= node.node.children.len() || key.saturating_add(words) > node.node.keys.len() {
                    return Err(super::shared());
                }
                node.node.keys.drain(key..key.saturating_add(words));
                node.node.children.remove(index);
                node.below.remove(index);
                gone = false;
                first = (index == 0).then(|| node.node.key(0).to_vec());
            }
            let Some(key) = &first else { break };
            let (left, level) = (self.node(at)?.node.left, self.node(at)?.node.level);
            if let Some(left) = left {
                let left = self.load(editor.ctx(), left, Some(level))?;
                let left = self.change(left)?;
                left.set_key(left.node.children.len(), key);
            }
        }
        Ok(Some(old))
    }

    /// Gives back a node without children, and says so; a root stays.
    fn remove_node(&mut self, editor: &mut Editor, at: usize) -> Result<bool> {
        if at == 0 {
            let root = self.change(0)?;
            root.node.level = 0;
            root.node.keys.clear();
            root.node.children.clear();
            root.below.clear();
            return Ok(false);
        }
        let node = self.node(at)?;
        let (left, right, level) = (node.node.left, node.node.right, node.node.level);
        let (address, end) = (node.address, node.node.key(1).to_vec());
        if let Some(neighbour) = left {
            let neighbour = self.load(editor.ctx(), neighbour, Some(level))?;
            let neighbour = self.change(neighbour)?;
            neighbour.node.right = right;
            neighbour.set_key(neighbour.node.children.len(), &end);
        }
        if let Some(neighbour) = right {
            let neighbour = self.load(editor.ctx(), neighbour, Some(level))?;
            self.change(neighbour)?.node.left = left;
        }
        self.change(at)?.freed = true;
        self.by_address.remove(&address);
        editor.release(Purpose::BTree, address, self.node_len);
        Ok(true)
    }
}

//! Going through the chunks of an index that is being changed; pruning and deletion.

use super::{ChunkIndexEditor, Index, StoredChunk};
use crate::edit::Editor;
use crate::error::Result;
use crate::graph::chunk_index::ChunkIndex;
use alloc::vec;
use alloc::vec::Vec;

/// What is done with each chunk: its position in units of chunks, and where it is.
pub(crate) type Visitor<'v> = &'v mut dyn FnMut(&mut Editor, &[u64], StoredChunk) -> Result<()>;

impl ChunkIndexEditor {
    /// Visits the allocated chunks of a box, `low` to before `high` in units of chunks.
    ///
    /// # Errors
    /// The index is damaged, or `visit` fails.
    pub(crate) fn visit(&mut self, editor: &mut Editor, low: &[u64], high: &[u64], visit: Visitor<'_>) -> Result<()> {
        self.check_rank(low)?;
        self.check_rank(high)?;
        self.finish(editor)?;
        let ctx = editor.ctx().clone();
        let dims: Vec<u64> = self.max_dims.iter().map(|max| max.unwrap_or(0)).collect();
        let high: Vec<u64> = high.iter().zip(&self.counts).map(|(h, n)| n.map_or(*h, |n| n.min(*h))).collect();
        let index = ChunkIndex::new(&self.layout, &dims, &self.max_dims, self.filtered)?;
        index.visit(&ctx, low, &high, &mut |record| {
            let chunk = StoredChunk { address: record.address, size: record.size, filter_mask: record.filter_mask };
            visit(editor, record.scaled, chunk)
        })
    }

    /// Takes out all chunks that are wholly outside a new extent and hands them over. Those of an implicit index are
    /// only handed over: they stay allocated.
    ///
    /// # Errors
    /// The index is damaged, or `pruned` fails.
    pub(crate) fn prune(&mut self, editor: &mut Editor, dims: &[u64], pruned: Visitor<'_>) -> Result<()> {
        self.check_rank(dims)?;
        let ends: Vec<u64> = dims.iter().zip(&self.layout.chunk).map(|(d, c)| d.div_ceil(*c)).collect();
        let (low, mut high) = (vec![0; ends.len()], vec![u64::MAX; ends.len()]);
        // What is outside in one dimension, and inside in all dimensions before it.
        for (d, &end) in ends.iter().enumerate() {
            let mut outside = low.clone();
            if let Some(low) = outside.get_mut(d) {
                *low = end;
            }
            let mut found = Vec::new();
            self.visit(editor, &outside, &high, &mut |_, scaled, chunk| {
                found.push((scaled.to_vec(), chunk));
                Ok(())
            })?;
            for (scaled, chunk) in found {
                self.remove(editor, &scaled)?;
                pruned(editor, &scaled, chunk)?;
            }
            if let Some(high) = high.get_mut(d) {
                *high = end;
            }
        }
        Ok(())
    }

    /// Hands all chunks over, then gives the index back. The caller releases the chunks, each with its stored bytes.
    ///
    /// # Errors
    /// The index is damaged, or `each` fails.
    pub(crate) fn delete(mut self, editor: &mut Editor, each: Visitor<'_>) -> Result<()> {
        let rank = self.counts.len();
        self.visit(editor, &vec![0; rank], &vec![u64::MAX; rank], each)?;
        match &mut self.index {
            Index::Missing | Index::Single | Index::Implicit => Ok(()),
            Index::Fixed(array) => array.delete(editor),
            Index::Extensible(array) => array.delete(editor),
            Index::BTreeV1(tree) => tree.delete(editor),
            Index::BTreeV2(tree) => tree.delete(editor),
        }
    }
}

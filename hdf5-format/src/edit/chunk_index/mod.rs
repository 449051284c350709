//! Changing the index of a dataset's chunks, whichever kind it is.
//!
//! | kind | made with | and with the first chunk of theirs | given back |
//! |---|---|---|---|
//! | version 1 B-tree | the root | nodes | a node with its last chunk, the root with the index |
//! | single chunk | nothing | | |
//! | implicit | all chunks | | with the index |
//! | fixed array | the header | the data block, pages | with the index |
//! | extensible array | the header | index block, super blocks, data blocks, pages | with the index |
//! | version 2 B-tree | the header | nodes | nodes, the header with the index |
//!
//! An index is made with the first chunk; until then its address in the layout message is undefined. The blocks of it
//! that are in use are held in memory: what others read is out of date before [`ChunkIndexEditor::finish`], and the
//! layout is to be stored after it. After an error the index is in an unknown state, and the changes since the last
//! commit must be given up; arguments are checked before anything changes.

mod blocks;
mod btree_v1;
mod btree_v2;
mod choose;
mod elements;
mod extensible_array;
mod fixed_array;
mod visit;

pub(crate) use choose::{NewChunks, choose, suggested_chunk};

use super::btree_v2::Parameters;
use super::{Editor, Purpose};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::RecordType;
use crate::format::chunk_element::ElementForm;
use crate::format::extensible_array::ExtensibleArrayHeader;
use crate::format::message::layout::{ChunkIndexKind, ChunkedLayout};
use crate::graph::chunk_index::linear::Linear;
use alloc::vec::Vec;
use blocks::Access;
use btree_v1::Tree;
use extensible_array::ExtensibleArray;
use fixed_array::FixedArray;

/// An allocated chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredChunk {
    /// Where it is.
    pub(crate) address: Address,
    /// Stored bytes.
    pub(crate) size: u64,
    /// Bit i is set if filter i was skipped.
    pub(crate) filter_mask: u32,
}

/// The index of one dataset's chunks.
pub(crate) struct ChunkIndexEditor {
    layout: ChunkedLayout,
    max_dims: Vec<Option<u64>>,
    /// Chunks along each dimension of the maximal extent; none where it is unlimited.
    counts: Vec<Option<u64>>,
    filtered: bool,
    chunk_bytes: u64,
    linear: Linear,
    index: Index,
}

/// What the layout's address is that of.
enum Index {
    /// There is none yet.
    Missing,
    /// The only chunk.
    Single,
    /// All chunks.
    Implicit,
    Fixed(FixedArray),
    Extensible(ExtensibleArray),
    BTreeV1(Tree),
    BTreeV2(btree_v2::Tree),
}

impl ChunkIndexEditor {
    /// The index of a dataset with this layout and maximal extent. `filtered` says whether it has a filter pipeline.
    ///
    /// # Errors
    /// The index is not one for such an extent, or its header is damaged.
    pub(crate) fn open(
        editor: &Editor,
        layout: ChunkedLayout,
        max_dims: &[Option<u64>],
        filtered: bool,
    ) -> Result<Self> {
        let corrupt = |text| Error::new(ErrorKind::Corrupt, text).within("data layout");
        let (rank, found) = (max_dims.len(), layout.chunk.len());
        if rank != found || rank == 0 || layout.chunk.contains(&0) {
            return Err(corrupt(alloc::format!("chunks {:?} in a dataset of {rank} dimensions", layout.chunk)));
        }
        let unlimited = max_dims.iter().filter(|max| max.is_none()).count();
        let fits = match layout.index {
            ChunkIndexKind::BTreeV1 | ChunkIndexKind::BTreeV2 { .. } => true,
            ChunkIndexKind::ExtensibleArray { .. } => unlimited == 1,
            _ => unlimited == 0,
        };
        if !fits {
            let kind = layout.index;
            return Err(corrupt(alloc::format!("{kind:?} in a dataset of {unlimited} unlimited dimensions")));
        }
        let too_large = || corrupt("chunk larger than 64 bits can count".into());
        let chunk_bytes = layout.chunk_bytes().filter(|&n| n > 0).ok_or_else(too_large)?;
        let dims: Vec<u64> = max_dims.iter().map(|max| max.unwrap_or(0)).collect();
        let linear = Linear::new(&layout.chunk, &dims, max_dims);
        let counts = max_dims.iter().zip(&layout.chunk).map(|(max, chunk)| max.map(|max| max.div_ceil(*chunk)));
        let (counts, max_dims) = (counts.collect(), max_dims.to_vec());
        let mut new =
            ChunkIndexEditor { layout, max_dims, counts, filtered, chunk_bytes, linear, index: Index::Missing };
        new.index = new.opened(editor)?;
        Ok(new)
    }

    fn opened(&self, editor: &Editor) -> Result<Index> {
        let Some(address) = self.layout.address else { return Ok(Index::Missing) };
        let (ctx, form, bytes) = (editor.ctx(), self.form(editor), self.chunk_bytes);
        Ok(match self.layout.index {
            ChunkIndexKind::Single { .. } => Index::Single,
            ChunkIndexKind::Implicit => Index::Implicit,
            ChunkIndexKind::FixedArray { .. } => Index::Fixed(FixedArray::open(ctx, address, form, bytes)?),
            ChunkIndexKind::ExtensibleArray { .. } => {
                Index::Extensible(ExtensibleArray::open(ctx, address, form, bytes)?)
            }
            ChunkIndexKind::BTreeV1 => Index::BTreeV1(Tree::open(editor, address, self.lengths())),
            ChunkIndexKind::BTreeV2 { .. } => {
                Index::BTreeV2(btree_v2::Tree::open(ctx, address, self.counts.len(), form, bytes)?)
            }
        })
    }

    /// The layout message as it is now.
    pub(crate) fn layout(&self) -> &ChunkedLayout {
        &self.layout
    }

    /// Makes the index, if there is none: at once for early allocation, else with the first chunk.
    ///
    /// # Errors
    /// The file is full, or the layout's parameters are out of range.
    pub(crate) fn create(&mut self, editor: &mut Editor) -> Result<()> {
        if !matches!(self.index, Index::Missing) {
            return Ok(());
        }
        let (form, bytes) = (self.form(editor), self.chunk_bytes);
        let (index, address) = match self.layout.index {
            // The chunk's address is that of the index.
            ChunkIndexKind::Single { .. } => return Ok(()),
            ChunkIndexKind::Implicit => {
                let len = self.total()?.checked_mul(bytes).ok_or_else(too_many)?;
                (Index::Implicit, editor.allocate(Purpose::RawData, len)?)
            }
            ChunkIndexKind::FixedArray { page_bits } => {
                let array = FixedArray::create(editor, form, bytes, self.total()?, page_bits)?;
                let address = array.address();
                (Index::Fixed(array), address)
            }
            ChunkIndexKind::ExtensibleArray { max_bits, index_elements, min_pointers, min_elements, page_bits } => {
                let (client, element_size, block_stats, index_end, realized, index_block) = Default::default();
                let header = ExtensibleArrayHeader {
                    client,
                    element_size,
                    max_bits,
                    index_elements,
                    min_elements,
                    min_pointers,
                    page_bits,
                    block_stats,
                    index_end,
                    realized,
                    index_block,
                };
                let array = ExtensibleArray::create(editor, form, bytes, header)?;
                let address = array.address();
                (Index::Extensible(array), address)
            }
            ChunkIndexKind::BTreeV1 => {
                let tree = Tree::create(editor, self.lengths())?;
                let address = tree.address();
                (Index::BTreeV1(tree), address)
            }
            ChunkIndexKind::BTreeV2 { node_size, split_percent, merge_percent } => {
                let usual = Parameters::chunks(RecordType::Chunk, 0);
                let parameters = Parameters { node_size, split_percent, merge_percent, ..usual };
                let tree = btree_v2::Tree::create(editor, self.counts.len(), form, bytes, parameters)?;
                let address = tree.address();
                (Index::BTreeV2(tree), address)
            }
        };
        (self.index, self.layout.address) = (index, Some(address));
        Ok(())
    }

    /// The chunk at a position in units of chunks, if it is allocated.
    ///
    /// # Errors
    /// The index is damaged.
    pub(crate) fn lookup(&mut self, editor: &mut Editor, scaled: &[u64]) -> Result<Option<StoredChunk>> {
        self.check_rank(scaled)?;
        if !self.inside(scaled) {
            return Ok(None);
        }
        self.relieve(editor)?;
        let number = self.linear.number(scaled);
        let mut access = Access::Find(editor.ctx());
        match (&mut self.index, number) {
            (Index::Missing, _) => Ok(None),
            (Index::Single, _) => Ok(self.single()),
            (Index::Implicit, _) => Ok(self.implicit(scaled)),
            (Index::BTreeV1(tree), _) => tree.get(editor.ctx(), scaled),
            (Index::BTreeV2(tree), _) => tree.get(editor.ctx(), scaled),
            (Index::Fixed(array), Some(number)) => match array.run(&mut access, number)? {
                Some(run) => array.elements.get(editor.ctx(), run, number),
                None => Ok(None),
            },
            (Index::Extensible(array), Some(number)) if array.holds(number) => match array.run(&mut access, number)? {
                Some(run) => array.elements.get(editor.ctx(), run, number),
                None => Ok(None),
            },
            (Index::Fixed(_) | Index::Extensible(_), _) => Ok(None),
        }
    }

    /// Enters a chunk: what was there before, whose bytes are the caller's to release.
    ///
    /// # Errors
    /// The chunk can not be entered there, the file is full, or the index is damaged.
    pub(crate) fn set(
        &mut self,
        editor: &mut Editor,
        scaled: &[u64],
        chunk: StoredChunk,
    ) -> Result<Option<StoredChunk>> {
        self.check_rank(scaled)?;
        if !self.inside(scaled) {
            let text = alloc::format!("chunk {scaled:?} is outside the maximal extent {:?}", self.max_dims);
            return Err(Error::new(ErrorKind::Shape, text));
        }
        self.check_chunk(editor, chunk)?;
        self.create(editor)?;
        self.relieve(editor)?;
        let number = self.linear.number(scaled).ok_or_else(too_many);
        match &mut self.index {
            Index::Missing | Index::Single => {
                let old = self.single();
                if let ChunkIndexKind::Single { filtered } = &mut self.layout.index {
                    *filtered = filtered.map(|_| (chunk.size, chunk.filter_mask));
                }
                (self.index, self.layout.address) = (Index::Single, Some(chunk.address));
                Ok(old)
            }
            Index::Implicit => {
                let there = self.implicit(scaled);
                if there != Some(chunk) {
                    let text = alloc::format!("chunk {scaled:?} can be nowhere but at {:?}", there.map(|c| c.address));
                    return Err(Error::new(ErrorKind::Invalid, text));
                }
                Ok(there)
            }
            Index::BTreeV1(tree) => tree.set(editor, scaled, chunk),
            Index::BTreeV2(tree) => tree.put(editor.ctx(), scaled, Some(chunk)),
            Index::Fixed(array) => {
                let number = number?;
                let run = array.run(&mut Access::Make(editor), number)?.ok_or_else(too_many)?;
                let old = array.elements.get(editor.ctx(), run, number)?;
                array.elements.put(editor, run, number, Some(chunk))?;
                Ok(old)
            }
            Index::Extensible(array) => {
                let number = number?;
                if !array.holds(number) {
                    return Err(too_many());
                }
                let run = array.run(&mut Access::Make(editor), number)?.ok_or_else(too_many)?;
                let old = array.elements.get(editor.ctx(), run, number)?;
                array.elements.put(editor, run, number, Some(chunk))?;
                array.set(number);
                Ok(old)
            }
        }
    }

    /// Takes a chunk out: what was there, whose bytes are the caller's to release. Chunks of an implicit index stay.
    ///
    /// # Errors
    /// The index is damaged.
    pub(crate) fn remove(&mut self, editor: &mut Editor, scaled: &[u64]) -> Result<Option<StoredChunk>> {
        let Some(old) = self.lookup(editor, scaled)? else { return Ok(None) };
        let number = self.linear.number(scaled).ok_or_else(too_many);
        match &mut self.index {
            Index::Missing => return Ok(None),
            Index::Implicit => {}
            Index::Single => {
                if let ChunkIndexKind::Single { filtered } = &mut self.layout.index {
                    *filtered = filtered.map(|_| (0, 0));
                }
                (self.index, self.layout.address) = (Index::Missing, None);
            }
            Index::BTreeV1(tree) => return tree.remove(editor, scaled),
            Index::BTreeV2(tree) => return tree.put(editor.ctx(), scaled, None),
            Index::Fixed(array) => {
                let number = number?;
                if let Some(run) = array.run(&mut Access::Find(editor.ctx()), number)? {
                    array.elements.put(editor, run, number, None)?;
                }
            }
            Index::Extensible(array) => {
                let number = number?;
                if let Some(run) = array.run(&mut Access::Find(editor.ctx()), number)? {
                    array.elements.put(editor, run, number, None)?;
                }
            }
        }
        Ok(Some(old))
    }

    /// Hands over all changes: from here on everyone sees them. The layout is what the header must say.
    ///
    /// # Errors
    /// A number is wider than the file has room for.
    pub(crate) fn finish(&mut self, editor: &mut Editor) -> Result<&ChunkedLayout> {
        match &mut self.index {
            Index::Missing | Index::Single | Index::Implicit => {}
            Index::Fixed(array) => array.flush(editor)?,
            Index::Extensible(array) => array.flush(editor)?,
            Index::BTreeV1(tree) => tree.flush(editor)?,
            Index::BTreeV2(tree) => tree.flush(editor)?,
        }
        Ok(&self.layout)
    }

    fn relieve(&mut self, editor: &mut Editor) -> Result<()> {
        match &mut self.index {
            Index::Missing | Index::Single | Index::Implicit => Ok(()),
            Index::Fixed(array) => array.elements.relieve(editor),
            Index::Extensible(array) => array.elements.relieve(editor),
            Index::BTreeV1(tree) => tree.relieve(editor),
            Index::BTreeV2(tree) => tree.relieve(editor),
        }
    }

    fn form(&self, editor: &Editor) -> ElementForm {
        if self.filtered {
            ElementForm::filtered(self.layout.version, self.chunk_bytes, editor.ctx().sizes().l())
        } else {
            ElementForm::Plain
        }
    }

    /// Lengths of a chunk, that of an element last.
    fn lengths(&self) -> Vec<u64> {
        self.layout.chunk.iter().copied().chain([self.layout.element_size]).collect()
    }

    /// Chunks of the maximal extent.
    fn total(&self) -> Result<u64> {
        let total = self.counts.iter().try_fold(1u64, |n, count| n.checked_mul((*count)?));
        total.filter(|&n| n > 0).ok_or_else(too_many)
    }

    fn single(&self) -> Option<StoredChunk> {
        let ChunkIndexKind::Single { filtered } = self.layout.index else { return None };
        let (size, filter_mask) = filtered.unwrap_or((self.chunk_bytes, 0));
        Some(StoredChunk { address: self.layout.address?, size, filter_mask })
    }

    fn implicit(&self, scaled: &[u64]) -> Option<StoredChunk> {
        let before = self.linear.number(scaled)?.checked_mul(self.chunk_bytes)?;
        let address = Address(self.layout.address?.0.checked_add(before)?);
        Some(StoredChunk { address, size: self.chunk_bytes, filter_mask: 0 })
    }

    fn check_rank(&self, scaled: &[u64]) -> Result<()> {
        let (expected, found) = (self.counts.len(), scaled.len());
        if expected == found {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Shape,
            alloc::format!("a chunk's position: expected {expected} numbers, found {found}"),
        ))
    }

    /// True if a position is inside the maximal extent.
    fn inside(&self, scaled: &[u64]) -> bool {
        let single = matches!(self.layout.index, ChunkIndexKind::Single { .. });
        scaled.iter().zip(&self.counts).all(|(&s, &count)| count.is_none_or(|n| s < n) && (s == 0 || !single))
    }

    /// Refuses a chunk that the index has no room to describe.
    fn check_chunk(&self, editor: &Editor, chunk: StoredChunk) -> Result<()> {
        let invalid = |text| Err(Error::new(ErrorKind::Invalid, text));
        let sizes = editor.ctx().sizes();
        // All ones are no address.
        if chunk.address.0 >= largest(sizes.o()) {
            return invalid(alloc::format!("a chunk at {:?}, where addresses do not reach", chunk.address));
        }
        if !self.filtered && (chunk.size != self.chunk_bytes || chunk.filter_mask != 0) {
            let (expected, found) = (self.chunk_bytes, chunk.size);
            return invalid(alloc::format!(
                "an unfiltered chunk: expected {expected} bytes and mask 0, found {found} and mask {:#x}",
                chunk.filter_mask
            ));
        }
        let width = match (self.layout.index, self.form(editor)) {
            (ChunkIndexKind::BTreeV1, _) => 4,
            (ChunkIndexKind::Single { .. }, _) if self.filtered => sizes.l(),
            (_, ElementForm::Filtered { size_width }) => size_width,
            (_, ElementForm::Plain) => 8,
        };
        if chunk.size == 0 || chunk.size > largest(width) {
            return invalid(alloc::format!(
                "a chunk of {} stored bytes, for which the index has {width} bytes",
                chunk.size
            ));
        }
        Ok(())
    }
}

/// The largest number of a width in bytes.
fn largest(width: usize) -> u64 {
    let unused = u32::try_from(8usize.saturating_sub(width).saturating_mul(8)).unwrap_or(0);
    u64::MAX.checked_shr(unused).unwrap_or(0)
}

fn too_many() -> Error {
    Error::new(ErrorKind::Limit, "more chunks than the dataset's index can have")
}

#[cfg(test)]
mod tests;

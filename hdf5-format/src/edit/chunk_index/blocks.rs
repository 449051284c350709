//! Blocks of an array that are held in memory between operations, and what an operation may do with them.

use crate::codec::{Address, Cursor, Writer, to_usize};
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{FileContext, Visited};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Bytes held before all blocks are handed over.
const HELD: usize = 16 << 20;

/// Blocks by address. Each ends with the checksum of the bytes before it, which is made when the block is handed over.
#[derive(Default)]
pub(super) struct Blocks {
    open: BTreeMap<Address, Block>,
    held: usize,
}

struct Block {
    bytes: Vec<u8>,
    dirty: bool,
}

/// Blocks of an index that is deleted: released when all of them are known to be disjoint and in the file.
#[derive(Default)]
pub(super) struct Freed {
    seen: Visited,
    blocks: Vec<(Address, u64)>,
}

impl Freed {
    pub(super) fn add(&mut self, ctx: &FileContext, address: Address, len: u64, structure: &'static str) -> Result<()> {
        ctx.check(address, len, structure)?;
        self.seen.accept(address, len, structure)?;
        self.blocks.push((address, len));
        Ok(())
    }

    pub(super) fn release(self, editor: &mut Editor) {
        for (address, len) in self.blocks {
            editor.release(Purpose::BTree, address, len);
        }
    }
}

/// What an operation does where something is not there.
pub(super) enum Access<'e> {
    /// Finds nothing.
    Find(&'e FileContext),
    /// Makes it.
    Make(&'e mut Editor),
}

impl Access<'_> {
    pub(super) fn ctx(&self) -> &FileContext {
        match self {
            Access::Find(ctx) => ctx,
            Access::Make(editor) => editor.ctx(),
        }
    }

    /// The editor to make things with, if they are to be made.
    pub(super) fn editor(&mut self) -> Option<&mut Editor> {
        match self {
            Access::Find(_) => None,
            Access::Make(editor) => Some(editor),
        }
    }
}

/// Refuses a block of more bytes than could be read again.
pub(super) fn bounded(ctx: &FileContext, len: u64, structure: &'static str) -> Result<usize> {
    let limit = ctx.limits().block_bytes;
    if len > limit {
        return Err(Error::limit("block_bytes", limit, len).within(structure));
    }
    to_usize(len)
}

impl Blocks {
    /// Makes sure that a block is held, and that its checksum is right.
    pub(super) fn load(
        &mut self,
        ctx: &FileContext,
        address: Address,
        len: u64,
        structure: &'static str,
    ) -> Result<&[u8]> {
        if !self.open.contains_key(&address) {
            let block = ctx.block(address, len, structure)?;
            let mut cursor = ctx.cursor(&block, address, structure);
            cursor.skip(block.len().saturating_sub(4))?;
            cursor.checksum()?;
            self.hold(address, Block { bytes: block.into_owned(), dirty: false });
        }
        Ok(self.bytes(address))
    }

    /// Holds a new block of these bytes; its checksum comes after them.
    pub(super) fn add(&mut self, address: Address, writer: Writer) {
        let mut bytes = writer.into_bytes();
        bytes.extend_from_slice(&[0; 4]);
        self.hold(address, Block { bytes, dirty: true });
    }

    fn hold(&mut self, address: Address, block: Block) {
        self.held = self.held.saturating_add(block.bytes.len());
        self.open.insert(address, block);
    }

    /// The bytes of a block that is held; none of another.
    pub(super) fn bytes(&self, address: Address) -> &[u8] {
        self.open.get(&address).map_or(&[], |block| &block.bytes)
    }

    /// An address in a block that is held.
    pub(super) fn pointer(
        &self,
        ctx: &FileContext,
        block: Address,
        at: u64,
        structure: &'static str,
    ) -> Result<Option<Address>> {
        let bytes = usize::try_from(at).ok().and_then(|at| self.bytes(block).get(at..)).unwrap_or(&[]);
        Cursor::new(bytes, ctx.absolute(block).saturating_add(at), structure, ctx.sizes()).address()
    }

    /// Changes bytes of a block that is held.
    pub(super) fn change(&mut self, block: Address, at: u64, new: &[u8]) -> Result<()> {
        let held = self.open.get_mut(&block);
        let at_usize = usize::try_from(at).unwrap_or(usize::MAX);
        let range = at_usize..at_usize.saturating_add(new.len());
        match held.and_then(|held| Some((held.bytes.get_mut(range)?, &mut held.dirty))) {
            Some((place, dirty)) => {
                place.copy_from_slice(new);
                *dirty = true;
                Ok(())
            }
            None => Err(Error::new(ErrorKind::Corrupt, alloc::format!("no {} bytes at {at} of a block", new.len()))),
        }
    }

    /// Changes an address in a block that is held.
    pub(super) fn point(&mut self, editor: &Editor, block: Address, at: u64, to: Address) -> Result<()> {
        let mut writer = editor.writer();
        writer.address(Some(to))?;
        self.change(block, at, writer.as_slice())
    }

    /// Sets a bit of a bitmap at `at` in a block that is held: the first one is the highest of its byte.
    pub(super) fn set_bit(&mut self, block: Address, at: u64, bit: u64) -> Result<()> {
        let at = at.saturating_add(bit / 8);
        let old = usize::try_from(at).ok().and_then(|at| self.bytes(block).get(at)).copied().unwrap_or(0);
        let bit = 0x80u8.checked_shr(u32::try_from(bit % 8).unwrap_or(0)).unwrap_or(0);
        self.change(block, at, &[old | bit])
    }

    /// Hands over all changes.
    pub(super) fn flush(&mut self, editor: &mut Editor) -> Result<()> {
        let sizes = editor.ctx().sizes();
        for (&address, block) in self.open.iter_mut().filter(|(_, block)| block.dirty) {
            let covered = block.bytes.len().saturating_sub(4);
            let mut sum = Writer::new(sizes);
            sum.bytes(block.bytes.get(..covered).unwrap_or(&[]));
            sum.checksum_from(0);
            editor.write(address, sum.as_slice())?;
            block.dirty = false;
        }
        Ok(())
    }

    /// Hands blocks over if many are held: true if none is any more.
    pub(super) fn relieve(&mut self, editor: &mut Editor) -> Result<bool> {
        if self.held <= HELD {
            return Ok(false);
        }
        self.flush(editor)?;
        self.clear();
        Ok(true)
    }

    /// Forgets all blocks.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.held = 0;
    }
}

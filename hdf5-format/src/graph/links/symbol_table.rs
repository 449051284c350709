//! Links of an old-style group: names in a local heap, entries in symbol table nodes under a version 1 B-tree.

use super::{Link, LinkTarget, Listing, NAME};
use crate::error::{Error, ErrorKind, Result};
use crate::format::local_heap;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::symbol_table_entry::{CacheType, SymbolTableEntry};
use crate::graph::allowance::Allowance;
use crate::graph::btree_v1::GroupTree;
use crate::graph::context::FileContext;
use crate::graph::local_heap::LocalHeapReader;
use alloc::vec::Vec;

/// The group's tree and heap.
#[derive(Debug)]
pub(super) struct SymbolTable {
    tree: GroupTree,
    heap: Result<LocalHeapReader>,
}

impl SymbolTable {
    pub(super) fn open(ctx: &FileContext, message: SymbolTableMessage) -> Self {
        let heap = LocalHeapReader::open(ctx, message.heap);
        SymbolTable { tree: GroupTree::new(message.btree), heap }
    }

    fn heap(&self) -> Result<&LocalHeapReader> {
        self.heap.as_ref().map_err(Error::clone)
    }

    pub(super) fn count(&self, ctx: &FileContext) -> Result<u64> {
        let (mut count, mut damage) = (0u64, None);
        self.tree.for_each(ctx, |entry| match entry {
            Ok(_) => count = count.saturating_add(1),
            Err(error) => damage = damage.take().or(Some(error)),
        });
        damage.map_or(Ok(count), Err)
    }

    pub(super) fn get(&self, ctx: &FileContext, name: &[u8]) -> Result<Option<Link>> {
        let heap = self.heap()?;
        let found = self.tree.find(ctx, |offset| Ok((*heap.text(ctx, offset)?).cmp(name)))?;
        let text = |offset: u64| heap.text(ctx, offset).map(|text| text.into_owned());
        found.map(|entry| link(name.to_vec(), &entry, text)).transpose()
    }

    pub(super) fn list(&self, ctx: &FileContext, listing: &mut Listing) {
        // The heap is read whole, once.
        let heap = self.heap().and_then(|heap| Ok((heap, heap.segment(ctx)?)));
        let (heap, segment) = match heap {
            Ok(heap) => heap,
            Err(error) => return listing.damage.push(error),
        };
        let text = |offset: u64, allowance: &mut Allowance| -> Result<Vec<u8>> {
            let text = local_heap::text(&segment, offset).ok_or_else(|| heap.missing(ctx, offset))?;
            allowance.take(text.len() as u64)?;
            Ok(text.to_vec())
        };
        self.tree.for_each(ctx, |entry| {
            if listing.allowance.is_used_up() {
                return;
            }
            let allowance = &mut listing.allowance;
            let link = entry.and_then(|entry| {
                let name = text(entry.name_offset, allowance)?;
                link(name, &entry, |offset| text(offset, allowance))
            });
            listing.push(link);
        });
    }
}

/// The link of an entry, given its name and a way to read its text.
fn link(name: Vec<u8>, entry: &SymbolTableEntry, text: impl FnOnce(u64) -> Result<Vec<u8>>) -> Result<Link> {
    if name.is_empty() {
        return Err(Error::new(ErrorKind::Corrupt, "a link without a name").within(NAME));
    }
    let target = match entry.cache {
        CacheType::SoftLink { value_offset } => LinkTarget::Soft(text(value_offset.into())?),
        _ => LinkTarget::Hard(entry.header.ok_or_else(|| {
            let shown = name.escape_ascii();
            Error::new(ErrorKind::Corrupt, alloc::format!("\"{shown}\": the object header's address is undefined"))
                .within(NAME)
        })?),
    };
    Ok(Link { name, utf8: false, creation_order: None, target })
}

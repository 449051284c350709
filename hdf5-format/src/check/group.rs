//! Groups: where their links are, and whether each is found by its name.

use super::report::Code;
use super::walk::Checker;
use crate::codec::Address;
use crate::error::Result;
use crate::format::local_heap::{self, FreeBlock, STRUCTURE as LOCAL_HEAP};
use crate::format::message::MessageKind;
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::symbol_table_entry::{CacheType, SymbolTableEntry};
use crate::graph::Visited;
use crate::graph::btree_v1::GroupTree;
use crate::graph::links::{Link, LinkTarget, Links};
use crate::graph::local_heap::LocalHeapReader;
use crate::graph::object_header::ObjectHeader;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

type Caches = BTreeMap<Address, (Address, Address)>;

impl Checker<'_> {
    pub(super) fn group(&mut self, header: &ObjectHeader) {
        let ctx = self.ctx;
        let info = header.find(MessageKind::LinkInfo);
        let info = info.map(|m| LinkInfo::parse(&mut m.cursor(ctx.sizes(), "link info")));
        let mut caches = Caches::new();
        match (&info, header.find(MessageKind::SymbolTable)) {
            (Some(Ok(info)), _) => {
                if let Some(heap) = info.heap {
                    self.dense_links(heap, info);
                }
            }
            (None, Some(message)) => {
                let table = SymbolTableMessage::parse(&mut message.cursor(ctx.sizes(), "symbol table message"));
                if let Ok(table) = table {
                    caches = self.symbol_table(&table);
                }
            }
            _ => {}
        }
        self.flush();
        let Some(links) = self.note(Links::open(ctx, header)) else { return };
        let next = info.and_then(Result::ok).and_then(|info| info.next_order);
        for link in links.list(ctx) {
            if let Some(link) = self.note(link) {
                self.link(&links, &link, &caches, next);
            }
        }
    }

    fn link(&mut self, links: &Links, link: &Link, caches: &Caches, next: Option<i64>) {
        let slash = if self.path.ends_with('/') { "" } else { "/" };
        let path = format!("{}{slash}{}", self.path, String::from_utf8_lossy(&link.name));
        if !self.options.space_only {
            let wrong = match links.lookup(self.ctx, &link.name) {
                Ok(Some(found)) if found == *link => None,
                Ok(Some(_)) => Some("the index leads to another link"),
                Ok(None) => Some("the link is not found by its name"),
                Err(error) => {
                    self.error(&error);
                    None
                }
            };
            if let Some(wrong) = wrong {
                let text = format!("\"{}\": {wrong}", link.name.escape_ascii());
                self.finding(Code::Index, None, text);
            }
        }
        if let (Some(order), Some(next)) = (link.creation_order, next)
            && order >= next
        {
            let text = format!("link info: the next creation order is {next}, but a link has {order}");
            self.finding(Code::Count, None, text);
        }
        if let LinkTarget::Hard(address) = link.target {
            self.meet(address, path.into(), caches.get(&address).copied());
        }
    }

    /// Walks an old-style group: what its entries cache of groups.
    fn symbol_table(&mut self, table: &SymbolTableMessage) -> Caches {
        let (mut entries, mut errors) = (Vec::new(), Vec::new());
        GroupTree::new(table.btree).for_each(&self.surveyed, |entry| match entry {
            Ok(entry) => entries.push(entry),
            Err(error) => errors.push(error),
        });
        errors.iter().for_each(|error| self.error(error));
        let heap = LocalHeapReader::open(&self.surveyed, table.heap);
        if let Some(heap) = self.note(heap) {
            let checked = self.names(&heap, &entries, table.btree);
            self.note(checked);
        }
        let cached = entries.iter().filter_map(|entry| match entry.cache {
            CacheType::Group { btree, heap } => Some((entry.header?, (btree, heap))),
            _ => None,
        });
        cached.collect()
    }

    /// Names are in order, and in no free block of the heap.
    fn names(&mut self, heap: &LocalHeapReader, entries: &[SymbolTableEntry], btree: Address) -> Result<()> {
        let free = self.free_blocks(heap)?;
        let segment = heap.segment(self.ctx)?;
        let mut last: Option<&[u8]> = None;
        for entry in entries {
            let soft = match entry.cache {
                CacheType::SoftLink { value_offset } => Some(u64::from(value_offset)),
                _ => None,
            };
            for offset in [Some(entry.name_offset), soft].into_iter().flatten() {
                let Some(text) = local_heap::text(&segment, offset) else { continue };
                let end = offset.saturating_add(text.len() as u64);
                if free.range(..=end).next_back().is_some_and(|(_, &free_end)| free_end > offset) {
                    let at = Address(heap.heap().data.0.saturating_add(offset));
                    let text = format!("local heap: \"{}\" lies in a free block", text.escape_ascii());
                    self.at(Code::FreeInUse, at, text);
                }
            }
            let Some(name) = local_heap::text(&segment, entry.name_offset) else { continue };
            if last.is_some_and(|last| last >= name) {
                let text = format!("symbol table: \"{}\" is out of order", name.escape_ascii());
                self.at(Code::Order, btree, text);
            }
            last = Some(name);
        }
        Ok(())
    }

    /// The free blocks of a heap's data: start to end.
    fn free_blocks(&mut self, heap: &LocalHeapReader) -> Result<BTreeMap<u64, u64>> {
        let (ctx, heap) = (self.ctx, heap.heap());
        let (mut blocks, mut seen, mut next) = (BTreeMap::new(), Visited::new(), heap.free_list);
        while let Some(offset) = next {
            let address = Address(heap.data.0.saturating_add(offset));
            let room = heap.data_len.saturating_sub(offset);
            let bytes = ctx.block(address, FreeBlock::encoded_len(ctx.sizes()) as u64, LOCAL_HEAP)?;
            let block = FreeBlock::parse(&mut ctx.cursor(&bytes, address, LOCAL_HEAP), room)?;
            seen.accept(address, block.len, LOCAL_HEAP)?;
            blocks.insert(offset, offset.saturating_add(block.len));
            next = block.next;
        }
        Ok(blocks)
    }
}

//! Links of groups: symbol tables, link messages, and links in fractal heaps.

mod compact;
mod dense;
mod symbol_table;

use super::allowance::Allowance;
use super::context::FileContext;
use super::object_header::{Message, ObjectHeader};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::link::LinkMessage;
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTableMessage;
use alloc::boxed::Box;
use alloc::vec::Vec;
use compact::Compact;
use dense::Dense;
use symbol_table::SymbolTable;

pub use crate::format::message::link::LinkValue as LinkTarget;

/// Structure name in errors.
const NAME: &str = "link";

/// How a group stores its links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupStorage {
    /// Old style: symbol table nodes and a local heap.
    SymbolTable,
    /// New style, in the object header.
    Compact,
    /// New style, in a fractal heap.
    Dense,
}

/// A named link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Name, as the bytes stored.
    pub name: Vec<u8>,
    /// True if the name is declared to be UTF-8; old-style groups declare nothing.
    pub utf8: bool,
    /// Position in the order of creation, where the group tracks it.
    pub creation_order: Option<i64>,
    /// What it points at.
    pub target: LinkTarget,
}

/// The links of one group.
#[derive(Debug)]
pub struct Links {
    store: Store,
    tracked: bool,
    indexed: bool,
}

#[derive(Debug)]
enum Store {
    SymbolTable(SymbolTable),
    Compact(Compact),
    Dense(Box<Dense>),
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let LinkMessage { name, utf8, creation_order, value } = message;
        Link { name, utf8, creation_order, target: value }
    }
}

impl Links {
    /// Finds out where a group keeps its links. Damage further down shows when links are asked for.
    ///
    /// # Errors
    /// The object is no group, or the message that says where the links are is damaged.
    pub fn open(ctx: &FileContext, header: &ObjectHeader) -> Result<Self> {
        let parse = |message: &Message| LinkInfo::parse(&mut message.cursor(ctx.sizes(), "link info"));
        if let Some(info) = header.find(MessageKind::LinkInfo).map(parse).transpose()? {
            let store = match info.heap {
                Some(heap) => Store::Dense(Box::new(Dense::open(ctx, header, heap, info.name_index))),
                None => Store::Compact(Compact::open(ctx, header)),
            };
            return Ok(Links { store, tracked: info.next_order.is_some(), indexed: info.order_indexed });
        }
        let message = header.find(MessageKind::SymbolTable).ok_or_else(|| {
            Error::new(ErrorKind::TypeMismatch, "not a group: no link info and no symbol table message")
                .at(header.offset)
        })?;
        let table = SymbolTableMessage::parse(&mut message.cursor(ctx.sizes(), "symbol table message"))?;
        let store = Store::SymbolTable(SymbolTable::open(ctx, table));
        Ok(Links { store, tracked: false, indexed: false })
    }

    /// How the group stores its links.
    pub fn storage(&self) -> GroupStorage {
        match &self.store {
            Store::SymbolTable(_) => GroupStorage::SymbolTable,
            Store::Compact(_) => GroupStorage::Compact,
            Store::Dense(_) => GroupStorage::Dense,
        }
    }

    /// Whether the order of creation is tracked, and indexed.
    pub fn creation_order(&self) -> (bool, bool) {
        (self.tracked, self.indexed)
    }

    /// Number of links, damaged ones included as far as they are found.
    ///
    /// # Errors
    /// The structure that holds the links is damaged.
    pub fn count(&self, ctx: &FileContext) -> Result<u64> {
        match &self.store {
            Store::SymbolTable(table) => table.count(ctx),
            Store::Compact(compact) => Ok(compact.count()),
            Store::Dense(dense) => dense.count(),
        }
    }

    /// The link of a name, in the time that the index needs.
    ///
    /// # Errors
    /// What leads to the name is damaged; [`Links::get`] may still find it.
    pub fn lookup(&self, ctx: &FileContext, name: &[u8]) -> Result<Option<Link>> {
        match &self.store {
            Store::SymbolTable(table) => table.get(ctx, name),
            Store::Compact(compact) => compact.get(name),
            Store::Dense(dense) => dense.get(ctx, name),
        }
    }

    /// The link of a name, searched for among all links where the way to it is damaged.
    ///
    /// # Errors
    /// There is none among the links that can be read, and something that may hide it is damaged.
    pub fn get(&self, ctx: &FileContext, name: &[u8]) -> Result<Option<Link>> {
        // What is damaged on the way to a name need not be on the way of a walk.
        self.lookup(ctx, name).or_else(|error| self.search(ctx, name).map(Some).ok_or(error))
    }

    fn search(&self, ctx: &FileContext, name: &[u8]) -> Option<Link> {
        if let Store::Compact(_) = self.store {
            return None;
        }
        self.list(ctx).into_iter().find_map(|link| link.ok().filter(|link| link.name == name))
    }

    /// All links by name, then what is damaged. Of links of the same name the first is kept, the others are damage.
    pub fn list(&self, ctx: &FileContext) -> Vec<Result<Link>> {
        let mut listing = Listing::new(ctx);
        match &self.store {
            Store::SymbolTable(table) => table.list(ctx, &mut listing),
            Store::Compact(compact) => compact.list(&mut listing),
            Store::Dense(dense) => dense.list(ctx, &mut listing),
        }
        listing.finish()
    }
}

/// Links being listed, and what is damaged.
struct Listing {
    links: Vec<Link>,
    damage: Vec<Error>,
    allowance: Allowance,
}

impl Listing {
    fn new(ctx: &FileContext) -> Self {
        Listing { links: Vec::new(), damage: Vec::new(), allowance: Allowance::new(ctx) }
    }

    fn push(&mut self, link: Result<Link>) {
        match link {
            Ok(link) => self.links.push(link),
            Err(error) => self.damage.push(error),
        }
    }

    fn finish(mut self) -> Vec<Result<Link>> {
        self.links.sort_by(|a, b| a.name.cmp(&b.name));
        let mut out: Vec<Result<Link>> = Vec::with_capacity(self.links.len());
        for link in self.links {
            match out.last() {
                Some(Ok(last)) if last.name == link.name => self.damage.push(duplicate(&link.name)),
                _ => out.push(Ok(link)),
            }
        }
        out.extend(self.damage.into_iter().map(Err));
        out
    }
}

fn duplicate(name: &[u8]) -> Error {
    let shown = name.escape_ascii();
    Error::new(ErrorKind::Corrupt, alloc::format!("another link is named \"{shown}\"; only the first is used"))
        .within(NAME)
}

#[cfg(test)]
mod tests;

//! Old-style groups: links put into and taken out of symbol tables.
//!
//! ```text
//! symbol table message ─┬► B-tree nodes ──► symbol table nodes, entries in the order of names
//!                       └► local heap: names, texts of soft links
//! ```
//! As libhdf5 does it: an empty group has a B-tree node without children. A full node is split, symbol table nodes into
//! halves, B-tree nodes where more is likely to come; nodes give way only when they are empty, and are never merged. The
//! root keeps its address and so does the heap, so that a group's message holds for its life.
//!
//! That message is cached in two places, which whoever makes or deletes a group keeps in step: the group's entry in the
//! symbol table of the group above, and for the root group the superblock of version 0 or 1
//! ([`Root::cached`](crate::format::superblock::Root)). An object with more than one hard link is not to be cached.
//!
//! Nodes are kept by the [`Editor`] for the next change; the file has every change at once.
//!
//! All is read and checked before the first byte changes: an error leaves the group as it was.

mod insert;
mod nodes;
mod path;
mod remove;

use super::{Editor, Purpose, local_heap};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, KeyType};
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::symbol_table_entry::{CacheType, SymbolTableEntry};
use crate::graph::Visited;
use crate::graph::local_heap::LocalHeapReader;
use alloc::format;
use alloc::vec::Vec;
use nodes::Shape;

pub(super) use nodes::Loaded;
pub(super) use path::Path;

/// Structure name in errors.
const NAME: &str = "symbol table";

/// What libhdf5 leaves room for in a new group's heap: four names of eight bytes.
pub(crate) const USUAL_HINT: u64 = 64;

/// What a link of an old-style group leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// An object.
    Object {
        /// Its header.
        header: Address,
        /// The symbol table of a group with one hard link, to be cached in the entry.
        group: Option<SymbolTableMessage>,
    },
    /// A path.
    Soft(&'a [u8]),
}

/// An empty group's B-tree and heap; the heap has room for `hint` bytes of names and their ends.
///
/// # Errors
/// There is no room in the file.
pub(crate) fn create(editor: &mut Editor, hint: u64) -> Result<SymbolTableMessage> {
    let shape = Shape::of(editor)?;
    let root = BTreeV1Node {
        key_type: KeyType::Group,
        level: 0,
        left: None,
        right: None,
        keys: Vec::new(),
        children: Vec::new(),
    };
    let mut writer = editor.writer();
    root.encode(&mut writer, shape.internal_k)?;
    let btree = editor.place(Purpose::BTree, writer.as_slice())?;
    match local_heap::create(editor, hint) {
        Ok(heap) => Ok(SymbolTableMessage { btree, heap }),
        Err(error) => {
            editor.release(Purpose::BTree, btree, shape.node_len);
            Err(error)
        }
    }
}

/// The entry of a name.
///
/// # Errors
/// What leads to it is damaged.
#[cfg(test)]
pub(crate) fn find(editor: &mut Editor, table: &SymbolTableMessage, name: &[u8]) -> Result<Option<SymbolTableEntry>> {
    Ok(Path::to(editor, table, name)?.entry())
}

/// Adds a link.
///
/// # Errors
/// There is one of that name, the name or the target is none, what leads to its place is damaged, or there is no room in
/// the file.
#[cfg(test)]
pub(crate) fn insert(editor: &mut Editor, table: &SymbolTableMessage, name: &[u8], target: Target<'_>) -> Result<()> {
    let path = Path::to(editor, table, name)?;
    insert_at(editor, table, path, name, target)
}

/// Adds a link at its name's place, to which nothing was done since it was found.
///
/// # Errors
/// As [`insert`].
pub(super) fn insert_at(
    editor: &mut Editor,
    table: &SymbolTableMessage,
    path: Path,
    name: &[u8],
    target: Target<'_>,
) -> Result<()> {
    check_text("name", name)?;
    check_target(editor, target)?;
    if path.entry().is_some() {
        let message = format!("a link named \"{}\" is there already", name.escape_ascii());
        return Err(Error::new(ErrorKind::Conflict, message).within(NAME));
    }
    let new = path.reserve(editor)?;
    let added = add_texts(editor, table, name, target).and_then(|entry| {
        let added = path.insert(editor, entry, &new).and_then(|changes| changes.encode(editor));
        added.or_else(|error| {
            remove_texts(editor, table, &entry)?;
            Err(error)
        })
    });
    match added {
        Ok(encoded) => encoded.write(editor, table.btree),
        Err(error) => {
            new.release(editor);
            Err(error)
        }
    }
}

/// Takes a link out: its entry as it was.
///
/// # Errors
/// There is no link of that name, or what leads to it is damaged.
pub(crate) fn remove(editor: &mut Editor, table: &SymbolTableMessage, name: &[u8]) -> Result<SymbolTableEntry> {
    let path = Path::to(editor, table, name)?;
    let old = path.entry().ok_or_else(|| missing(name))?;
    let changes = path.remove(editor)?;
    let emptied = changes.empties(table.btree);
    let encoded = changes.encode(editor)?;
    if emptied {
        // Also what could not be given back text by text.
        local_heap::clear(editor, table.heap)?;
    } else {
        remove_texts(editor, table, &old)?;
    }
    encoded.write(editor, table.btree)?;
    Ok(old)
}

/// Gives back all of a group's table, and calls `each` with every entry then.
///
/// # Errors
/// The table is damaged, and nothing was given back; or `each` fails.
pub(crate) fn delete(
    editor: &mut Editor,
    table: &SymbolTableMessage,
    mut each: impl FnMut(&mut Editor, &SymbolTableEntry) -> Result<()>,
) -> Result<()> {
    editor.symbol_tables.take(table.btree);
    let mut seen = Visited::new();
    let tree = nodes::all(editor, table.btree, &mut seen)?;
    local_heap::blocks(editor, table.heap, &mut seen)?;
    local_heap::delete(editor, table.heap)?;
    tree.blocks.into_iter().for_each(|(address, len)| editor.release(Purpose::BTree, address, len));
    tree.entries.iter().try_for_each(|entry| each(editor, entry))
}

fn missing(name: &[u8]) -> Error {
    Error::new(ErrorKind::NotFound, format!("no link named \"{}\"", name.escape_ascii())).within(NAME)
}

fn check_text(what: &str, text: &[u8]) -> Result<()> {
    let wrong = match text {
        [] => "is empty",
        _ if text.contains(&0) => "contains NUL",
        _ => return Ok(()),
    };
    let message = format!("the link's {what} {wrong}: old-style groups can not hold it");
    Err(Error::new(ErrorKind::Invalid, message).within(NAME))
}

fn check_target(editor: &Editor, target: Target<'_>) -> Result<()> {
    match target {
        Target::Soft(text) => check_text("target path", text),
        Target::Object { header, .. } => editor.ctx().check(header, 1, "linked object"),
    }
}

/// Brings a link's name and text into the heap: its entry.
fn add_texts(
    editor: &mut Editor,
    table: &SymbolTableMessage,
    name: &[u8],
    target: Target<'_>,
) -> Result<SymbolTableEntry> {
    let name_offset = local_heap::insert(editor, table.heap, name)?;
    match add_target(editor, table, target) {
        Ok((header, cache)) => Ok(SymbolTableEntry { name_offset, header, cache }),
        Err(error) => {
            local_heap::remove(editor, table.heap, &[(name_offset, name.len() as u64)])?;
            Err(error)
        }
    }
}

fn add_target(
    editor: &mut Editor,
    table: &SymbolTableMessage,
    target: Target<'_>,
) -> Result<(Option<Address>, CacheType)> {
    let text = match target {
        Target::Object { header, group: None } => return Ok((Some(header), CacheType::None)),
        Target::Object { header, group: Some(SymbolTableMessage { btree, heap }) } => {
            return Ok((Some(header), CacheType::Group { btree, heap }));
        }
        Target::Soft(text) => text,
    };
    let offset = local_heap::insert(editor, table.heap, text)?;
    match u32::try_from(offset) {
        Ok(value_offset) => Ok((None, CacheType::SoftLink { value_offset })),
        Err(_) => {
            local_heap::remove(editor, table.heap, &[(offset, text.len() as u64)])?;
            Err(Error::limit("bytes of a heap with soft links", u32::MAX.into(), offset).within(NAME))
        }
    }
}

/// Takes an entry's name and text out of the heap.
fn remove_texts(editor: &mut Editor, table: &SymbolTableMessage, entry: &SymbolTableEntry) -> Result<()> {
    let heap = LocalHeapReader::open(editor.ctx(), table.heap)?;
    let name_len = heap.text(editor.ctx(), entry.name_offset)?.len() as u64;
    let mut texts = alloc::vec![(entry.name_offset, name_len)];
    texts.extend(soft_text(editor, table, entry)?);
    local_heap::remove(editor, table.heap, &texts)
}

/// Offset and length of a soft link's text. None where it has no end: its space is lost, but the link can go.
fn soft_text(editor: &Editor, table: &SymbolTableMessage, entry: &SymbolTableEntry) -> Result<Option<(u64, u64)>> {
    let CacheType::SoftLink { value_offset } = entry.cache else { return Ok(None) };
    let heap = LocalHeapReader::open(editor.ctx(), table.heap)?;
    let offset = u64::from(value_offset);
    let text = heap.text(editor.ctx(), offset).ok().filter(|text| !text.is_empty());
    Ok(text.map(|text| (offset, text.len() as u64)))
}

#[cfg(test)]
mod tests;

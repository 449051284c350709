//! Links of old-style groups.

use super::*;
use crate::edit::symbol_table::Target;

/// Adds a link at a name's place.
pub(super) fn insert(
    editor: &mut Editor,
    (table, path): (&SymbolTableMessage, symbol_table::Path),
    name: &[u8],
    target: &LinkValue,
    object: Option<&ObjectHeader>,
) -> Result<()> {
    let target = match target {
        LinkValue::Hard(header) => {
            // What is cached holds only as long as there is no other link.
            let alone = object.filter(|object| object.ref_count <= 1);
            let group = alone.map(|object| groups::symbol_table_of(editor, object)).transpose()?.flatten();
            Target::Object { header: *header, group }
        }
        LinkValue::Soft(path) => Target::Soft(path),
        _ => return Err(Error::unsupported("this kind of link in an old-style group")),
    };
    symbol_table::insert_at(editor, table, path, name, target)
}

pub(super) fn remove(editor: &mut Editor, table: &SymbolTableMessage, name: &[u8]) -> Result<()> {
    symbol_table::remove(editor, table, name).map(|_| ())
}

pub(super) fn release(editor: &mut Editor, table: &SymbolTableMessage) -> Result<()> {
    symbol_table::delete(editor, table, |_, _| Ok(()))
}

/// Makes a group a new-style one, for a link that a symbol table can not hold. Its header keeps its version, and is
/// closed afterwards.
pub(super) fn convert(editor: &mut Editor, header: &mut Header, table: &SymbolTableMessage) -> Result<()> {
    let links = Links::open(editor.ctx(), header)?;
    let links = links.list(editor.ctx()).into_iter().collect::<Result<Vec<Link>>>()?;
    symbol_table::delete(editor, table, |_, _| Ok(()))?;
    header.messages.retain(|m| m.kind != MessageKind::SymbolTable);
    let info = groups::info_messages(editor, &groups::GroupStyle::default())?;
    header.messages.splice(0..0, info);
    for link in links {
        insert_new(editor, header, &link.name, link.target)?;
    }
    if editor.superblock.root.header == header.address {
        editor.superblock.root.cached = None;
    }
    Ok(())
}

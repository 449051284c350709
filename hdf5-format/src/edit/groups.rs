//! New groups.

use super::Editor;
use super::header::{self, HeaderStyle, message};
use super::symbol_table;
use crate::codec::Address;
use crate::error::Result;
use crate::format::message::MessageKind;
use crate::format::message::group_info::GroupInfo;
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::object_header::MessageFlags;
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

/// What a new group is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupStyle {
    /// Links and attributes carry their order of creation; `Some(true)`: and are indexed by it.
    pub track_order: Option<bool>,
    /// Most compact and fewest dense links, if not 8 and 6.
    pub phase_change: Option<(u16, u16)>,
}

impl GroupStyle {
    fn is_plain(&self) -> bool {
        *self == GroupStyle::default()
    }
}

/// Bytes left for links in a new header: libhdf5's guess of four short names.
const RESERVE: usize = 76;

/// Writes an empty group: its header.
///
/// # Errors
/// The file is full.
pub(crate) fn create(editor: &mut Editor, style: &GroupStyle) -> Result<ObjectHeader> {
    let low = editor.bounds().low;
    if !low.is_new_style() && style.is_plain() {
        let table = symbol_table::create(editor, symbol_table::USUAL_HINT)?;
        let mut body = editor.writer();
        table.encode(&mut body)?;
        let table = message(MessageKind::SymbolTable, 0, body.into_bytes());
        return header::create(editor, HeaderStyle::default(), alloc::vec![table]);
    }
    let header_style = HeaderStyle {
        v2: low.is_new_style() || style.track_order.is_some(),
        attribute_order: style.track_order,
        reserve: RESERVE,
        ..HeaderStyle::default()
    };
    let messages = info_messages(editor, style)?;
    header::create(editor, header_style, messages)
}

/// The messages of a new-style group without links.
pub(super) fn info_messages(editor: &Editor, style: &GroupStyle) -> Result<Vec<crate::graph::object_header::Message>> {
    let mut links = editor.writer();
    LinkInfo {
        next_order: style.track_order.map(|_| 0),
        heap: None,
        name_index: None,
        order_indexed: style.track_order == Some(true),
        order_index: None,
    }
    .encode(&mut links)?;
    let mut group = editor.writer();
    GroupInfo { phase_change: style.phase_change, estimates: None }.encode(&mut group)?;
    Ok(alloc::vec![
        message(MessageKind::LinkInfo, 0, links.into_bytes()),
        message(MessageKind::GroupInfo, MessageFlags::CONSTANT, group.into_bytes()),
    ])
}

/// The symbol table of an old-style group.
pub(crate) fn symbol_table_of(editor: &Editor, header: &ObjectHeader) -> Result<Option<SymbolTableMessage>> {
    let message = header.find(MessageKind::SymbolTable);
    message.map(|m| SymbolTableMessage::parse(&mut m.cursor(editor.ctx().sizes(), "symbol table"))).transpose()
}

/// What a symbol table entry or the superblock caches of a group: B-tree and heap.
pub(crate) fn cached(editor: &Editor, header: &ObjectHeader) -> Result<Option<(Address, Address)>> {
    Ok(symbol_table_of(editor, header)?.map(|table| (table.btree, table.heap)))
}

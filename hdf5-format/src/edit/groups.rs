//! New groups.

use super::Editor;
use super::attributes::NewAttribute;
use super::header::{Room, message};
use super::style::ObjectStyle;
use super::symbol_table;
use crate::codec::Address;
use crate::error::Result;
use crate::format::message::MessageKind;
use crate::format::message::group_info::GroupInfo;
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::object_header::MessageFlags;
use crate::graph::FileContext;
use crate::graph::links::Links;
use crate::graph::object_header::{Message, ObjectHeader};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a new group is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStyle {
    /// Links carry their order of creation; `Some(true)`: and are indexed by it.
    pub link_order: Option<bool>,
    /// Most compact and fewest dense links, if not 8 and 6.
    pub phase_change: Option<(u16, u16)>,
    /// Expected number of links and length of their names, if not 4 and 8.
    pub estimates: Option<(u16, u16)>,
    /// Attributes, times and comment.
    pub object: ObjectStyle,
}

impl GroupStyle {
    /// Links and attributes carry their order of creation, and are indexed by it if `indexed`.
    pub fn tracked(indexed: bool) -> Self {
        let object = ObjectStyle { attribute_order: Some(indexed), ..ObjectStyle::default() };
        GroupStyle { link_order: Some(indexed), object, ..GroupStyle::default() }
    }

    /// That of a group.
    ///
    /// # Errors
    /// A message is damaged.
    pub(crate) fn of(ctx: &FileContext, header: &ObjectHeader) -> Result<Self> {
        let parse = |m: &Message| GroupInfo::parse(&mut m.cursor(ctx.sizes(), "group info"));
        let info = header.find(MessageKind::GroupInfo).map(parse).transpose()?.unwrap_or_default();
        let (tracked, indexed) = Links::open(ctx, header)?.creation_order();
        Ok(GroupStyle {
            link_order: tracked.then_some(indexed),
            phase_change: info.phase_change,
            estimates: info.estimates,
            object: ObjectStyle::of(ctx, header),
        })
    }

    /// True if links can be in a symbol table.
    fn is_old(&self) -> bool {
        self.link_order.is_none() && self.phase_change.is_none() && self.estimates.is_none()
    }
}

/// Bytes left for links in a new header: libhdf5's guess of four short names.
const RESERVE: usize = 76;

/// Writes an empty group with attributes, each of another name: its header.
///
/// # Errors
/// An attribute is too long for the header, or the file is full.
pub(crate) fn create(
    editor: &mut Editor,
    style: &GroupStyle,
    attributes: &[NewAttribute<'_>],
) -> Result<Arc<ObjectHeader>> {
    if !style.object.is_new_style(editor) && style.is_old() {
        let table = symbol_table::create(editor, symbol_table::USUAL_HINT)?;
        let mut body = editor.writer();
        table.encode(&mut body)?;
        let table = message(MessageKind::SymbolTable, 0, body.into_bytes());
        return style.object.create(editor, alloc::vec![table], Room::Beyond(0), attributes);
    }
    let messages = info_messages(editor, style)?;
    style.object.create(editor, messages, Room::Beyond(RESERVE), attributes)
}

/// The messages of a new-style group without links.
pub(super) fn info_messages(editor: &Editor, style: &GroupStyle) -> Result<Vec<Message>> {
    let mut links = editor.writer();
    LinkInfo {
        next_order: style.link_order.map(|_| 0),
        heap: None,
        name_index: None,
        order_indexed: style.link_order == Some(true),
        order_index: None,
    }
    .encode(&mut links)?;
    let mut group = editor.writer();
    GroupInfo { phase_change: style.phase_change, estimates: style.estimates }.encode(&mut group)?;
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

//! Adding and taking away links of a group, in the storage it has.

use super::header::{self, Header, MAX_BODY, message};
use super::{Editor, groups, symbol_table};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::group_info::GroupInfo;
use crate::format::message::link::{LinkMessage, LinkValue};
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::graph::links::{Link, Links};
use crate::graph::object_header::{Message, ObjectHeader};
use alloc::string::String;
use alloc::vec::Vec;

mod dense;
mod old;

/// Most links in the header of a group, where it does not say.
const MAX_COMPACT: u16 = 8;
/// Fewest links in dense storage.
const MIN_DENSE: u16 = 6;

/// Refuses names that no path can say.
///
/// # Errors
/// The name is empty, ".", or has a slash or NUL.
pub(crate) fn check_name(name: &[u8]) -> Result<()> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let wrong = |why: &str| Err(Error::new(ErrorKind::Invalid, alloc::format!("{:?} is no name: {why}", shown())));
    match name {
        b"" => wrong("it is empty"),
        b"." => wrong("it means the group itself"),
        _ if name.contains(&b'/') => wrong("it has a slash, which separates names"),
        _ if name.contains(&0) => wrong("it has a NUL, where names end in the file"),
        _ => Ok(()),
    }
}

/// Adds a link. The caller counts the new link in the target's header.
///
/// # Errors
/// The name is no name or is taken, the object is no group, or its links are damaged.
pub(crate) fn insert(editor: &mut Editor, group: Address, name: &[u8], target: LinkValue) -> Result<()> {
    check_target(&target)?;
    let object = match target {
        LinkValue::Hard(address) => Some(header::look(editor, address)?),
        _ => None,
    };
    Vacancy::find(editor, group, name)?.fill(editor, target, object.as_deref())
}

/// A name that no link of a group has.
pub(crate) struct Vacancy<'n> {
    group: Header,
    name: &'n [u8],
    /// Its place in the symbol table of an old-style group.
    place: Option<(SymbolTableMessage, symbol_table::Path)>,
}

impl<'n> Vacancy<'n> {
    /// Looks whether a name is one and is free.
    ///
    /// # Errors
    /// The name is no name or is taken, the object is no group, or its links are damaged.
    pub(crate) fn find(editor: &mut Editor, group: Address, name: &'n [u8]) -> Result<Self> {
        check_name(name)?;
        let group = Header::open(editor, group)?;
        let info = link_info(editor, &group).ok().filter(|info| info.heap.is_some());
        // What is damaged on the way need not be on the way of a search.
        if info.is_some_and(|info| dense::is_vacant(editor, &info, name).unwrap_or(false)) {
            return Ok(Vacancy { group, name, place: None });
        }
        let mut place = None;
        let taken = match groups::symbol_table_of(editor, &group)?.filter(|_| !group.has(MessageKind::LinkInfo)) {
            Some(table) => {
                let path = symbol_table::Path::to(editor, &table, name)?;
                let taken = path.entry().is_some();
                place = Some((table, path));
                taken
            }
            None => Links::open(editor.ctx(), &group)?.lookup(editor.ctx(), name)?.is_some(),
        };
        if taken {
            let shown = String::from_utf8_lossy(name);
            return Err(Error::new(ErrorKind::Conflict, alloc::format!("there is a link named {shown:?}"))
                .with_hint("delete it first, or choose another name"));
        }
        Ok(Vacancy { group, name, place })
    }

    /// Adds the link to an object with this header, or to something else. Nothing may have changed the group since.
    ///
    /// # Errors
    /// The group's links are damaged, or the file is full.
    pub(crate) fn fill(self, editor: &mut Editor, target: LinkValue, object: Option<&ObjectHeader>) -> Result<()> {
        let Vacancy { group: mut header, name, place } = self;
        if let Some((table, path)) = place {
            let old_can = name.is_ascii() && matches!(target, LinkValue::Hard(_) | LinkValue::Soft(_));
            if old_can {
                old::insert(editor, (&table, path), name, &target, object)?;
                return header.close(editor);
            }
            drop(path);
            old::convert(editor, &mut header, &table)?;
        }
        insert_new(editor, &mut header, name, target)?;
        header.close(editor)
    }
}

fn check_target(target: &LinkValue) -> Result<()> {
    let wrong = |text: &'static str| Err(Error::new(ErrorKind::Invalid, text));
    match target {
        LinkValue::Soft(path) if path.is_empty() || path.contains(&0) => {
            wrong("the path of a soft link is empty or has a NUL")
        }
        LinkValue::External { file, path } if file.is_empty() || file.contains(&0) || path.contains(&0) => {
            wrong("the file of an external link is empty, or file or path have a NUL")
        }
        LinkValue::Soft(path) if path.len() > MAX_BODY => wrong("the path of a soft link is over 65535 bytes"),
        _ => Ok(()),
    }
}

/// Adds a link to a new-style group, whose header is closed afterwards.
fn insert_new(editor: &mut Editor, header: &mut Header, name: &[u8], target: LinkValue) -> Result<()> {
    let mut info = link_info(editor, header)?;
    let creation_order = info.next_order;
    if let Some(next) = &mut info.next_order {
        *next = next.checked_add(1).ok_or_else(|| Error::new(ErrorKind::Limit, "orders of creation are used up"))?;
    }
    let link = LinkMessage { creation_order, utf8: !name.is_ascii(), name: name.to_vec(), value: target };
    let mut body = editor.writer();
    link.encode(&mut body)?;
    let (max_compact, _) = phase_change(editor, header)?;
    let count = header.all(MessageKind::Link).count();
    let compact = info.heap.is_none() && count < usize::from(max_compact) && body.position() <= MAX_BODY;
    let was_dense = info.heap.is_some();
    if !compact && info.heap.is_none() {
        dense::from_compact(editor, header, &mut info)?;
    }
    if compact {
        header.push(editor, message(MessageKind::Link, 0, body.into_bytes()))?;
    } else {
        dense::insert(editor, &info, &link, body.as_slice())?;
    }
    if was_dense && info.next_order.is_none() {
        return Ok(());
    }
    set_link_info(editor, header, &info)
}

/// Takes a link away: what it was. The caller counts it off in the target's header.
///
/// # Errors
/// There is no such link, the object is no group, or its links are damaged.
pub(crate) fn remove(editor: &mut Editor, group: Address, name: &[u8]) -> Result<Link> {
    let mut header = Header::open(editor, group)?;
    let links = Links::open(editor.ctx(), &header)?;
    let link = links.lookup(editor.ctx(), name)?.ok_or_else(|| {
        let shown = String::from_utf8_lossy(name);
        Error::new(ErrorKind::NotFound, alloc::format!("no link named {shown:?}"))
    })?;
    if let Some(table) = groups::symbol_table_of(editor, &header)? {
        old::remove(editor, &table, name)?;
        return header.close(editor).map(|()| link);
    }
    let mut info = link_info(editor, &header)?;
    let mut left = None;
    if info.heap.is_some() {
        let count = dense::remove(editor, &info, &link)?;
        let (_, min_dense) = phase_change(editor, &header)?;
        if count < u64::from(min_dense) {
            dense::to_compact(editor, &mut header, &mut info)?;
        }
        left = Some(count);
    } else {
        let sizes = editor.ctx().sizes();
        let is_it = |m: &Message| {
            m.kind == MessageKind::Link
                && LinkMessage::parse(&mut m.cursor(sizes, "link")).is_ok_and(|found| found.name == name)
        };
        header.messages.retain(|m| !is_it(m));
    }
    let left = left.unwrap_or(header.all(MessageKind::Link).count() as u64);
    if left == 0 && info.next_order.is_some() {
        info.next_order = Some(0);
    }
    set_link_info(editor, &mut header, &info)?;
    header.close(editor).map(|()| link)
}

/// Takes all links away and gives their storage back; the links that were there. The header is about to go.
///
/// # Errors
/// The links are damaged.
pub(crate) fn clear(editor: &mut Editor, header: &ObjectHeader) -> Result<Vec<Link>> {
    let links = Links::open(editor.ctx(), header)?;
    let all = links.list(editor.ctx()).into_iter().collect::<Result<Vec<Link>>>()?;
    if let Some(table) = groups::symbol_table_of(editor, header)? {
        old::release(editor, &table)?;
    } else {
        let info = link_info(editor, header)?;
        if info.heap.is_some() {
            dense::release(editor, &info)?;
        }
    }
    Ok(all)
}

fn link_info(editor: &Editor, header: &ObjectHeader) -> Result<LinkInfo> {
    let message = header.find(MessageKind::LinkInfo);
    let message = message.ok_or_else(|| Error::new(ErrorKind::TypeMismatch, "the object is not a group"))?;
    LinkInfo::parse(&mut message.cursor(editor.ctx().sizes(), "link info"))
}

/// Puts a changed link info, which has the length it had, in the place of the old.
fn set_link_info(editor: &mut Editor, header: &mut Header, info: &LinkInfo) -> Result<()> {
    let mut body = editor.writer();
    info.encode(&mut body)?;
    let place = header.messages.iter().position(|m| m.kind == MessageKind::LinkInfo);
    if let Some((place, old)) = place.and_then(|place| Some((place, header.messages.get(place)?))) {
        let new = Message { body: body.into_bytes().into(), ..old.clone() };
        header.replace(editor, place, new);
    }
    Ok(())
}

/// Most compact and fewest dense links.
fn phase_change(editor: &Editor, header: &ObjectHeader) -> Result<(u16, u16)> {
    let Some(message) = header.find(MessageKind::GroupInfo) else { return Ok((MAX_COMPACT, MIN_DENSE)) };
    let info = GroupInfo::parse(&mut message.cursor(editor.ctx().sizes(), "group info"))?;
    Ok(info.phase_change.unwrap_or((MAX_COMPACT, MIN_DENSE)))
}

//! Adding, changing and taking away attributes of an object, in the storage it has.

use super::Editor;
use super::header::{Header, MAX_BODY, message};
use super::shared::{self, HeapId};
use super::style::ObjectStyle;
use crate::codec::{Address, Cursor};
use crate::datatype::pointers::Pointers;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::attribute::{AttributeMessage, Part};
use crate::format::message::attribute_info::AttributeInfo;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::shared::SharedPointer;
use crate::format::object_header::{MessageFlags, header_flags};
use crate::graph::FileContext;
use crate::graph::attributes::{AttributeRecord, Attributes};
use crate::graph::object_header::{Message, ObjectHeader};
use crate::graph::shared as read;
use alloc::string::String;
use alloc::vec::Vec;

/// Most attributes in an object header, where it does not say.
const MAX_COMPACT: u16 = 8;
/// Fewest attributes in dense storage.
const MIN_DENSE: u16 = 6;
/// Longest name, in bytes: its length has 16 bits and counts the NUL.
const LONGEST_NAME: usize = 65_534;

/// An attribute to be written: its value as stored.
#[derive(Clone, Debug)]
pub(crate) struct NewAttribute<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) datatype: &'a Datatype,
    /// The committed datatype that it uses instead of its own.
    pub(crate) committed: Option<Address>,
    pub(crate) dataspace: &'a Dataspace,
    pub(crate) data: &'a [u8],
}

/// Refuses names that the format has no place for.
///
/// # Errors
/// The name is empty, has a NUL, or is too long.
pub(crate) fn check_name(name: &[u8]) -> Result<()> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let wrong = |why: &str| Err(Error::new(ErrorKind::Invalid, alloc::format!("{:?} is no name: {why}", shown())));
    match name {
        b"" => wrong("it is empty"),
        _ if name.contains(&0) => wrong("it has a NUL, where names end in the file"),
        _ if name.len() > LONGEST_NAME => wrong("it is over 65534 bytes"),
        _ => Ok(()),
    }
}

/// The message of an attribute: its own, or in the heap of shared messages.
struct Encoded {
    body: Vec<u8>,
    shared: Option<HeapId>,
}

impl Encoded {
    /// The message of a header.
    fn message(&self, editor: &Editor) -> Result<Message> {
        Ok(match self.shared {
            Some(id) => message(MessageKind::Attribute, MessageFlags::SHARED, shared::pointer(editor, id)?),
            None => message(MessageKind::Attribute, 0, self.body.clone()),
        })
    }

    /// Bytes in a header.
    fn len(&self) -> usize {
        if self.shared.is_some() { 0 } else { self.body.len() }
    }
}

/// Encodes an attribute for a header; what can be shared of it is counted. Those that lead to other objects or to the
/// global heap are not shared as a whole.
///
/// # Errors
/// A part does not fit its 16-bit length.
fn encode(editor: &mut Editor, header: &ObjectHeader, attribute: &NewAttribute<'_>) -> Result<Encoded> {
    let low = editor.bounds().low;
    let mut datatype = editor.writer();
    match attribute.committed {
        Some(address) => SharedPointer::Object(address).encode(&mut datatype)?,
        None => attribute.datatype.encode_at_least(&mut datatype, low.datatype())?,
    }
    let mut dataspace = editor.writer();
    attribute.dataspace.encode(&mut dataspace)?;
    let (mut datatype, mut dataspace) = (datatype.into_bytes(), dataspace.into_bytes());
    let type_id = match attribute.committed {
        None => shared::share(editor, MessageKind::Datatype, &datatype)?,
        Some(_) => None,
    };
    let space_id = shared::share(editor, MessageKind::Dataspace, &dataspace)?;
    if let Some(id) = type_id {
        datatype = shared::pointer(editor, id)?;
    }
    if let Some(id) = space_id {
        dataspace = shared::pointer(editor, id)?;
    }
    let utf8 = !attribute.name.is_ascii();
    let shared_type = attribute.committed.is_some() || type_id.is_some();
    let needed = match () {
        () if utf8 => 3,
        () if shared_type || space_id.is_some() => 2,
        () => 1,
    };
    let mut body = editor.writer();
    AttributeMessage {
        version: low.attribute().max(needed),
        utf8,
        name: attribute.name,
        datatype: Part { shared: shared_type, offset: 0, body: &datatype },
        dataspace: Part { shared: space_id.is_some(), offset: 0, body: &dataspace },
        data: attribute.data,
    }
    .encode(&mut body)?;
    let body = body.into_bytes();
    let plain = attribute.committed.is_none() && Pointers::of(attribute.datatype)?.is_empty();
    if header.version == 1 || !plain {
        return Ok(Encoded { body, shared: None });
    }
    let shared = shared::share(editor, MessageKind::Attribute, &body)?;
    if shared.is_some() {
        // What is in the heap uses its parts once, however many have it.
        let again = shared::uses(editor, MessageKind::Attribute, &body)? > 1;
        for (kind, id) in [(MessageKind::Datatype, type_id), (MessageKind::Dataspace, space_id)] {
            if let (true, Some(id)) = (again, id) {
                shared::drop_id(editor, kind, &id)?;
            }
        }
    }
    Ok(Encoded { body, shared })
}

/// Adds an attribute, or puts it in the place of the one of its name, which is returned: what only that one used, the
/// caller gives back.
///
/// # Errors
/// The name is no name, or the attribute is too long for the object's header.
pub(crate) fn set(
    editor: &mut Editor,
    object: Address,
    attribute: &NewAttribute<'_>,
) -> Result<Option<AttributeRecord>> {
    check_name(attribute.name)?;
    let mut header = Header::open(editor, object)?;
    let new = encode(editor, &header, attribute)?;
    check_length(header.version, new.len())?;
    let old = find(editor, &mut header, attribute.name)?;
    if let Some(old) = old {
        match info(editor, &header)?.filter(|info| info.heap.is_some()) {
            Some(info) => {
                dense::replace(editor, &info, &old, &new)?;
                return Ok(Some(old));
            }
            None if replace_compact(editor, &mut header, attribute.name, &new)? => {
                header.close(editor)?;
                return Ok(Some(old));
            }
            None => take(editor, &mut header, attribute.name)?,
        }
        add(editor, &mut header, attribute.name, &new)?;
        header.close(editor)?;
        return Ok(Some(old));
    }
    add(editor, &mut header, attribute.name, &new)?;
    header.close(editor)?;
    Ok(None)
}

/// Adds the attributes of a new object, each of another name, to its header, which is laid out afterwards.
///
/// # Errors
/// An attribute is too long for the header, or the file is full.
pub(super) fn add_all(editor: &mut Editor, header: &mut Header, attributes: &[NewAttribute<'_>]) -> Result<()> {
    attributes.iter().try_for_each(|attribute| {
        let new = encode(editor, header, attribute)?;
        check_length(header.version, new.len())?;
        add(editor, header, attribute.name, &new)
    })
}

/// Refuses an attribute that a new object can not have, given the bytes of its value, before anything is written.
///
/// # Errors
/// The name is no name, or the attribute is too long for the object's header.
pub(crate) fn check_new(
    editor: &Editor,
    style: &ObjectStyle,
    (name, datatype, dataspace): (&[u8], &Datatype, &Dataspace),
    bytes: usize,
) -> Result<()> {
    check_name(name)?;
    if style.is_new_style(editor) {
        return Ok(());
    }
    let mut parts = editor.writer();
    datatype.encode_at_least(&mut parts, editor.bounds().low.datatype())?;
    dataspace.encode(&mut parts)?;
    // The lengths in front, and the ends of name, type and extent.
    let frame = 8usize.saturating_add(3usize.saturating_mul(8));
    let len = [name.len(), parts.position(), bytes].iter().fold(frame, |sum, &part| sum.saturating_add(part));
    check_length(1, len)
}

/// Takes an attribute away: what it was.
///
/// # Errors
/// There is none of this name, or the attributes are damaged.
pub(crate) fn remove(editor: &mut Editor, object: Address, name: &[u8]) -> Result<AttributeRecord> {
    let mut header = Header::open(editor, object)?;
    let old = find(editor, &mut header, name)?.ok_or_else(|| missing(name))?;
    take(editor, &mut header, name)?;
    header.close(editor)?;
    Ok(old)
}

/// Gives an attribute another name. Its order of creation stays.
///
/// # Errors
/// There is none of the old name, or one of the new.
pub(crate) fn rename(editor: &mut Editor, object: Address, from: &[u8], to: &[u8]) -> Result<()> {
    check_name(to)?;
    let mut header = Header::open(editor, object)?;
    let old = find(editor, &mut header, from)?.ok_or_else(|| missing(from))?;
    if from == to {
        return Ok(());
    }
    if find(editor, &mut header, to)?.is_some() {
        let text = alloc::format!("there is an attribute named {:?}", String::from_utf8_lossy(to));
        return Err(Error::new(ErrorKind::Conflict, text));
    }
    let new = renamed(editor, &header, &old, to)?;
    check_length(header.version, new.len())?;
    if let Some(info) = info(editor, &header)?.filter(|info| info.heap.is_some()) {
        dense::rename(editor, &info, &old, to, &new)?;
    } else {
        replace_compact(editor, &mut header, from, &new)?;
    }
    header.close(editor)?;
    // The value goes over to the new message, and the use of a committed type, unless others have the old one.
    match (shared::drop_attribute(editor, &old)?, old.datatype.committed) {
        (false, Some(datatype)) => super::add_link(editor, datatype),
        _ => Ok(()),
    }
}

mod dense;

fn missing(name: &[u8]) -> Error {
    Error::new(ErrorKind::NotFound, alloc::format!("no attribute named {:?}", String::from_utf8_lossy(name)))
}

fn check_length(version: u8, len: usize) -> Result<()> {
    if version > 1 || len <= MAX_BODY {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Limit,
        alloc::format!("{len} bytes exceed the {MAX_BODY} of an attribute in an old-style object header"),
    )
    .with_hint("objects made with the lower version bound v18 or later have no such limit"))
}

/// The attribute of a name, where the way to it is sound.
fn find(editor: &mut Editor, header: &mut Header, name: &[u8]) -> Result<Option<AttributeRecord>> {
    let info = info(editor, header).ok().flatten().filter(|info| info.heap.is_some());
    if let Some(info) = info {
        // What is damaged on the way need not be on the way of a search.
        if dense::is_vacant(editor, &info, name).unwrap_or(false) {
            return Ok(None);
        }
    } else if let Ok(place) = header.attribute(name, editor.ctx().sizes()) {
        let attributes = Attributes::open(editor.ctx(), header)?;
        return place.map_or(Ok(None), |place| attributes.of_message(editor.ctx(), place));
    }
    Attributes::open(editor.ctx(), header)?.get(editor.ctx(), name)
}

/// The same attribute under another name.
fn renamed(editor: &mut Editor, header: &ObjectHeader, old: &AttributeRecord, name: &[u8]) -> Result<Encoded> {
    let ctx = editor.ctx();
    let datatype = Datatype::parse(&mut old.datatype.cursor(ctx.sizes(), "datatype"), ctx.limits())?;
    let dataspace = Dataspace::parse(&mut old.dataspace.cursor(ctx.sizes(), "dataspace"))?;
    let committed = old.datatype.committed;
    let new = NewAttribute { name, datatype: &datatype, committed, dataspace: &dataspace, data: &old.data };
    encode(editor, header, &new)
}

/// Puts a message in the place of that of the same attribute: whether there was one.
fn replace_compact(editor: &mut Editor, header: &mut Header, name: &[u8], new: &Encoded) -> Result<bool> {
    let Some(place) = compact_place(editor, header, name).filter(|_| new.len() <= MAX_BODY) else { return Ok(false) };
    let creation_index = header.messages.get(place).and_then(|old| old.creation_index);
    let new = Message { creation_index, ..new.message(editor)? };
    header.replace(editor, place, new);
    Ok(true)
}

fn compact_place(editor: &Editor, header: &mut Header, name: &[u8]) -> Option<usize> {
    if let Ok(place) = header.attribute(name, editor.ctx().sizes()) {
        return place;
    }
    header.messages.iter().position(|m| is_named(editor.ctx(), m, name))
}

fn is_named(ctx: &FileContext, m: &Message, name: &[u8]) -> bool {
    let named = |cursor: &mut Cursor<'_>| AttributeMessage::parse(cursor).is_ok_and(|found| found.name == name);
    m.kind == MessageKind::Attribute
        && match m.flags.has(MessageFlags::SHARED) {
            true => read::resolve(ctx, m).is_ok_and(|found| named(&mut found.cursor(ctx.sizes(), "attribute"))),
            false => named(&mut m.cursor(ctx.sizes(), "attribute")),
        }
}

/// Adds an attribute to a header that is stored afterwards.
fn add(editor: &mut Editor, header: &mut Header, name: &[u8], new: &Encoded) -> Result<()> {
    if header.version == 1 {
        let new = new.message(editor)?;
        return header.push(editor, new);
    }
    let mut info = info(editor, header)?.unwrap_or_else(|| new_info(header));
    let index = info.next_index;
    if let Some(next) = &mut info.next_index {
        *next = next.checked_add(1).ok_or_else(|| {
            Error::new(ErrorKind::Limit, "65535 attributes were created, and their orders of creation are used up")
        })?;
    }
    let max_compact = header.phase_change.map_or(MAX_COMPACT, |(max, _)| max);
    let count = header.all(MessageKind::Attribute).count();
    let compact = info.heap.is_none() && count < usize::from(max_compact) && new.len() <= MAX_BODY;
    if !compact && info.heap.is_none() {
        dense::from_compact(editor, header, &mut info)?;
    }
    if compact {
        let new = Message { creation_index: index, ..new.message(editor)? };
        header.push(editor, new)?;
    } else {
        dense::insert(editor, &info, name, index, new)?;
    }
    set_info(editor, header, Some(&info))
}

/// Takes an attribute out of a header that is stored afterwards.
fn take(editor: &mut Editor, header: &mut Header, name: &[u8]) -> Result<()> {
    let Some(mut info) = info(editor, header)? else {
        if let Some(place) = compact_place(editor, header, name) {
            header.messages.remove(place);
        }
        return Ok(());
    };
    let left = if info.heap.is_some() {
        let left = dense::remove(editor, &info, name)?;
        let min_dense = header.phase_change.map_or(MIN_DENSE, |(_, min)| min);
        if left < u64::from(min_dense) {
            dense::to_compact(editor, header, &mut info)?;
        }
        left
    } else {
        if let Some(place) = compact_place(editor, header, name) {
            header.messages.remove(place);
        }
        header.all(MessageKind::Attribute).count() as u64
    };
    set_info(editor, header, Some(&info).filter(|_| left > 0))
}

/// Gives dense storage back; the object is about to go.
///
/// # Errors
/// The storage is damaged.
pub(crate) fn release(editor: &mut Editor, header: &ObjectHeader) -> Result<()> {
    match info(editor, header)? {
        Some(info) if info.heap.is_some() => dense::release(editor, &info),
        _ => Ok(()),
    }
}

fn new_info(header: &ObjectHeader) -> AttributeInfo {
    let tracked = header.tracks_attribute_order();
    AttributeInfo {
        next_index: tracked.then_some(0),
        heap: None,
        name_index: None,
        order_indexed: header.flags & header_flags::ATTRIBUTE_ORDER_INDEXED != 0,
        order_index: None,
    }
}

fn info(editor: &Editor, header: &ObjectHeader) -> Result<Option<AttributeInfo>> {
    let message = if header.version > 1 { header.find(MessageKind::AttributeInfo) } else { None };
    message.map(|m| AttributeInfo::parse(&mut m.cursor(editor.ctx().sizes(), "attribute info"))).transpose()
}

/// Puts an attribute info in the place of the old; `None` takes it away.
fn set_info(editor: &mut Editor, header: &mut Header, info: Option<&AttributeInfo>) -> Result<()> {
    let place = header.messages.iter().position(|m| m.kind == MessageKind::AttributeInfo);
    let Some(info) = info else {
        if let Some(place) = place {
            header.messages.remove(place);
        }
        return Ok(());
    };
    let mut body = editor.writer();
    info.encode(&mut body)?;
    let new = message(MessageKind::AttributeInfo, MessageFlags::DONT_SHARE, body.into_bytes());
    match place {
        Some(place) => header.replace(editor, place, new),
        None => header.push(editor, new)?,
    }
    Ok(())
}

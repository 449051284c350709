//! The superblock extension: an object header with messages about the file.

use super::super::context::FileContext;
use super::super::object_header::{Message, ObjectHeader};
use super::super::shared::SharedMessages;
use crate::codec::{Address, Cursor};
use crate::error::{Error, Result};
use crate::format::cache_image::CacheImage;
use crate::format::message::MessageKind;
use crate::format::message::btree_k::BTreeK;
use crate::format::message::cache_image::CacheImageMessage;
use crate::format::message::file_space_info::FileSpaceInfo;
use crate::format::message::shared_table::SharedTableMessage;
use crate::format::object_header::MessageFlags;
use crate::format::shared_message_table::SharedMessageTable;
use crate::format::superblock::Superblock;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What the extension says, and the context that heeds it.
pub(super) struct Extension {
    pub(super) context: FileContext,
    pub(super) header: Option<ObjectHeader>,
    pub(super) file_space: Option<FileSpaceInfo>,
    pub(super) cache_image: Option<CacheImageMessage>,
}

/// Reads the extension, if there is one. K values go to the superblock. With `salvage`, what is damaged is left out and
/// reported.
pub(super) fn read(
    context: FileContext,
    superblock: &mut Superblock,
    salvage: bool,
    warnings: &mut Vec<Error>,
) -> Result<Extension> {
    let mut out = Extension { context, header: None, file_space: None, cache_image: None };
    let Some(address) = superblock.extension else { return Ok(out) };
    let mut tolerate = |error: Error, always: bool| {
        if !salvage && !always {
            return Err(error);
        }
        warnings.push(error);
        Ok(())
    };
    let header = match ObjectHeader::load(&out.context, address) {
        Ok(header) => header,
        Err(e) => {
            tolerate(e.with_hint("the superblock extension is damaged; open with salvage to do without"), false)?;
            return Ok(out);
        }
    };
    // Nobody needs the settings of the free-space managers for reading.
    match file_space(&out.context, &header) {
        Ok(info) => out.file_space = info,
        Err(e) => tolerate(e, true)?,
    }
    if let Err(e) = k_values(&out.context, &header, superblock) {
        tolerate(e, false)?;
    }
    match cache_image(&out.context, &header) {
        Ok(Some((message, image))) => {
            out.cache_image = Some(message);
            out.context = out.context.with_image(image);
        }
        Ok(None) => {}
        Err(e) => tolerate(e, false)?,
    }
    match shared_table(&out.context, &header) {
        Ok(Some((address, table))) => {
            let shared = SharedMessages::open(&out.context, address, table);
            out.context = out.context.with_shared_messages(shared);
        }
        Ok(None) => {}
        Err(e) => tolerate(e, false)?,
    }
    out.header = Some(header);
    Ok(out)
}

fn cursor<'m>(context: &FileContext, message: &'m Message) -> Cursor<'m> {
    message.cursor(context.sizes(), message.kind.name())
}

fn k_values(context: &FileContext, header: &ObjectHeader, superblock: &mut Superblock) -> Result<()> {
    let Some(message) = header.find(MessageKind::BTreeK) else { return Ok(()) };
    let k = BTreeK::parse(&mut cursor(context, message))?;
    (superblock.chunk_k, superblock.internal_k, superblock.leaf_k) = (k.chunk, k.group_internal, k.group_leaf);
    Ok(())
}

/// The file space settings in the extension.
///
/// # Errors
/// The message is damaged.
pub(crate) fn file_space(context: &FileContext, header: &ObjectHeader) -> Result<Option<FileSpaceInfo>> {
    let message = header.find(MessageKind::FileSpaceInfo);
    // A library that did not know the message changed the file: the managers no longer tell the truth.
    let message = message.filter(|m| !m.flags.has(MessageFlags::WAS_UNKNOWN));
    message.map(|m| FileSpaceInfo::parse(&mut cursor(context, m))).transpose()
}

type Image = BTreeMap<Address, Vec<u8>>;

fn cache_image(context: &FileContext, header: &ObjectHeader) -> Result<Option<(CacheImageMessage, Image)>> {
    const NAME: &str = "metadata cache image";
    let Some(message) = header.find(MessageKind::CacheImage) else { return Ok(None) };
    let message = CacheImageMessage::parse(&mut cursor(context, message))?;
    let Some(address) = message.address else { return Ok(None) };
    let block = context.block(address, message.len, NAME)?;
    let image = CacheImage::parse(&mut context.cursor(&block, address, NAME))?;
    let mut out = Image::new();
    for entry in image.entries {
        context.check(entry.address, entry.image.len() as u64, NAME)?;
        if out.insert(entry.address, entry.image).is_some() {
            let text = alloc::format!("two entries for address {}", entry.address);
            return Err(Error::corrupt(NAME, context.absolute(address), text));
        }
    }
    Ok(Some((message, out)))
}

fn shared_table(context: &FileContext, header: &ObjectHeader) -> Result<Option<(Address, SharedMessageTable)>> {
    const NAME: &str = "shared message table";
    let Some(message) = header.find(MessageKind::SharedMessageTable) else { return Ok(None) };
    let message = SharedTableMessage::parse(&mut cursor(context, message))?;
    let len = SharedMessageTable::encoded_len_of(usize::from(message.index_count), context.sizes());
    let block = context.block(message.table, len as u64, NAME)?;
    let mut cursor = context.cursor(&block, message.table, NAME);
    SharedMessageTable::parse(&mut cursor, message.index_count).map(|table| Some((message.table, table)))
}

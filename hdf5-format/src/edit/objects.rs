//! Hard links to objects, and what goes with the last of them.

use super::header::{self, set_ref_count};
use super::{Editor, Owned, Purpose, attributes, drop_attribute, links, shared};
use crate::codec::Address;
use crate::dataset::axes::box_bytes;
use crate::dataset::file::FileCore;
use crate::dataset::stored::{self, StoredDataset};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::datatype::Datatype;
use crate::format::message::layout::{DataLayout, Storage};
use crate::graph::attributes::{AttributeRecord, Attributes};
use crate::graph::links::LinkTarget;
use crate::graph::object_header::{ObjectHeader, ObjectType};
use crate::graph::shared as read;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Counts one more hard link to an object.
///
/// # Errors
/// The object's header is damaged, or has 2^32 - 1 links.
pub(crate) fn add_link(editor: &mut Editor, object: Address) -> Result<()> {
    let mut header = ObjectHeader::load(editor.ctx(), object)?;
    let count = header.ref_count.checked_add(1);
    let count = count.ok_or_else(|| Error::new(ErrorKind::Limit, "an object has at most 4294967295 hard links"))?;
    set_ref_count(&mut header, count)?;
    header::store(editor, &mut header)
}

/// Counts a hard link off. With the last one the object goes, and what only it holds.
///
/// # Errors
/// A header or storage that is given back is damaged.
pub(crate) fn drop_link(editor: &mut Editor, core: &Arc<FileCore>, object: Address) -> Result<()> {
    // Objects whose count goes down; a group that goes adds its own.
    let mut ahead = alloc::vec![object];
    while let Some(address) = ahead.pop() {
        let mut header = ObjectHeader::load(editor.ctx(), address)?;
        let left = header.ref_count.saturating_sub(1);
        if left > 0 {
            set_ref_count(&mut header, left)?;
            header::store(editor, &mut header)?;
        } else {
            destroy(editor, core, &header, &mut ahead)?;
        }
    }
    Ok(())
}

/// Gives back all that an object holds; objects that it points at go to `ahead`.
fn destroy(editor: &mut Editor, core: &Arc<FileCore>, header: &ObjectHeader, ahead: &mut Vec<Address>) -> Result<()> {
    let mut owned = Vec::new();
    if header.object_type() == ObjectType::Group {
        for link in links::clear(editor, header)? {
            if let LinkTarget::Hard(target) = link.target {
                ahead.push(target);
            }
        }
    }
    if header.object_type() == ObjectType::Dataset {
        let (datatype, committed) = stored::datatype(editor.ctx(), header)?;
        ahead.extend(committed);
        // What can not be read can not be given back.
        let dataset = StoredDataset::load(core, header);
        owned.extend(dataset.and_then(|dataset| Owned::of_dataset(core, &dataset)).ok());
        release_elements(editor, header, u64::from(datatype.size))?;
    }
    for m in &header.messages {
        shared::drop_message(editor, header, m)?;
    }
    for attribute in Attributes::open(editor.ctx(), header)?.list(editor.ctx())? {
        let attribute = attribute?;
        let values = values_of(core, &attribute)?;
        if drop_attribute(editor, &attribute)? {
            ahead.extend(attribute.datatype.committed);
            owned.push(values);
        }
    }
    attributes::release(editor, header)?;
    header::release(editor, header);
    owned.into_iter().try_for_each(|owned| owned.release(editor))
}

/// The heap objects of an attribute's value.
///
/// # Errors
/// Its datatype is damaged.
pub(crate) fn values_of(core: &FileCore, attribute: &AttributeRecord) -> Result<Owned> {
    let ctx = core.ctx();
    let datatype = Datatype::parse(&mut attribute.datatype.cursor(ctx.sizes(), "datatype"), ctx.limits())?;
    Owned::of(core, &datatype, &attribute.data)
}

fn release_elements(editor: &mut Editor, header: &ObjectHeader, element: u64) -> Result<()> {
    let ctx = editor.ctx();
    let Some(message) = header.find(MessageKind::DataLayout) else { return Ok(()) };
    let layout = DataLayout::parse(&mut message.cursor(ctx.sizes(), "data layout"))?;
    match layout.storage {
        Storage::Contiguous { address: Some(address), size } => {
            let Some(space) = header.find(MessageKind::Dataspace) else { return Ok(()) };
            let space = read::resolve(ctx, space)?;
            let space =
                crate::format::message::dataspace::Dataspace::parse(&mut space.cursor(ctx.sizes(), "dataspace"))?;
            let bytes = size.or_else(|| box_bytes(space.dims.iter().copied(), element)).unwrap_or(0);
            editor.ctx().check(address, bytes, "contiguous data")?;
            editor.release(Purpose::RawData, address, bytes);
        }
        Storage::Chunked(layout) => super::raw::release_chunks(editor, header, &layout)?,
        Storage::Compact { .. } | Storage::Contiguous { .. } | Storage::Virtual { .. } => {}
    }
    Ok(())
}

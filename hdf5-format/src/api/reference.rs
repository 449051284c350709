//! References: stored bytes to what they point at.

use super::value::Reference;
use crate::codec::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype, ReferenceKind};
use crate::format::reference::{HeapReference, RegionReference, StoredReference, parse_object};
use crate::graph::FileContext;
use crate::graph::global_heap::{HeapReader, heap_id};
use alloc::boxed::Box;

const NAME: &str = "reference";

/// Reads one stored reference of a reference datatype.
///
/// # Errors
/// The reference or the heap object that it names is damaged.
pub(super) fn load(
    ctx: &FileContext,
    heap: &mut HeapReader<'_>,
    datatype: &Datatype,
    bytes: &[u8],
) -> Result<Reference> {
    let Class::Reference { kind } = &datatype.class else {
        return Err(Error::new(ErrorKind::TypeMismatch, "not a reference"));
    };
    let mut cursor = Cursor::new(bytes, 0, NAME, ctx.sizes());
    match kind {
        ReferenceKind::Object => Ok(parse_object(&mut cursor)?.map_or(Reference::Null, Reference::Object)),
        ReferenceKind::Region => match heap_id(&mut cursor)? {
            None => Ok(Reference::Null),
            Some((address, index)) => region(ctx, heap.get(address, index)?, ctx.absolute(address)),
        },
        ReferenceKind::Object2 | ReferenceKind::Region2 | ReferenceKind::Attribute => {
            match StoredReference::parse(&mut cursor)? {
                StoredReference::Null => Ok(Reference::Null),
                StoredReference::Object(address) => Ok(Reference::Object(address)),
                StoredReference::Heap { kind, external, id: (address, index), .. } => {
                    let stored = heap.get(address, index)?;
                    let mut cursor = Cursor::new(stored, ctx.absolute(address), NAME, ctx.sizes());
                    HeapReference::parse(&mut cursor, kind, external).map(from_heap)
                }
            }
        }
    }
}

fn region(ctx: &FileContext, stored: &[u8], offset: u64) -> Result<Reference> {
    let mut cursor = Cursor::new(stored, offset, "region reference", ctx.sizes());
    let RegionReference { dataset, selection } = RegionReference::parse(&mut cursor)?;
    Ok(Reference::Region { dataset, selection })
}

fn from_heap(stored: HeapReference) -> Reference {
    let HeapReference { object, file, selection, attribute } = stored;
    let target = match (selection, attribute) {
        (Some((_, selection)), _) => Reference::Region { dataset: object, selection },
        (None, Some(name)) => Reference::Attribute { object, name },
        (None, None) => Reference::Object(object),
    };
    match file {
        Some(file) => Reference::External { file, target: Box::new(target) },
        None => target,
    }
}

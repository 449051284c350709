//! References: stored bytes to what they point at.

use super::dataset::Dataset;
use super::file::File;
use super::object::{Object, ObjectInfo};
use super::value::Reference;
use crate::codec::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype, ReferenceKind};
use crate::format::reference::{HeapReference, RegionReference, StoredReference, parse_object};
use crate::format::selection::Selection;
use crate::graph::FileContext;
use crate::graph::global_heap::{HeapReader, heap_id};
use alloc::boxed::Box;
use alloc::format;

const NAME: &str = "reference";

impl ObjectInfo {
    /// A reference to the object, for elements and attributes.
    pub fn reference(&self) -> Reference {
        Reference::Object(self.address())
    }
}

impl File {
    /// The object that a reference points at; of a reference to a region, the dataset; of one to an attribute, the object
    /// that has it.
    ///
    /// # Errors
    /// It points nowhere, at what is no object, or into another file that the policy forbids or that does not open.
    pub fn dereference(&self, reference: &Reference) -> Result<Object> {
        match reference {
            Reference::Object(address)
            | Reference::Region { dataset: address, .. }
            | Reference::Attribute { object: address, .. } => {
                self.at_address(*address, format!("object at {}", address.0))
            }
            Reference::External { file, target } => self.open_other(file)?.dereference(target),
            Reference::Null => Err(Error::new(ErrorKind::NotFound, "the reference points nowhere")),
            Reference::Broken(why) => Err(Error::new(ErrorKind::Corrupt, format!("a broken reference: {why}"))),
        }
    }

    /// The dataset that a reference to a region points at, and its elements.
    ///
    /// # Errors
    /// As for [`dereference`](File::dereference), and if it is no reference to a region.
    pub fn dereference_region(&self, reference: &Reference) -> Result<(Dataset, Selection)> {
        match reference {
            Reference::External { file, target } => self.open_other(file)?.dereference_region(target),
            Reference::Region { selection, .. } => {
                Ok((self.dereference(reference)?.into_dataset()?, selection.clone()))
            }
            _ => Err(Error::new(ErrorKind::TypeMismatch, format!("{reference:?} is no reference to a region"))),
        }
    }
}

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

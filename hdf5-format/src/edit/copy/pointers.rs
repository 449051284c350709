//! Values that point at what lies outside of them, for another place.

use super::Copier;
use crate::codec::{Address, Cursor, Writer};
use crate::datatype::pointers::{Leaf, Pointers};
use crate::edit::{Editor, insert_heap_object};
use crate::error::Result;
use crate::format::global_heap::encode_id;
use crate::format::message::datatype::ReferenceKind;
use crate::format::reference::{HeapReference, RegionReference, StoredReference, encode_object, parse_object};
use crate::graph::global_heap::heap_id;
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "element";
/// Versions of selections in references up to 1.10.
const REGION_LOW: u8 = 1;

impl Copier<'_> {
    /// Lets elements of `size` bytes point at copies of what they point at.
    pub(super) fn values(
        &mut self,
        editor: &mut Editor,
        pointers: &Pointers,
        elements: &mut [u8],
        size: usize,
    ) -> Result<()> {
        pointers.each_of(elements, size, &mut |leaf, bytes| self.value(editor, leaf, bytes))
    }

    fn value(&mut self, editor: &mut Editor, leaf: &Leaf, bytes: &mut [u8]) -> Result<()> {
        let new = match leaf {
            Leaf::Vlen { element, inner } => self.vlen(editor, bytes, *element, inner)?,
            Leaf::Reference(ReferenceKind::Object) => {
                let object = parse_object(&mut self.cursor(bytes))?;
                let mut writer = editor.writer();
                let target = match object {
                    Some(object) => self.target_or_gone(editor, object)?,
                    None => None,
                };
                encode_object(target, &mut writer)?;
                writer.into_bytes()
            }
            Leaf::Reference(ReferenceKind::Region) => self.region(editor, bytes)?,
            Leaf::Reference(_) => self.reference(editor, bytes)?,
        };
        let len = new.len().min(bytes.len());
        bytes.fill(0);
        if let (Some(to), Some(from)) = (bytes.get_mut(..len), new.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(())
    }

    fn cursor<'b>(&self, bytes: &'b [u8]) -> Cursor<'b> {
        Cursor::new(bytes, 0, NAME, self.source.ctx().sizes())
    }

    /// The copy of an object that is referred to; where there is no such object any more, an address where none is.
    fn target_or_gone(&mut self, editor: &mut Editor, object: Address) -> Result<Option<Address>> {
        let target = self.target_of(editor, object)?;
        if target.is_some() || ObjectHeader::load(self.source.ctx(), object).is_ok() {
            return Ok(target);
        }
        let unused = 64u32.saturating_sub(u32::from(editor.ctx().sizes().offset).saturating_mul(8));
        Ok(Some(Address(u64::MAX.checked_shr(unused).unwrap_or(u64::MAX).saturating_sub(1))))
    }

    fn vlen(&mut self, editor: &mut Editor, bytes: &[u8], element: usize, inner: &Pointers) -> Result<Vec<u8>> {
        let mut value = self.heap.vlen(bytes, element)?.to_vec();
        self.values(editor, inner, &mut value, element)?;
        let mut writer = editor.writer();
        let count = value.len().checked_div(element).unwrap_or(0);
        writer.uint(count as u64, 4)?;
        let place = if value.is_empty() { None } else { Some(insert_heap_object(editor, &value)?) };
        put_id(place, &mut writer)?;
        Ok(writer.into_bytes())
    }

    fn region(&mut self, editor: &mut Editor, bytes: &[u8]) -> Result<Vec<u8>> {
        let sizes = self.source.ctx().sizes();
        let mut place = None;
        if let Some((address, index)) = heap_id(&mut self.cursor(bytes))? {
            let object = self.heap.get(address, index)?;
            let region = RegionReference::parse(&mut Cursor::new(object, 0, NAME, sizes))?;
            if let Some(dataset) = self.target_of(editor, region.dataset)? {
                let mut writer = editor.writer();
                RegionReference { dataset, ..region }.encode(REGION_LOW, &mut writer)?;
                place = Some(insert_heap_object(editor, writer.as_slice())?);
            }
        }
        let mut writer = editor.writer();
        put_id(place, &mut writer)?;
        Ok(writer.into_bytes())
    }

    fn reference(&mut self, editor: &mut Editor, bytes: &[u8]) -> Result<Vec<u8>> {
        let sizes = self.source.ctx().sizes();
        let new = match StoredReference::parse(&mut self.cursor(bytes))? {
            StoredReference::Null => StoredReference::Null,
            StoredReference::Object(object) => {
                self.target_or_gone(editor, object)?.map_or(StoredReference::Null, StoredReference::Object)
            }
            StoredReference::Heap { kind, external, len, id } => {
                let object = self.heap.get(id.0, id.1)?;
                let reference = HeapReference::parse(&mut Cursor::new(object, 0, NAME, sizes), kind, external)?;
                // In another file nothing has moved.
                let target = if external { Some(reference.object) } else { self.target_of(editor, reference.object)? };
                match target {
                    Some(object) => {
                        let mut writer = editor.writer();
                        HeapReference { object, ..reference }.encode(&mut writer)?;
                        let id = insert_heap_object(editor, writer.as_slice())?;
                        let len = u32::try_from(writer.position()).unwrap_or(len);
                        StoredReference::Heap { kind, external, len, id }
                    }
                    None => StoredReference::Null,
                }
            }
        };
        let mut writer = editor.writer();
        new.encode(&mut writer)?;
        Ok(writer.into_bytes())
    }
}

/// A heap id; zeros for none.
fn put_id(place: Option<(Address, u32)>, writer: &mut Writer) -> Result<()> {
    encode_id(Some(place.unwrap_or((Address(0), 0))), writer)
}

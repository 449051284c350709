//! What stored elements point at in the global heap.

use super::report::Code;
use super::walk::Checker;
use crate::codec::{Address, Cursor};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::format::global_heap::GlobalHeapCollection;
use crate::format::message::datatype::{Class, Datatype, ReferenceKind};
use crate::format::reference::{HeapReference, RegionReference, StoredReference};
use crate::format::virtual_layout;
use crate::graph::FileContext;
use crate::graph::global_heap::{HeapReader, heap_id};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Name in surveys and findings.
pub(super) const COLLECTION: &str = "global heap collection";

/// The collections met, and the objects whose own pointers were followed.
pub(super) struct Heaps<'a> {
    ctx: &'a FileContext,
    reader: HeapReader<'a>,
    collections: BTreeSet<Address>,
    followed: BTreeSet<(Address, u32)>,
    /// Collections that are not in the map yet: address and length.
    new: Vec<(Address, u64)>,
    /// True if elements that may point at the heap were not read.
    pub(super) unread: bool,
}

/// True if elements of a type may point at the global heap. The recursion is bounded by the datatype's depth.
pub(super) fn may_point(datatype: &Datatype) -> bool {
    match &datatype.class {
        Class::Vlen { .. } => true,
        Class::Reference { kind } => *kind != ReferenceKind::Object,
        Class::Compound { members } => members.iter().any(|member| may_point(&member.datatype)),
        Class::Array { base, .. } => may_point(base),
        _ => false,
    }
}

impl<'a> Heaps<'a> {
    pub(super) fn new(ctx: &'a FileContext) -> Self {
        let (collections, followed, new) = Default::default();
        Heaps { ctx, reader: HeapReader::new(ctx), collections, followed, new, unread: false }
    }

    /// Makes sure that an object's collection is in the map.
    fn meet(&mut self, address: Address) -> Result<()> {
        if self.collections.contains(&address) {
            return Ok(());
        }
        self.collections.insert(address);
        let head = GlobalHeapCollection::header_len(self.ctx.sizes()) as u64;
        let block = self.ctx.block(address, head, COLLECTION)?;
        let len = GlobalHeapCollection::parse_len(&mut self.ctx.cursor(&block, address, COLLECTION))?;
        self.ctx.check(address, len, COLLECTION)?;
        self.new.push((address, len));
        Ok(())
    }

    fn object(&mut self, address: Address, index: u32) -> Result<&[u8]> {
        self.meet(address)?;
        self.reader.get(address, index)
    }

    /// Follows the pointers of one element. The recursion is bounded by the datatype's depth, and every object whose
    /// own elements point on is followed once.
    fn element(&mut self, datatype: &Datatype, bytes: &[u8], errors: &mut Vec<Error>) {
        match &datatype.class {
            Class::Compound { members } => {
                for member in members.iter().filter(|member| may_point(&member.datatype)) {
                    let at = usize::try_from(member.offset).unwrap_or(usize::MAX);
                    if let Some(part) = bytes.get(at..).and_then(|b| b.get(..member.datatype.size())) {
                        self.element(&member.datatype, part, errors);
                    }
                }
            }
            Class::Array { base, .. } if may_point(base) => self.all(base, bytes, errors),
            Class::Vlen { base, .. } => {
                let followed = self.vlen(base, bytes);
                match followed {
                    Ok(Some(inner)) => self.all(base, &inner, errors),
                    Ok(None) => {}
                    Err(error) => errors.push(error),
                }
            }
            Class::Reference { kind } => {
                if let Err(error) = self.reference(*kind, bytes) {
                    errors.push(error);
                }
            }
            _ => {}
        }
    }

    fn all(&mut self, datatype: &Datatype, bytes: &[u8], errors: &mut Vec<Error>) {
        for element in bytes.chunks_exact(datatype.size().max(1)) {
            self.element(datatype, element, errors);
        }
    }

    /// Looks a sequence up: its elements, if they point on and were not followed yet.
    fn vlen(&mut self, base: &Datatype, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut cursor = Cursor::new(bytes, 0, "variable-length element", self.ctx.sizes());
        let count = cursor.u32()?;
        let Some(id) = heap_id(&mut cursor)? else { return Ok(None) };
        let met = self.meet(id.0);
        if count == 0 {
            // What an empty element points at need not exist.
            return Ok(None);
        }
        met?;
        let value = self.reader.vlen(bytes, base.size())?;
        if !may_point(base) || !self.followed.insert(id) {
            return Ok(None);
        }
        Ok(Some(value.to_vec()))
    }

    fn reference(&mut self, kind: ReferenceKind, bytes: &[u8]) -> Result<()> {
        let (ctx, sizes) = (self.ctx, self.ctx.sizes());
        let cursor = &mut Cursor::new(bytes, 0, "reference", sizes);
        match kind {
            ReferenceKind::Object => Ok(()),
            ReferenceKind::Region => {
                let Some((address, index)) = heap_id(cursor)? else { return Ok(()) };
                let object = self.object(address, index)?;
                let cursor = &mut Cursor::new(object, ctx.absolute(address), "region reference", sizes);
                RegionReference::parse(cursor).map(drop)
            }
            _ => {
                let StoredReference::Heap { kind, external, id, .. } = StoredReference::parse(cursor)? else {
                    return Ok(());
                };
                let object = self.object(id.0, id.1)?;
                let cursor = &mut Cursor::new(object, ctx.absolute(id.0), "reference", sizes);
                HeapReference::parse(cursor, kind, external).map(drop)
            }
        }
    }
}

impl Checker<'_> {
    /// Follows what stored elements point at.
    pub(super) fn elements(&mut self, datatype: &Datatype, bytes: &[u8]) {
        if !may_point(datatype) {
            return;
        }
        let mut errors = Vec::new();
        self.heaps.all(datatype, bytes, &mut errors);
        self.heap_errors(&errors);
        self.add_collections();
    }

    /// The mappings of a virtual dataset.
    pub(super) fn mappings(&mut self, (address, index): (Address, u32)) {
        let ctx = self.ctx;
        let parsed = self.heaps.object(address, index).and_then(|bytes| {
            let at = ctx.absolute(address);
            virtual_layout::parse(&mut Cursor::new(bytes, at, "virtual dataset mappings", ctx.sizes())).map(drop)
        });
        self.note(parsed);
        self.add_collections();
    }

    fn heap_errors(&mut self, errors: &[Error]) {
        for error in errors {
            // Damage inside the collection is told as what it is.
            let elsewhere = error.rule().is_none_or(|rule| rule == Rule::Inside);
            if !elsewhere || error.kind() != ErrorKind::Corrupt {
                self.error(error);
            } else {
                self.finding(Code::HeapObject, error.offset(), error.summary());
            }
        }
    }

    fn add_collections(&mut self) {
        for (address, len) in core::mem::take(&mut self.heaps.new) {
            self.map.add(address.0, len, COLLECTION);
        }
    }
}

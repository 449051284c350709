//! Links in the fractal heap of a new-style group, found through a B-tree by hash of the name.

use super::{Link, Listing, NAME};
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Cursor};
use crate::error::{Error, Result};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::LinkNameRecord;
use crate::format::message::link::LinkMessage;
use crate::graph::btree_v2::{BTreeV2, Visitor};
use crate::graph::context::FileContext;
use crate::graph::fractal_heap::{FractalHeap, FractalHeapReader, HeapObject};
use crate::graph::object_header::ObjectHeader;
use core::ops::ControlFlow;

/// Structure name in errors.
const RECORD: &str = "link name record";

/// The group's heap and its index by name.
#[derive(Debug)]
pub(super) struct Dense {
    heap: Result<FractalHeap>,
    names: Result<BTreeV2>,
}

impl Dense {
    pub(super) fn open(ctx: &FileContext, header: &ObjectHeader, heap: Address, names: Option<Address>) -> Self {
        let missing = || Error::corrupt("link info", header.offset, "a heap of links without an index by name");
        let names = names.ok_or_else(missing).and_then(|names| BTreeV2::open(ctx, names, RecordType::LinkName));
        Dense { heap: FractalHeap::open(ctx, heap), names }
    }

    fn names(&self) -> Result<&BTreeV2> {
        self.names.as_ref().map_err(Error::clone)
    }

    fn heap(&self) -> Result<&FractalHeap> {
        self.heap.as_ref().map_err(Error::clone)
    }

    pub(super) fn count(&self) -> Result<u64> {
        self.names().map(BTreeV2::len)
    }

    pub(super) fn get(&self, ctx: &FileContext, name: &[u8]) -> Result<Option<Link>> {
        let (heap, hash) = (self.heap()?, lookup3(name, 0));
        let (mut found, mut damage) = (None, None);
        self.names()?.for_equal(
            ctx,
            |record| Ok(parse_record(ctx, record)?.hash.cmp(&hash)),
            |record| {
                let link = parse_record(ctx, record).and_then(|r| parse_link(ctx, &heap.object(ctx, &r.id)?));
                match link {
                    Ok(link) if link.name == name => {
                        found = Some(link);
                        return Ok(ControlFlow::Break(()));
                    }
                    Ok(_) => {}
                    Err(error) => damage = damage.take().or(Some(error)),
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        match (found, damage) {
            (None, Some(error)) => Err(error),
            (found, _) => Ok(found),
        }
    }

    pub(super) fn list(&self, ctx: &FileContext, listing: &mut Listing) {
        let walk = self.heap().and_then(|heap| {
            let mut lister = Lister { ctx, reader: heap.reader(ctx), listing };
            self.names()?.visit(ctx, &mut lister)
        });
        if let Err(error) = walk {
            listing.damage.push(error);
        }
    }
}

/// Reads the link of every record.
struct Lister<'l, 'h, 'c> {
    ctx: &'c FileContext,
    reader: FractalHeapReader<'h, 'c>,
    listing: &'l mut Listing,
}

impl Visitor for Lister<'_, '_, '_> {
    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
        let (ctx, reader, allowance) = (self.ctx, &mut self.reader, &mut self.listing.allowance);
        let link = parse_record(ctx, record).and_then(|record| {
            let object = reader.object(&record.id)?;
            allowance.take(object.bytes.len() as u64)?;
            parse_link(ctx, &object)
        });
        self.listing.push(link);
        let used_up = self.listing.allowance.is_used_up();
        Ok(if used_up { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn damaged(&mut self, error: Error) -> Result<ControlFlow<()>> {
        self.listing.damage.push(error);
        Ok(ControlFlow::Continue(()))
    }
}

fn parse_record(ctx: &FileContext, record: &[u8]) -> Result<LinkNameRecord> {
    LinkNameRecord::parse(&mut Cursor::new(record, 0, RECORD, ctx.sizes()))
}

fn parse_link(ctx: &FileContext, object: &HeapObject<'_>) -> Result<Link> {
    LinkMessage::parse(&mut Cursor::new(&object.bytes, object.offset, NAME, ctx.sizes())).map(Link::from)
}

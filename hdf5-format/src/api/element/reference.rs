//! References.

use super::{Conversion, Load, Sink, Source, Store, mismatch};
use crate::api::value::Reference;
use crate::codec::{Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype, ReferenceKind};
pub use crate::format::reference::RegionReference;
use alloc::format;
use core::convert::Infallible;

impl Load for Reference {
    const EXPECTED: &'static str = "references";
    type Plan = Datatype;
    type Plain = Infallible;

    fn plan(datatype: &Datatype, _: Conversion) -> Result<Datatype> {
        let is = matches!(datatype.class, Class::Reference { .. });
        is.then(|| datatype.clone()).ok_or_else(|| mismatch(Self::EXPECTED, datatype))
    }

    fn load(plan: &Datatype, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        source.reference(plan, element)
    }
}

impl Store for Reference {
    type Plan = Datatype;

    fn datatype(sizes: Sizes) -> Datatype {
        Datatype::object_reference(sizes)
    }

    fn plan(datatype: &Datatype, _: Conversion) -> Result<Datatype> {
        match datatype.class {
            Class::Reference { kind: ReferenceKind::Object | ReferenceKind::Region } => Ok(datatype.clone()),
            _ => Err(mismatch("elements that hold references of the encoding before HDF5 1.12", datatype)),
        }
    }

    fn store(&self, plan: &Datatype, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        match (&plan.class, self) {
            // Zeros point nowhere.
            (_, Reference::Null) => Ok(()),
            (Class::Reference { kind: ReferenceKind::Object }, Reference::Object(address)) => {
                sink.put_address(out, 0, *address)
            }
            (Class::Reference { kind: ReferenceKind::Region }, Reference::Region { dataset, selection }) => {
                let region = RegionReference { dataset: *dataset, selection: selection.clone() };
                store_region(&region, out, sink)
            }
            _ => Err(Error::new(ErrorKind::TypeMismatch, format!("{self:?} does not go into {plan}"))),
        }
    }
}

impl Load for RegionReference {
    const EXPECTED: &'static str = "references to regions";
    type Plan = Datatype;
    type Plain = Infallible;

    fn plan(datatype: &Datatype, _: Conversion) -> Result<Datatype> {
        match datatype.class {
            Class::Reference { kind: ReferenceKind::Region | ReferenceKind::Region2 } => Ok(datatype.clone()),
            _ => Err(mismatch(Self::EXPECTED, datatype)),
        }
    }

    fn load(plan: &Datatype, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        match source.reference(plan, element)? {
            Reference::Region { dataset, selection } => Ok(RegionReference { dataset, selection }),
            other => {
                Err(Error::new(ErrorKind::TypeMismatch, format!("{other:?} is no reference to a region of this file"))
                    .with_hint("read it as Reference"))
            }
        }
    }
}

impl Store for RegionReference {
    type Plan = ();

    fn datatype(sizes: Sizes) -> Datatype {
        Datatype::region_reference(sizes)
    }

    fn plan(datatype: &Datatype, _: Conversion) -> Result<()> {
        match datatype.class {
            Class::Reference { kind: ReferenceKind::Region } => Ok(()),
            _ => Err(mismatch("elements that hold references to regions", datatype)),
        }
    }

    fn store(&self, (): &(), out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        store_region(self, out, sink)
    }
}

fn store_region(region: &RegionReference, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
    let mut writer = Writer::new(sink.sizes());
    // The encoding that every library reads, where the selection has one.
    region.encode(0, &mut writer)?;
    let (address, index) = sink.insert(writer.as_slice())?;
    sink.put_address(out, 0, address)?;
    super::put(out, sink.sizes().o(), &index.to_le_bytes())
}

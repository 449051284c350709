//! Attributes: small named values of an object.

use super::canonical::{Canonical, ObjectNames};
use super::decode;
use super::element::{Conversion, Load, Source};
use super::value::Value;
use crate::codec::{Address, Cursor, to_usize};
use crate::dataset::axes::box_bytes;
use crate::dataset::file::FileCore;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::graph::FileContext;
use crate::graph::attributes::AttributeRecord;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An attribute, with its value as stored.
#[derive(Clone)]
pub struct Attribute {
    core: Arc<FileCore>,
    owner: String,
    name: Vec<u8>,
    creation_order: Option<u32>,
    datatype: Datatype,
    committed: Option<Address>,
    dataspace: Dataspace,
    data: Vec<u8>,
}

impl Attribute {
    pub(super) fn new(core: &Arc<FileCore>, owner: &str, record: AttributeRecord) -> Result<Self> {
        let ctx = core.ctx();
        let name = super::group::shown(&record.name);
        let named = |e: Error| e.on(alloc::format!("{owner}@{name}"));
        let mut cursor = Cursor::new(&record.datatype.body, record.datatype.offset, "datatype", ctx.sizes());
        let datatype = Datatype::parse(&mut cursor, ctx.limits()).map_err(named)?;
        let mut cursor = Cursor::new(&record.dataspace.body, record.dataspace.offset, "dataspace", ctx.sizes());
        let dataspace = Dataspace::parse(&mut cursor).map_err(named)?;
        let mut data = record.data;
        let bytes = element_bytes(&dataspace, &datatype).filter(|&b| b <= data.len() as u64).ok_or_else(|| {
            let found = data.len();
            named(Error::corrupt(
                "attribute",
                record.offset,
                alloc::format!("value: expected {}, found {found} bytes", Wanted(&dataspace, &datatype)),
            ))
        })?;
        data.truncate(to_usize(bytes)?);
        Ok(Attribute {
            core: Arc::clone(core),
            owner: String::from(owner),
            name: record.name,
            creation_order: record.creation_order,
            datatype,
            committed: record.datatype.committed,
            dataspace,
            data,
        })
    }

    /// Name, as the bytes stored; UTF-8 in nearly every file.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The name for people: bytes that are not UTF-8 are shown as `\xNN`.
    pub fn display_name(&self) -> String {
        super::group::shown(&self.name)
    }

    /// Position in the order of creation, where the object tracks it.
    pub fn creation_order(&self) -> Option<u32> {
        self.creation_order
    }

    /// Type of the elements.
    pub fn dtype(&self) -> &Datatype {
        &self.datatype
    }

    /// Header of the committed datatype, if the type is one.
    pub fn committed_datatype(&self) -> Option<Address> {
        self.committed
    }

    /// Extent: scalar, simple or null.
    pub fn space(&self) -> &Dataspace {
        &self.dataspace
    }

    /// Length of each dimension; empty for a scalar and a null space.
    pub fn shape(&self) -> &[u64] {
        &self.dataspace.dims
    }

    /// The elements as stored, in C order.
    pub fn raw(&self) -> &[u8] {
        &self.data
    }

    /// All elements, in C order.
    ///
    /// # Errors
    /// The type is of another kind, or a value does not fit.
    pub fn read_vec<T: Load>(&self) -> Result<Vec<T>> {
        self.read_vec_as(Conversion::Exact)
    }

    /// All elements, in C order, converted by a rule.
    ///
    /// # Errors
    /// As for [`read_vec`](Self::read_vec).
    pub fn read_vec_as<T: Load>(&self, how: Conversion) -> Result<Vec<T>> {
        let plan = T::plan(&self.datatype, how).map_err(|e| self.named(e))?;
        let load = || T::load_all(&plan, self.datatype.size(), &self.data, &mut Source::new(self.core.ctx()));
        self.core.consistently(load).map_err(|e| self.named(e))
    }

    /// The one element of a scalar attribute, or of one with a single element.
    ///
    /// # Errors
    /// There are more or fewer elements, the type is of another kind, or the value does not fit.
    pub fn read<T: Load>(&self) -> Result<T> {
        let mut values = self.read_vec::<T>()?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            (last, _) => {
                let found = values.len().saturating_add(usize::from(last.is_some()));
                let error = Error::new(ErrorKind::Shape, alloc::format!("expected one element, found {found}"));
                Err(self.named(error.with_hint("use read_vec")))
            }
        }
    }

    pub(super) fn context(&self) -> &FileContext {
        self.core.ctx()
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source::new(self.core.ctx())
    }

    /// All elements as dynamic values, in C order.
    ///
    /// # Errors
    /// A heap that a value points into is damaged.
    pub fn read_values(&self) -> Result<Vec<Value>> {
        let decode = || decode::decode_all(self.core.ctx(), &self.datatype, &self.data);
        self.core.consistently(decode).map_err(|e| self.named(e))
    }

    /// Appends the value's canonical bytes: see [`canonical`](super::canonical).
    ///
    /// # Errors
    /// A heap that a value points into is damaged.
    pub fn canonical(&self, names: &dyn ObjectNames, out: &mut Vec<u8>) -> Result<()> {
        let mut canonical = Canonical::new(self.core.ctx(), &self.datatype, names)?;
        canonical.encode(&self.data, out).map_err(|e| self.named(e))
    }

    pub(super) fn named(&self, error: Error) -> Error {
        error.on(alloc::format!("{}@{}", self.owner, self.display_name()))
    }
}

fn element_bytes(space: &Dataspace, datatype: &Datatype) -> Option<u64> {
    if space.is_null() { Some(0) } else { box_bytes(space.dims.iter().copied(), datatype.size() as u64) }
}

/// What the value needs, for the error.
struct Wanted<'a>(&'a Dataspace, &'a Datatype);

impl core::fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match element_bytes(self.0, self.1) {
            Some(bytes) => write!(f, "{bytes} bytes"),
            None => f.write_str("more bytes than 64 bits can count"),
        }
    }
}

//! What all objects have: a place, a header, attributes.

use super::attribute::Attribute;
use super::dataset::Dataset;
use super::element::Load;
use super::file::File;
use super::group::Group;
use crate::codec::Address;
use crate::dataset::file::FileCore;
use crate::dataset::stored;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::datatype::Datatype;
use crate::graph::attributes::{Attributes, Dense};
use crate::graph::object_header::{ObjectHeader, ObjectType};
use crate::sync::Once;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An object's place in its file, its header and its attributes.
#[derive(Clone)]
pub struct ObjectInfo {
    pub(super) core: Arc<FileCore>,
    pub(super) path: String,
    pub(super) header: Arc<ObjectHeader>,
    /// Where dense attributes are, in a file that does not change.
    dense: Once<Arc<Dense>>,
}

impl AsRef<ObjectInfo> for ObjectInfo {
    fn as_ref(&self) -> &ObjectInfo {
        self
    }
}

impl AsRef<ObjectInfo> for Object {
    fn as_ref(&self) -> &ObjectInfo {
        self.info()
    }
}

/// Handles that dereference to it.
macro_rules! handles {
    ($($type:ty),+) => { $(
        impl AsRef<ObjectInfo> for $type {
            fn as_ref(&self) -> &ObjectInfo {
                self
            }
        }
    )+ };
}

handles!(Group, Dataset, NamedDatatype);

impl ObjectInfo {
    pub(super) fn new(core: Arc<FileCore>, path: String, header: Arc<ObjectHeader>) -> Self {
        ObjectInfo { core, path, header, dense: Once::new() }
    }

    /// The path by which the object was reached; bytes that are not UTF-8 are shown as `\xNN`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Address of the object header: the object's identity within its file.
    pub fn address(&self) -> Address {
        self.header.address
    }

    /// The file it lies in.
    pub fn file(&self) -> File {
        File { core: Arc::clone(&self.core) }
    }

    /// The object header, message by message.
    pub fn header(&self) -> &ObjectHeader {
        &self.header
    }

    /// Hard links to the object.
    pub fn reference_count(&self) -> u32 {
        self.header_now().map_or(self.header.ref_count, |header| header.ref_count)
    }

    /// The object's comment, if it has one.
    pub fn comment(&self) -> Option<Vec<u8>> {
        let header = self.header_now().ok()?;
        let message = header.find(MessageKind::Comment)?;
        let end = message.body.iter().position(|&b| b == 0).unwrap_or(message.body.len());
        message.body.get(..end).map(<[u8]>::to_vec)
    }

    /// True if the attributes are in a fractal heap rather than in the header.
    ///
    /// # Errors
    /// The attribute info message is damaged.
    pub fn has_dense_attributes(&self) -> Result<bool> {
        self.with_attributes(|attributes| Ok(attributes.dense()))
    }

    /// The header as it is now: a file that is being changed may have other messages.
    fn header_now(&self) -> Result<Arc<ObjectHeader>> {
        if !self.core.is_changing() {
            return Ok(Arc::clone(&self.header));
        }
        self.core.consistently(|| {
            ObjectHeader::load(self.core.ctx(), self.address()).map(Arc::new).map_err(|e| e.on(&self.path))
        })
    }

    /// Does something with the attributes as they are now.
    fn with_attributes<R>(&self, use_them: impl Fn(Attributes<'_>) -> Result<R>) -> Result<R> {
        self.core.consistently(|| {
            let header = self.header_now()?;
            let attributes = if self.core.is_changing() {
                Attributes::open(self.core.ctx(), &header)
            } else {
                Attributes::open_with(self.core.ctx(), &header, &self.dense)
            };
            attributes.and_then(&use_them).map_err(|e| e.on(&self.path))
        })
    }

    /// All attributes, by name. One that is damaged is an error in its place; the others are there.
    ///
    /// # Errors
    /// The structures that hold the attributes are damaged.
    pub fn attributes(&self) -> Result<Vec<Result<Attribute>>> {
        let records = self.with_attributes(|attributes| attributes.list(self.core.ctx()))?;
        let attribute = |r| Attribute::new(&self.core, &self.path, r);
        Ok(records.into_iter().map(|r| r.and_then(attribute).map_err(|e| e.on(&self.path))).collect())
    }

    /// The value of an attribute of one element.
    ///
    /// # Errors
    /// There is no such attribute, it has more or fewer elements, or its value is no `T`.
    pub fn attr<T: Load>(&self, name: impl AsRef<[u8]>) -> Result<T> {
        let name = name.as_ref();
        self.core.consistently(|| self.attribute(name)?.read())
    }

    /// The value of an attribute, or another value where there is no such attribute.
    ///
    /// # Errors
    /// There is one, and as for [`attr`](Self::attr).
    pub fn attr_or<T: Load>(&self, name: impl AsRef<[u8]>, otherwise: T) -> Result<T> {
        let name = name.as_ref();
        let found = self.core.consistently(|| match self.attribute(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found?.read().map(Some),
        });
        Ok(found?.unwrap_or(otherwise))
    }

    /// The elements of an attribute, in C order.
    ///
    /// # Errors
    /// There is no such attribute, or its elements are no `T`.
    pub fn attr_vec<T: Load>(&self, name: impl AsRef<[u8]>) -> Result<Vec<T>> {
        let name = name.as_ref();
        self.core.consistently(|| self.attribute(name)?.read_vec())
    }

    /// The attribute of a name.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn attribute(&self, name: impl AsRef<[u8]>) -> Result<Attribute> {
        let name = name.as_ref();
        let found = self.with_attributes(|attributes| attributes.get(self.core.ctx(), name))?;
        let missing = || {
            let shown = String::from_utf8_lossy(name);
            Error::new(ErrorKind::NotFound, format!("no attribute named {shown:?}")).on(&self.path)
        };
        Attribute::new(&self.core, &self.path, found.ok_or_else(missing)?).map_err(|e| e.on(&self.path))
    }

    /// A path below this object, for names and errors.
    pub(super) fn child_path(&self, name: &[u8]) -> String {
        let parent = self.path.trim_end_matches('/');
        format!("{parent}/{}", super::group::shown(name))
    }
}

/// An object of any kind.
#[derive(Clone)]
#[non_exhaustive]
pub enum Object {
    /// A group.
    Group(Group),
    /// A dataset.
    Dataset(Dataset),
    /// A committed datatype.
    NamedDatatype(NamedDatatype),
    /// An object whose messages make it none of these.
    Unknown(ObjectInfo),
}

impl Object {
    pub(super) fn new(info: ObjectInfo) -> Result<Object> {
        let path = info.path.clone();
        let object = match info.header.object_type() {
            ObjectType::Group => Group::new(info).map(Object::Group),
            ObjectType::Dataset => Dataset::new(info).map(Object::Dataset),
            ObjectType::Datatype => NamedDatatype::new(info).map(Object::NamedDatatype),
            ObjectType::Unknown => Ok(Object::Unknown(info)),
        };
        object.map_err(|e| e.on(path))
    }

    pub(super) fn resolve(core: &Arc<FileCore>, from: Address, base: &str, path: &[u8]) -> Result<Object> {
        let shown = super::group::shown(path);
        let shown = if path.first() == Some(&b'/') { shown } else { format!("{}/{shown}", base.trim_end_matches('/')) };
        core.consistently(|| {
            let place = core.resolve(from, path).map_err(|e| e.on(&shown))?;
            Object::load(&place.core, place.address, shown.clone())
        })
    }

    /// The object whose header is at an address, called so.
    pub(super) fn at(core: &Arc<FileCore>, address: Address, name: String) -> Result<Object> {
        core.consistently(|| Object::load(core, address, name.clone()))
    }

    fn load(core: &Arc<FileCore>, address: Address, name: String) -> Result<Object> {
        let header = ObjectHeader::load(core.ctx(), address).map_err(|e| e.on(&name))?;
        Object::new(ObjectInfo::new(Arc::clone(core), name, Arc::new(header)))
    }

    /// Place, header and attributes.
    pub fn info(&self) -> &ObjectInfo {
        match self {
            Object::Group(group) => group,
            Object::Dataset(dataset) => dataset,
            Object::NamedDatatype(datatype) => datatype,
            Object::Unknown(info) => info,
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Group(_) => "group",
            Object::Dataset(_) => "dataset",
            Object::NamedDatatype(_) => "datatype",
            Object::Unknown(_) => "unknown",
        }
    }

    fn is_not(&self, wanted: &str) -> Error {
        Error::new(ErrorKind::TypeMismatch, format!("expected a {wanted}, found a {}", self.kind()))
            .on(&self.info().path)
    }

    /// The group, if it is one.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_group(self) -> Result<Group> {
        match self {
            Object::Group(group) => Ok(group),
            other => Err(other.is_not("group")),
        }
    }

    /// The dataset, if it is one.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_dataset(self) -> Result<Dataset> {
        match self {
            Object::Dataset(dataset) => Ok(dataset),
            other => Err(other.is_not("dataset")),
        }
    }

    /// The committed datatype, if it is one.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_named_datatype(self) -> Result<NamedDatatype> {
        match self {
            Object::NamedDatatype(datatype) => Ok(datatype),
            other => Err(other.is_not("committed datatype")),
        }
    }
}

/// A committed datatype: a type with a name.
#[derive(Clone)]
pub struct NamedDatatype {
    info: ObjectInfo,
    datatype: Arc<Datatype>,
}

impl NamedDatatype {
    fn new(info: ObjectInfo) -> Result<Self> {
        let (datatype, _) = stored::datatype(info.core.ctx(), &info.header)?;
        Ok(NamedDatatype { info, datatype: Arc::new(datatype) })
    }

    /// The type.
    pub fn dtype(&self) -> &Datatype {
        &self.datatype
    }
}

impl core::ops::Deref for NamedDatatype {
    type Target = ObjectInfo;

    fn deref(&self) -> &ObjectInfo {
        &self.info
    }
}

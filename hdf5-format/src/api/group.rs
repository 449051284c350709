//! Groups: links by name.

use super::object::{Object, ObjectInfo};
use super::{Dataset, NamedDatatype};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::links::{self, GroupStorage, LinkTarget, Links};
use crate::graph::object_header::ObjectHeader;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A group. Attributes, path and address: see [`ObjectInfo`], to which it dereferences.
#[derive(Clone)]
pub struct Group {
    info: ObjectInfo,
    links: Arc<Links>,
}

/// A link of a group.
#[derive(Clone, Debug)]
pub struct Link {
    /// Name, as the bytes stored; UTF-8 in nearly every file.
    pub name: Vec<u8>,
    /// Position in the order of creation, where the group tracks it.
    pub creation_order: Option<i64>,
    /// What it points at.
    pub kind: LinkKind,
}

/// What a link points at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// An object of this file, by the address of its header.
    Hard(Address),
    /// A path in this file.
    Soft(Vec<u8>),
    /// A path in another file.
    External {
        /// Name of the file.
        file: Vec<u8>,
        /// Path in it.
        path: Vec<u8>,
    },
    /// A link that only the program which wrote it understands.
    UserDefined {
        /// Number of the link class, 65 to 255.
        class: u8,
        /// Its data.
        data: Vec<u8>,
    },
}

/// One entry of a group: the link, and what it leads to or why it leads nowhere.
#[derive(Clone)]
pub struct Member {
    /// The link.
    pub link: Link,
    /// The object, or the reason why there is none.
    pub object: Result<Object>,
}

impl core::ops::Deref for Group {
    type Target = ObjectInfo;

    fn deref(&self) -> &ObjectInfo {
        &self.info
    }
}

/// A name for people: bytes that are not UTF-8 become `\xNN`.
pub(super) fn shown(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for part in name.utf8_chunks() {
        out.push_str(part.valid());
        part.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out
}

impl Link {
    /// The name for people: bytes that are not UTF-8 are shown as `\xNN`.
    pub fn display_name(&self) -> String {
        shown(&self.name)
    }
}

impl From<links::Link> for Link {
    fn from(link: links::Link) -> Self {
        let kind = match link.target {
            LinkTarget::Hard(address) => LinkKind::Hard(address),
            LinkTarget::Soft(path) => LinkKind::Soft(path),
            LinkTarget::External { file, path } => LinkKind::External { file, path },
            LinkTarget::UserDefined { class, data } => LinkKind::UserDefined { class, data },
        };
        Link { name: link.name, creation_order: link.creation_order, kind }
    }
}

impl Group {
    pub(super) fn new(info: ObjectInfo) -> Result<Self> {
        let links = Links::open(info.core.ctx(), &info.header)?;
        Ok(Group { info, links: Arc::new(links) })
    }

    /// Where the links are now: a file that is being changed may have moved them.
    fn now(&self) -> Result<Arc<Links>> {
        if !self.core.is_changing() {
            return Ok(Arc::clone(&self.links));
        }
        let header = super::change::header_now(&self.core, self.address()).map_err(|e| e.on(&self.path))?;
        Links::open(self.core.ctx(), &header).map(Arc::new).map_err(|e| e.on(&self.path))
    }

    /// How the group stores its links.
    pub fn storage(&self) -> GroupStorage {
        self.links.storage()
    }

    /// Whether the order of creation is tracked, and indexed.
    pub fn creation_order(&self) -> (bool, bool) {
        self.links.creation_order()
    }

    /// Number of links.
    ///
    /// # Errors
    /// The structure that holds the links is damaged.
    pub fn len(&self) -> Result<u64> {
        self.core.consistently(|| self.now()?.count(self.core.ctx()).map_err(|e| e.on(&self.path)))
    }

    /// True if there are no links.
    ///
    /// # Errors
    /// As for [`Group::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All links, in ascending order of the names' bytes. A broken link is an error in its place and hides no other.
    pub fn links(&self) -> Vec<Result<Link>> {
        let links = self.core.consistently(|| Ok(self.now()?.list(self.core.ctx())));
        let links = links.unwrap_or_else(|error| alloc::vec![Err(error)]);
        links.into_iter().map(|l| l.map(Link::from).map_err(|e| e.on(&self.path))).collect()
    }

    /// The names of all links, as far as they can be read.
    pub fn keys(&self) -> Vec<String> {
        self.links().into_iter().filter_map(|l| l.ok().map(|l| l.display_name())).collect()
    }

    /// The link of a name.
    ///
    /// # Errors
    /// There is none, or the structure that holds the links is damaged.
    pub fn link(&self, name: impl AsRef<[u8]>) -> Result<Link> {
        let name = name.as_ref();
        let found = self.core.consistently(|| self.now()?.get(self.core.ctx(), name).map_err(|e| e.on(&self.path)))?;
        found
            .map(Link::from)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no link named {:?}", shown(name))).on(&self.path))
    }

    /// All members with what they lead to. A member that can not be opened carries the reason.
    pub fn iter(&self) -> impl Iterator<Item = Result<Member>> + '_ {
        self.links().into_iter().map(|link| link.map(|link| self.member(link)))
    }

    fn member(&self, link: Link) -> Member {
        let object = match &link.kind {
            LinkKind::Hard(_) => self.open(&link),
            _ => self.get(&link.name),
        };
        Member { link, object }
    }

    /// Opens the object of a hard link of this group.
    ///
    /// # Errors
    /// The link is not a hard one, or the object's header is damaged.
    pub fn open(&self, link: &Link) -> Result<Object> {
        let path = self.child_path(&link.name);
        let LinkKind::Hard(address) = link.kind else {
            return Err(Error::new(ErrorKind::Invalid, "not a hard link").on(path));
        };
        Object::at(&self.core, address, path)
    }

    /// The object at a path from here; from the root if the path starts with `/`.
    ///
    /// # Errors
    /// No such object, a forbidden file, or a damaged structure on the way.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Result<Object> {
        Object::resolve(&self.core, self.address(), &self.path, path.as_ref())
    }

    /// The address of the object at a path from here, without opening it; `None` if it lies in another file.
    ///
    /// # Errors
    /// As for [`Group::get`].
    pub fn resolve(&self, path: impl AsRef<[u8]>) -> Result<Option<Address>> {
        let path = path.as_ref();
        let place = self.core.consistently(|| {
            let place = self.core.resolve(self.address(), path)?;
            // A path may lead to nothing that is an object.
            ObjectHeader::load(place.core.ctx(), place.address).map(|_| place)
        });
        let place = place.map_err(|e| e.on(&self.path))?;
        Ok(Arc::ptr_eq(&place.core, &self.core).then_some(place.address))
    }

    /// True if [`Group::get`] would find an object.
    pub fn contains(&self, path: impl AsRef<[u8]>) -> bool {
        self.get(path).is_ok()
    }

    /// The group at a path from here.
    ///
    /// # Errors
    /// As for [`Group::get`], and if the object is not a group.
    pub fn group(&self, path: impl AsRef<[u8]>) -> Result<Group> {
        self.get(path)?.into_group()
    }

    /// The dataset at a path from here.
    ///
    /// # Errors
    /// As for [`Group::get`], and if the object is not a dataset.
    pub fn dataset(&self, path: impl AsRef<[u8]>) -> Result<Dataset> {
        self.get(path)?.into_dataset()
    }

    /// The committed datatype at a path from here.
    ///
    /// # Errors
    /// As for [`Group::get`], and if the object is not a committed datatype.
    pub fn named_datatype(&self, path: impl AsRef<[u8]>) -> Result<NamedDatatype> {
        self.get(path)?.into_named_datatype()
    }
}

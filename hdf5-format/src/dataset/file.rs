//! An opened file with everything that reading objects needs, and the way from a path to an object.

use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Registry;
use crate::graph::FileContext;
use crate::graph::links::{LinkTarget, Links};
use crate::graph::object_header::ObjectHeader;
use crate::graph::open::{self, OpenedFile};
use crate::io::{ExternalKind, ExternalPolicy, Storage, StorageMut};
use crate::limits::Limits;
use crate::sync::Gate;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// How a file is opened; files reached from it are opened the same way.
#[derive(Clone, Default)]
pub struct CoreOptions {
    /// Bounds on what the file may make the reader do.
    pub limits: Limits,
    /// Which other files may be opened.
    pub external: ExternalPolicy,
    /// The filters known.
    pub filters: Registry,
    /// Accept a file that is shorter than its stored end.
    pub salvage: bool,
    /// The file's own name: members of a family are named after it.
    pub name: Option<String>,
    /// The storage has all members of a family already.
    pub joined: bool,
}

/// An opened file. Shared by everything that was reached through it.
pub struct FileCore {
    opened: OpenedFile,
    options: CoreOptions,
    /// Files between this one and the one the user opened.
    depth: usize,
    /// What changes the file, for the layers above; readers only know that something does.
    changer: Option<Arc<dyn Any + Send + Sync>>,
    /// What its changes close.
    gate: Option<Arc<Gate>>,
}

/// An object: the file it lies in, and where.
#[derive(Clone)]
pub struct Place {
    /// The file; not the one the path started in if an external link was followed.
    pub core: Arc<FileCore>,
    /// The object's header.
    pub address: Address,
}

impl FileCore {
    /// Opens a file.
    pub fn open(storage: Arc<dyn Storage>, options: CoreOptions) -> Result<Self> {
        FileCore::open_at_depth(storage, options, 0)
    }

    /// Opens a file that `changer` changes through `storage`.
    pub(crate) fn open_changing(
        storage: Arc<dyn Storage>,
        options: CoreOptions,
        changer: Arc<dyn Any + Send + Sync>,
        gate: Arc<Gate>,
    ) -> Result<Self> {
        let mut core = FileCore::open(storage, options)?;
        core.opened.context = core.opened.context.with_growing_end();
        core.changer = Some(changer);
        core.gate = Some(gate);
        Ok(core)
    }

    /// True if the file is being changed: what was read of it may be out of date.
    pub fn is_changing(&self) -> bool {
        self.changer.is_some()
    }

    /// Reads something as it is between two changes of the file. `read` may be called more than once.
    pub fn consistently<T>(&self, mut read: impl FnMut() -> T) -> T {
        match &self.gate {
            None => read(),
            Some(gate) => gate.read(read),
        }
    }

    /// What changes the file, if it is of this type.
    pub fn changer<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.changer.as_deref()?.downcast_ref()
    }

    fn open_at_depth(storage: Arc<dyn Storage>, options: CoreOptions, depth: usize) -> Result<Self> {
        let members = |name: &str| options.external.open(ExternalKind::Member, name.as_bytes());
        let how = open::OpenOptions {
            salvage: options.salvage,
            name: options.name.as_deref(),
            members: Some(&members),
            joined: options.joined,
        };
        let opened = open::open(storage, options.limits.clone(), how)?;
        Ok(FileCore { opened, options, depth, changer: None, gate: None })
    }

    /// Where to read, how wide numbers are, which bounds hold.
    pub fn ctx(&self) -> &FileContext {
        &self.opened.context
    }

    /// Superblock, extension and what else opening found.
    pub fn opened(&self) -> &OpenedFile {
        &self.opened
    }

    /// How it was opened.
    pub fn options(&self) -> &CoreOptions {
        &self.options
    }

    /// The filters known.
    pub fn filters(&self) -> &Registry {
        &self.options.filters
    }

    /// Header of the root group.
    pub fn root(&self) -> Address {
        self.opened.superblock.root.header
    }

    /// Opens another file as this one was opened, if the policy allows it.
    pub fn open_other(&self, kind: ExternalKind, name: &[u8]) -> Result<Arc<FileCore>> {
        let limit = self.options.limits.file_depth;
        if self.depth >= limit {
            return Err(Error::limit("file_depth", limit as u64, self.depth.saturating_add(1) as u64));
        }
        let storage = self.options.external.open(kind, name)?;
        let shown = String::from_utf8_lossy(name);
        let name = Some(shown.clone().into_owned());
        let options = CoreOptions { name, joined: false, ..self.options.clone() };
        FileCore::open_at_depth(storage, options, self.depth.saturating_add(1)).map(Arc::new).map_err(|e| e.on(shown))
    }

    /// Opens a file that holds raw data and no structure.
    pub fn open_raw(&self, name: &[u8]) -> Result<Arc<dyn Storage>> {
        self.options.external.open(ExternalKind::RawData, name)
    }

    /// Opens a file that holds raw data for writing. A missing one is made where the policy knows how.
    pub fn open_raw_mut(&self, name: &[u8]) -> Result<Arc<dyn StorageMut>> {
        if self.options.name.as_ref().is_some_and(|own| own.as_bytes() == name) {
            return Err(Error::new(ErrorKind::Conflict, "the file itself as a file of raw data"));
        }
        self.options.external.open_mut(ExternalKind::RawData, name)
    }

    /// Follows a path from an object of this file, through soft and external links.
    pub fn resolve(self: &Arc<Self>, from: Address, path: &[u8]) -> Result<Place> {
        let mut here = Place { core: Arc::clone(self), address: from };
        let mut ahead: Vec<Vec<u8>> = Vec::new();
        let mut hops = 0usize;
        here.enter(path, &mut ahead);
        while let Some(name) = ahead.pop() {
            let header = ObjectHeader::load(here.core.ctx(), here.address)?;
            let link = Links::open(here.core.ctx(), &header)?.lookup(here.core.ctx(), &name)?;
            let Some(link) = link else {
                let shown = String::from_utf8_lossy(&name);
                return Err(Error::new(ErrorKind::NotFound, alloc::format!("no link named {shown:?}")));
            };
            match link.target {
                LinkTarget::Hard(address) => here.address = address,
                LinkTarget::Soft(path) => here.hop(&mut hops)?.enter(&path, &mut ahead),
                LinkTarget::External { file, path } => {
                    here.hop(&mut hops)?;
                    let core = here.core.open_other(ExternalKind::Link, &file)?;
                    here = Place { address: core.root(), core };
                    here.enter(&path, &mut ahead);
                }
                LinkTarget::UserDefined { class, .. } => {
                    return Err(Error::unsupported(alloc::format!("user-defined link of class {class}"))
                        .with_hint("only the program that wrote it knows what it points at"));
                }
            }
        }
        Ok(here)
    }
}

impl Place {
    /// Puts a path's names ahead, starting at the root if it is absolute.
    fn enter(&mut self, path: &[u8], ahead: &mut Vec<Vec<u8>>) {
        if path.first() == Some(&b'/') {
            self.address = self.core.root();
        }
        let names = path.split(|&b| b == b'/').filter(|n| !n.is_empty() && *n != b".");
        ahead.extend(names.rev().map(<[u8]>::to_vec));
    }

    fn hop(&mut self, hops: &mut usize) -> Result<&mut Self> {
        *hops = hops.saturating_add(1);
        let limit = self.core.options.limits.link_depth;
        if *hops > limit {
            return Err(Error::limit("link_depth", limit as u64, *hops as u64).with_hint("soft links form a cycle"));
        }
        Ok(self)
    }
}

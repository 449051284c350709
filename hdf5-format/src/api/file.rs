//! An opened file.

use super::group::Group;
use super::object::Object;
use super::options::OpenOptions;
use super::{Dataset, NamedDatatype};
use crate::codec::Address;
use crate::dataset::file::{CoreOptions, FileCore};
use crate::error::{Error, Result};
use crate::format::superblock::Superblock;
use crate::graph::FileContext;
use crate::io::{ExternalKind, Storage};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An opened HDF5 file.
///
/// Cheap to clone, and free to share: any number of threads may read through one `File` at once, without a lock.
/// Objects keep the file open.
///
/// ```no_run
/// # fn main() -> hdf5_format::Result<()> {
/// let file = hdf5_format::File::open("data.h5")?;
/// let temperature: Vec<f64> = file.dataset("/run1/temperature")?.read_vec()?;
/// # let _ = temperature;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct File {
    pub(super) core: Arc<FileCore>,
}

impl File {
    /// Opens a file on disk for reading, with the default options: no other file is touched.
    ///
    /// # Errors
    /// The file is missing, is not HDF5, is shorter than it says, or its superblock is damaged.
    #[cfg(feature = "std")]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<File> {
        File::options().open(path)
    }

    /// Opens a file held in memory.
    ///
    /// # Errors
    /// As for [`OpenOptions::open`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<File> {
        File::options().from_bytes(bytes)
    }

    /// Opens a file on any storage.
    ///
    /// # Errors
    /// As for [`OpenOptions::open`].
    pub fn from_storage(storage: impl Storage + 'static) -> Result<File> {
        File::options().from_storage(storage)
    }

    /// Options: limits, other files, filters, salvage.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(super) fn start(storage: Arc<dyn Storage>, options: OpenOptions) -> Result<File> {
        File::start_as(storage, options, false)
    }

    /// Opens a storage that has all members of its file.
    pub(super) fn start_joined(storage: Arc<dyn Storage>, options: OpenOptions) -> Result<File> {
        File::start_as(storage, options, true)
    }

    fn start_as(storage: Arc<dyn Storage>, options: OpenOptions, joined: bool) -> Result<File> {
        let OpenOptions { limits, external, filters, salvage, name, .. } = options;
        let core = FileCore::open(storage, CoreOptions { limits, external, filters, salvage, name, joined })?;
        Ok(File { core: Arc::new(core) })
    }

    /// The root group.
    ///
    /// # Errors
    /// The root's object header is damaged, or the root is not a group.
    pub fn root(&self) -> Result<Group> {
        self.group("/")
    }

    /// The root as an object of any kind.
    ///
    /// # Errors
    /// Its object header is damaged.
    pub fn root_object(&self) -> Result<Object> {
        self.at_address(self.core.root(), "/")
    }

    /// The object at a path, through soft links, and through external links where the policy allows it.
    ///
    /// # Errors
    /// No such object, a forbidden file, or a damaged structure on the way.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Result<Object> {
        Object::resolve(&self.core, self.core.root(), "/", path.as_ref())
    }

    /// The group at a path.
    ///
    /// # Errors
    /// As for [`File::get`], and if the object is not a group.
    pub fn group(&self, path: impl AsRef<[u8]>) -> Result<Group> {
        self.get(path)?.into_group()
    }

    /// The dataset at a path.
    ///
    /// # Errors
    /// As for [`File::get`], and if the object is not a dataset.
    pub fn dataset(&self, path: impl AsRef<[u8]>) -> Result<Dataset> {
        self.get(path)?.into_dataset()
    }

    /// The committed datatype at a path.
    ///
    /// # Errors
    /// As for [`File::get`], and if the object is not a committed datatype.
    pub fn named_datatype(&self, path: impl AsRef<[u8]>) -> Result<NamedDatatype> {
        self.get(path)?.into_named_datatype()
    }

    /// The object whose header is at an address, as links and references give it; `name` is what it is called in
    /// errors.
    ///
    /// # Errors
    /// There is no sound object header there.
    pub fn at_address(&self, address: Address, name: impl Into<String>) -> Result<Object> {
        Object::at(&self.core, address, name.into())
    }

    /// Opens another file that this one names, as this one was opened, if the policy allows it.
    ///
    /// # Errors
    /// The policy forbids it, there is no such file, or it can not be opened.
    pub fn open_other(&self, name: impl AsRef<[u8]>) -> Result<File> {
        self.core.open_other(ExternalKind::Link, name.as_ref()).map(|core| File { core })
    }

    /// Header of the root group.
    pub fn root_address(&self) -> Address {
        self.core.root()
    }

    /// The superblock: version, widths, K values, flags, base address.
    pub fn superblock(&self) -> &Superblock {
        &self.core.opened().superblock
    }

    /// What the superblock extension adds: file space handling, K values, shared messages, driver.
    pub fn opened(&self) -> &crate::graph::open::OpenedFile {
        self.core.opened()
    }

    /// Bytes before the superblock.
    pub fn user_block(&self) -> u64 {
        self.core.opened().user_block
    }

    /// What is odd about the file and did not keep it from being opened.
    pub fn warnings(&self) -> &[Error] {
        &self.core.opened().warnings
    }

    /// The level below objects: addresses, widths, bounds.
    pub fn context(&self) -> &FileContext {
        self.core.ctx()
    }
}

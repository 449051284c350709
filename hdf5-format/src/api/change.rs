//! Changing files: what creates, writes, links and deletes.
//!
//! Every change is seen at once through all handles of the file, and is in the file for good after
//! [`File::commit`].

use super::builder::{DatasetBuilder, GroupBuilder};
use super::dataset::Dataset;
use super::file::File;
use super::group::{Group, LinkKind};
use super::object::{NamedDatatype, Object, ObjectInfo};
use super::options::OpenOptions;
use super::put::put_raw;
use super::selection::Select;
use super::value::Value;
use super::write::{elements, with_values};
use crate::codec::Address;
use crate::dataset::file::{CoreOptions, FileCore};
use crate::dataset::stored::StoredDataset;
use crate::edit::{
    self, Condition, Durability, Editor, FileStyle, GroupStyle, NewAttribute, ObjectStyle, Recovery, Vacancy,
};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::AllocTime;
use crate::format::message::link::LinkValue;
use crate::graph::attributes::AttributeRecord;
use crate::graph::object_header::ObjectHeader;
use crate::graph::open;
use crate::io::{Storage, StorageMut};
use crate::sync::Mutex;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How a new file is made.
#[derive(Clone, Default)]
#[must_use]
pub struct CreateOptions {
    style: FileStyle,
    open: OpenOptions,
    durability: Durability,
}

impl CreateOptions {
    /// The defaults: readable by every library, no user block.
    pub fn new() -> Self {
        CreateOptions::default()
    }

    /// Versions of structures, user block, widths, and what else is fixed when a file is made.
    pub fn style(mut self, style: FileStyle) -> Self {
        self.style = style;
        self
    }

    /// Limits, filters, and the policy for other files.
    pub fn open_options(mut self, options: OpenOptions) -> Self {
        self.open = options;
        self
    }

    /// What a commit promises.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Creates a file on disk; what was there of that name is replaced. Of a file of several members the name is that of
    /// the first; the others are made beside it.
    ///
    /// # Errors
    /// The style contradicts itself, or the file can not be written or is open elsewhere.
    #[cfg(feature = "std")]
    pub fn create(self, path: impl AsRef<std::path::Path>) -> Result<File> {
        let path = path.as_ref();
        let storage = crate::io::DiskFileMut::create(path, self.open.locking)?;
        let file = match self.style.driver {
            None => crate::io::Cached::new(storage).and_then(|storage| self.create_in(storage)),
            Some(driver) => members(storage, path, driver).and_then(|storage| self.create_in(storage)),
        };
        let file = file.map_err(|e| e.on(path.display()))?;
        crate::io::sync_folder_of(path);
        Ok(file)
    }

    /// Creates a file on any storage, whose content goes. Of a file of several members it is that of all:
    /// [`Family`](crate::io::Family).
    ///
    /// # Errors
    /// The style contradicts itself, or the storage fails.
    pub fn create_in(self, storage: impl StorageMut + 'static) -> Result<File> {
        let CreateOptions { style, open, durability } = self;
        let mut editor = edit::create(Arc::new(storage), &style, open.limits.clone(), durability)?;
        editor.first_commit()?;
        start(editor, open)
    }
}

/// The members of a new file on disk, of which the first is there.
#[cfg(feature = "std")]
pub(super) fn members(
    first: crate::io::DiskFileMut,
    path: &std::path::Path,
    driver: edit::Driver,
) -> Result<Arc<dyn StorageMut>> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = crate::io::ExternalPolicy::Under(folder.unwrap_or(std::path::Path::new(".")).into());
    match driver {
        edit::Driver::Family { member_size } => open::new_family(Arc::new(first), &name, beside, member_size),
    }
}

fn start(editor: Editor, options: OpenOptions) -> Result<File> {
    let storage: Arc<dyn Storage> = editor.storage();
    let OpenOptions { limits, external, filters, name, reuse_space, .. } = options;
    let options = CoreOptions { limits, external, filters, salvage: false, name, joined: true };
    let gate = Arc::clone(editor.gate());
    let core = Arc::new(FileCore::open_changing(storage, options, Arc::new(Mutex::new(editor)), gate)?);
    if reuse_space {
        // Where what is free is not certain the file grows instead.
        let _ = super::space::reclaim(&core, &mut lock(&core)?.lock());
    }
    Ok(File { core })
}

impl OpenOptions {
    /// Opens a file on disk for reading and changing. A commit that was interrupted after it was durable is finished.
    ///
    /// # Errors
    /// As for [`OpenOptions::open`], and if the file may not be written, or is open elsewhere.
    #[cfg(feature = "std")]
    pub fn open_rw(mut self, path: impl AsRef<std::path::Path>) -> Result<File> {
        let path = path.as_ref();
        let storage = crate::io::Cached::new(crate::io::DiskFileMut::open(path, self.locking)?)?;
        self.name_after(path);
        self.open_rw_in(storage).map_err(|e| e.on(path.display()))
    }

    /// Opens a file on any storage for reading and changing.
    ///
    /// # Errors
    /// As for [`OpenOptions::open`], and if the storage fails, or the file is one that is not changed: split into members
    /// by what they hold, or open elsewhere.
    pub fn open_rw_in(self, storage: impl StorageMut + 'static) -> Result<File> {
        let (storage, _) = self.whole(Arc::new(storage))?;
        let how = open::OpenOptions { joined: true, ..Default::default() };
        let opened = open::open(Arc::new(Arc::clone(&storage)), self.limits.clone(), how)?;
        let editor = edit::open(storage, &opened, self.limits.clone(), Durability::Atomic)?;
        start(editor, self)
    }
}

impl OpenOptions {
    /// A file with all its members, after what is left of a commit was finished: what that was.
    pub(super) fn whole(&self, first: Arc<dyn StorageMut>) -> Result<(Arc<dyn StorageMut>, Recovery)> {
        let join = || open::writable(&first, self.name.as_deref(), &self.external, &self.limits);
        let joined = join()?;
        let found = edit::recover(&joined.storage)?;
        // What was put in place tells what the members are.
        let joined = if joined.certain { joined } else { join()? };
        Ok((joined.storage, found))
    }
}

impl File {
    /// Creates a file on disk that every library reads; what was there of that name is replaced.
    ///
    /// # Errors
    /// As for [`CreateOptions::create`].
    #[cfg(feature = "std")]
    pub fn create(path: impl AsRef<std::path::Path>) -> Result<File> {
        CreateOptions::new().create(path)
    }

    /// Opens a file on disk for reading and changing.
    ///
    /// # Errors
    /// As for [`OpenOptions::open_rw`].
    #[cfg(feature = "std")]
    pub fn open_rw(path: impl AsRef<std::path::Path>) -> Result<File> {
        OpenOptions::new().open_rw(path)
    }

    /// True if the file may be changed through this handle.
    pub fn is_writable(&self) -> bool {
        self.core.changer::<Mutex<Editor>>().is_some()
    }

    /// Makes all changes since the last commit durable: after a crash the file has all of them or none.
    ///
    /// # Errors
    /// The file is open for reading only, or the storage fails; the error says which state the file is in.
    pub fn commit(&self) -> Result<()> {
        let mut editor = lock(&self.core)?.lock();
        editor.check_sound()?;
        editor.commit()
    }

    /// Whether changes and commits are possible, as after a change or a commit that failed.
    ///
    /// # Errors
    /// The file is open for reading only.
    pub fn condition(&self) -> Result<Condition> {
        Ok(lock(&self.core)?.lock().condition())
    }

    /// Closes the file for all its handles, and lets other programs have it, as dropping the last handle does. What was
    /// not committed is lost, and everything that reads or changes the file is refused from then on. Files in memory that
    /// are open for reading only stay as they are.
    pub fn close(&self) {
        match self.core.changer::<Mutex<Editor>>() {
            Some(editor) => editor.lock().close(),
            None => self.core.ctx().storage().close(),
        }
    }

    /// Takes back all changes since the last commit.
    ///
    /// # Errors
    /// The file is open for reading only, or a commit failed at its end.
    pub fn rollback(&self) -> Result<()> {
        lock(&self.core)?.lock().rollback()
    }
}

pub(super) fn lock(core: &FileCore) -> Result<&Mutex<Editor>> {
    core.changer().ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "the file is open for reading only").with_hint("open it with File::open_rw")
    })
}

/// The header of an object of a file that is being changed, from memory where that is possible at once.
pub(super) fn header_now(core: &FileCore, address: Address) -> Result<Arc<ObjectHeader>> {
    let editor = core.changer::<Mutex<Editor>>().and_then(Mutex::try_lock);
    let kept = editor.and_then(|editor| edit::kept_header(&editor, address));
    kept.map_or_else(|| ObjectHeader::load(core.ctx(), address).map(Arc::new), Ok)
}

/// One change: if it fails after it began, nothing but a rollback is possible.
pub(super) fn change<R>(core: &FileCore, work: impl FnOnce(&mut Editor) -> Result<R>) -> Result<R> {
    let mut editor = lock(core)?.lock();
    editor.check_sound()?;
    let before = editor.changes();
    let result = editor.exclusively(work);
    if result.is_err() && editor.changes() != before {
        editor.mark_unsound();
    }
    result
}

/// Gives back what only an attribute that is gone used.
fn give_back(editor: &mut Editor, core: &Arc<FileCore>, attribute: &AttributeRecord) -> Result<()> {
    let values = edit::values_of(core, attribute)?;
    if !edit::drop_attribute(editor, attribute)? {
        return Ok(());
    }
    values.release(editor)?;
    attribute.datatype.committed.map_or(Ok(()), |datatype| edit::drop_link(editor, core, datatype))
}

/// A path split into the group's path and the last name.
pub(super) fn split(path: &[u8]) -> Result<(&[u8], &[u8])> {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |last| last.saturating_add(1));
    let path = path.get(..end).unwrap_or(&[]);
    let slash = path.iter().rposition(|&b| b == b'/');
    let (parent, name) = match slash {
        None => (&[][..], path),
        Some(at) => path.split_at(at.saturating_add(1)),
    };
    edit::check_link_name(name)?;
    Ok((parent, name))
}

impl Group {
    /// Creates a group at a path from this one; the groups on the way must exist.
    ///
    /// # Errors
    /// The name is no name or is taken, a group on the way is missing, or the file is open for reading only.
    pub fn create_group(&self, path: impl AsRef<[u8]>) -> Result<Group> {
        self.create_group_with(path, &GroupStyle::default())
    }

    /// Creates a group of a style.
    ///
    /// # Errors
    /// As for [`Group::create_group`].
    pub fn create_group_with(&self, path: impl AsRef<[u8]>, style: &GroupStyle) -> Result<Group> {
        self.new_group().style(style).create(path)
    }

    /// Starts the description of a new group.
    pub fn new_group(&self) -> GroupBuilder<'_> {
        GroupBuilder::new(self)
    }

    /// Makes an object and its link.
    pub(super) fn create(
        &self,
        path: &[u8],
        make: impl FnOnce(&mut Editor) -> Result<Arc<ObjectHeader>>,
    ) -> Result<Object> {
        let (parent, name) = split(path).map_err(|e| e.on(self.path()))?;
        let parent = self.parent(parent)?;
        let shown = parent.child_path(name);
        let header = change(&self.core, |editor| {
            let vacancy = Vacancy::find(editor, parent.address(), name)?;
            let header = make(editor)?;
            vacancy.fill(editor, LinkValue::Hard(header.address), Some(&header))?;
            Ok(header)
        });
        let header = header.map_err(|e| e.on(&shown))?;
        Object::new(ObjectInfo::new(Arc::clone(&self.core), shown, header))
    }

    /// The group at a path from this one; "" is this one.
    pub(super) fn parent(&self, path: &[u8]) -> Result<Group> {
        if path.is_empty() { Ok(self.clone()) } else { self.group(path) }
    }

    /// Adds a link to an object of this file, given by its group, dataset, or any other handle of it.
    ///
    /// # Errors
    /// As for [`Group::create_group`], and if the object is of another file.
    pub fn link_object(&self, path: impl AsRef<[u8]>, object: impl AsRef<ObjectInfo>) -> Result<()> {
        let object = object.as_ref();
        if !Arc::ptr_eq(&self.core, &object.core) {
            return Err(Error::new(ErrorKind::Invalid, "the object is in another file")
                .with_hint("an external link can point at it"));
        }
        let address = object.address();
        self.add_link(path.as_ref(), |editor, parent, name| {
            edit::link(editor, parent, name, LinkValue::Hard(address))?;
            edit::add_link(editor, address)
        })
    }

    /// Adds a link to a path, which need not lead anywhere yet.
    ///
    /// # Errors
    /// As for [`Group::create_group`].
    pub fn link_path(&self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<()> {
        let value = LinkValue::Soft(target.as_ref().to_vec());
        self.add_link(path.as_ref(), |editor, parent, name| edit::link(editor, parent, name, value))
    }

    /// Adds a link to a path in another file, which need not exist yet.
    ///
    /// # Errors
    /// As for [`Group::create_group`].
    pub fn link_external(
        &self,
        path: impl AsRef<[u8]>,
        file: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
    ) -> Result<()> {
        let value = LinkValue::External { file: file.as_ref().to_vec(), path: target.as_ref().to_vec() };
        self.add_link(path.as_ref(), |editor, parent, name| edit::link(editor, parent, name, value))
    }

    fn add_link(&self, path: &[u8], add: impl FnOnce(&mut Editor, Address, &[u8]) -> Result<()>) -> Result<()> {
        let (parent, name) = split(path).map_err(|e| e.on(self.path()))?;
        let parent = self.parent(parent)?;
        change(&self.core, |editor| add(editor, parent.address(), name)).map_err(|e| e.on(parent.child_path(name)))
    }
}

impl Dataset {
    /// Writes elements as they are stored to the selected places, in C order of the selection; to points in theirs.
    ///
    /// # Errors
    /// The selection does not fit the shape or names an element twice, the bytes do not fit the selection, other files that
    /// hold the elements may not be written, or the file is open for reading only.
    pub fn write_raw(&self, selection: impl Into<Select>, bytes: &[u8]) -> Result<()> {
        change(&self.core, |editor| {
            let mut header = ObjectHeader::clone(&*edit::look_at_header(editor, self.address())?);
            let stored = StoredDataset::load(&self.core, &header)?;
            let (wanted, _) = selection.into().resolve_once(&stored.dataspace.dims)?;
            put_raw(&self.core, editor, &mut header, (&stored, &wanted), bytes, self.conversion)
        })
        .map_err(|e| e.on(self.path()))
    }
}

impl Dataset {
    /// Gives the dataset another extent, within its maxshape. What is cut off is lost; what is new holds the fill value.
    ///
    /// # Errors
    /// The extent has another rank or exceeds maxshape, the dataset is not chunked, or the file is open for reading
    /// only.
    pub fn resize(&mut self, shape: &[u64]) -> Result<()> {
        let done = change(&self.core, |editor| {
            let (mut header, stored) = self.latest(editor)?;
            self.resized(editor, &mut header, &stored, shape)
        });
        let resized = done.map_err(|e| e.on(self.path()))?;
        self.set_stored(resized);
        Ok(())
    }

    /// Gives the dataset another extent: the dataset with it.
    pub(super) fn resized(
        &self,
        editor: &mut Editor,
        header: &mut ObjectHeader,
        stored: &StoredDataset,
        shape: &[u64],
    ) -> Result<StoredDataset> {
        edit::resize(editor, header, stored, shape)?;
        let resized = StoredDataset::load(&self.core, header)?;
        if resized.fill.alloc_time != AllocTime::Early {
            return Ok(resized);
        }
        edit::allocate_elements(editor, header, &resized)?;
        StoredDataset::load(&self.core, header)
    }
}

/// Values as stored elements; what they keep in the heap is written.
pub(super) fn encode(core: &FileCore, datatype: &Datatype, values: &[Value]) -> Result<Vec<u8>> {
    with_values(datatype, values, |values| elements(core, datatype, values))
}

impl Group {
    /// Starts the description of a new dataset with elements of a type.
    pub fn new_dataset(&self, datatype: Datatype) -> DatasetBuilder<'_> {
        DatasetBuilder::new(self, datatype)
    }

    /// Gives a datatype a name, so that datasets and attributes can share it.
    ///
    /// # Errors
    /// As for [`Group::create_group`].
    pub fn commit_datatype(&self, path: impl AsRef<[u8]>, datatype: &Datatype) -> Result<NamedDatatype> {
        self.create(path.as_ref(), |editor| edit::commit_datatype(editor, datatype, &ObjectStyle::default()))?
            .into_named_datatype()
    }

    /// Takes a link away. The object goes with its last hard link, and all that only it holds. References that led to it
    /// lead nowhere from then on, until another object is where it was.
    ///
    /// # Errors
    /// There is no such link, the object's storage is damaged, or the file is open for reading only.
    pub fn delete(&self, path: impl AsRef<[u8]>) -> Result<()> {
        let (parent, name) = split(path.as_ref()).map_err(|e| e.on(self.path()))?;
        let parent = self.parent(parent)?;
        let done = change(&self.core, |editor| {
            let link = edit::unlink(editor, parent.address(), name)?;
            match link.target {
                LinkValue::Hard(address) => edit::drop_link(editor, &self.core, address),
                _ => Ok(()),
            }
        });
        done.map_err(|e| e.on(parent.child_path(name)))
    }

    /// Gives a link another name or another group; the object stays what and where it is.
    ///
    /// # Errors
    /// There is no link of the old name, or one of the new; a group is missing; or the file is open for reading only.
    pub fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<()> {
        let (from_parent, from_name) = split(from.as_ref()).map_err(|e| e.on(self.path()))?;
        let (to_parent, to_name) = split(to.as_ref()).map_err(|e| e.on(self.path()))?;
        let (from_parent, to_parent) = (self.parent(from_parent)?, self.parent(to_parent)?);
        let link = from_parent.link(from_name)?;
        if to_parent.link(to_name).is_ok() {
            let shown = to_parent.child_path(to_name);
            return Err(Error::new(ErrorKind::Conflict, "there is an object of this name").on(shown));
        }
        let target = LinkValue::from(link.kind);
        let done = change(&self.core, |editor| {
            edit::link(editor, to_parent.address(), to_name, target)?;
            edit::unlink(editor, from_parent.address(), from_name).map(|_| ())
        });
        done.map_err(|e| e.on(from_parent.child_path(from_name)))
    }
}

impl From<LinkKind> for LinkValue {
    fn from(kind: LinkKind) -> Self {
        match kind {
            LinkKind::Hard(address) => LinkValue::Hard(address),
            LinkKind::Soft(path) => LinkValue::Soft(path),
            LinkKind::External { file, path } => LinkValue::External { file, path },
            LinkKind::UserDefined { class, data } => LinkValue::UserDefined { class, data },
        }
    }
}

impl ObjectInfo {
    /// Sets an attribute to elements as they are stored, new or in the place of the one of its name; `shape` is `None`
    /// for no elements, empty for one.
    ///
    /// # Errors
    /// The name is no name, the bytes do not fit the shape, the attribute is too long for the object, or the file is
    /// open for reading only.
    pub fn set_attr_raw(
        &self,
        name: impl AsRef<[u8]>,
        datatype: &Datatype,
        shape: Option<&[u64]>,
        data: &[u8],
    ) -> Result<()> {
        self.put_attr(name.as_ref(), (datatype, None), shape, data)
    }

    /// Sets an attribute that uses a committed datatype to values: see [`set_attr_raw`](Self::set_attr_raw).
    ///
    /// # Errors
    /// As for [`set_attr_values`](Self::set_attr_values).
    pub fn set_attr_committed(
        &self,
        name: impl AsRef<[u8]>,
        datatype: &NamedDatatype,
        shape: Option<&[u64]>,
        values: &[Value],
    ) -> Result<()> {
        let bytes = encode(&self.core, datatype.dtype(), values).map_err(|e| e.on(self.path()))?;
        self.put_attr(name.as_ref(), (datatype.dtype(), Some(datatype.address())), shape, &bytes)
    }

    fn put_attr(
        &self,
        name: &[u8],
        (datatype, committed): (&Datatype, Option<Address>),
        shape: Option<&[u64]>,
        data: &[u8],
    ) -> Result<()> {
        let named = |e: Error| e.on(format!("{}@{}", self.path(), super::group::shown(name)));
        let count = shape.map_or(Some(0), |dims| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d)));
        let expected = count.and_then(|n| n.checked_mul(datatype.size.into()));
        if expected != Some(data.len() as u64) {
            let text = format!("{} bytes for a value of {expected:?} bytes", data.len());
            return Err(named(Error::new(ErrorKind::Shape, text)));
        }
        change(&self.core, |editor| {
            let dataspace = edit::dataspace(editor, shape, None);
            let new = NewAttribute { name, datatype, committed, dataspace: &dataspace, data };
            committed.map_or(Ok(()), |datatype| edit::add_link(editor, datatype))?;
            let old = edit::set_attribute(editor, self.address(), &new)?;
            old.map_or(Ok(()), |old| give_back(editor, &self.core, &old))
        })
        .map_err(named)
    }

    /// Sets an attribute to values: see [`set_attr_raw`](Self::set_attr_raw).
    ///
    /// # Errors
    /// As for [`set_attr_raw`](Self::set_attr_raw), and if a value is of another kind than the type or does not fit it.
    pub fn set_attr_values(
        &self,
        name: impl AsRef<[u8]>,
        datatype: &Datatype,
        shape: Option<&[u64]>,
        values: &[Value],
    ) -> Result<()> {
        let bytes = encode(&self.core, datatype, values).map_err(|e| e.on(self.path()))?;
        self.set_attr_raw(name, datatype, shape, &bytes)
    }

    /// Takes an attribute away.
    ///
    /// # Errors
    /// There is none of this name, or the file is open for reading only.
    pub fn delete_attr(&self, name: impl AsRef<[u8]>) -> Result<()> {
        let name = name.as_ref();
        change(&self.core, |editor| {
            let old = edit::remove_attribute(editor, self.address(), name)?;
            give_back(editor, &self.core, &old)
        })
        .map_err(|e| e.on(self.path()))
    }

    /// Gives an attribute another name.
    ///
    /// # Errors
    /// There is none of the old name, or one of the new, or the file is open for reading only.
    pub fn rename_attr(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<()> {
        change(&self.core, |editor| edit::rename_attribute(editor, self.address(), from.as_ref(), to.as_ref()))
            .map_err(|e| e.on(self.path()))
    }
}

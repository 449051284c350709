//! Stores: files of objects.

mod edit;
mod migrate;
mod options;
mod save;

pub use edit::Handle;
pub use options::{Access, Mode, StoreOptions};
pub use save::{load, load_value, save, save_value};

use crate::access::{ArrayView, Shared, Slot};
use crate::dialect::{Dialect, Reading, Writing};
use crate::registry::RegistryStack;
use crate::types::{Dumping, Loading, Persist};
use crate::value::{Tag, Value};
use hdf5_format::{Address, Dataset, Error, ErrorKind, File, Group, LinkKind, Object, Result};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// A file of objects.
///
/// Nothing that was stored is in the file before [`commit`](Store::commit) or [`close`](Store::close); a program that ends
/// without them leaves the file as it was. Clones are the same store.
///
/// ```
/// use hdf5_persist::{Mode, Store};
///
/// # fn main() -> hdf5_persist::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("persist-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("store.h5");
/// let store = Store::create(&path)?;
/// store.put("speeds", &vec![1.5, 2.5])?;
/// store.put("name", &"first run".to_string())?;
/// store.close()?;
///
/// let store = Store::open(&path, Mode::Read)?;
/// let speeds: Vec<f64> = store.get("speeds")?;
/// assert_eq!(speeds, [1.5, 2.5]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Store(Arc<Inner>);

/// A store that others keep open.
#[derive(Clone)]
pub(crate) struct WeakStore(Weak<Inner>);

struct Inner {
    file: File,
    root: OnceLock<Group>,
    /// The store opened the file.
    owns: bool,
    dialect: Arc<dyn Dialect>,
    registries: RegistryStack,
    access: Access,
    state: Mutex<State>,
    /// The arrays that were looked at, by their place in the file: all views of one are the same.
    views: Mutex<BTreeMap<Address, Shared>>,
}

#[derive(Default)]
struct State {
    /// Paths of slots that wait for their values; those of the last commit.
    delayed: Vec<String>,
    committed: Vec<String>,
    /// Slots that have their places since the last commit.
    bound: Vec<Slot>,
    /// What a new file is renamed to by the first commit.
    replacing: Option<save::Replacing>,
    closed: bool,
}

/// What closing a store tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Closed {
    /// Paths of delayed values that were never filled.
    pub unfilled: Vec<String>,
}

impl WeakStore {
    /// The store, while it is open.
    pub(crate) fn upgrade(&self) -> Option<Store> {
        let store = Store(self.0.upgrade()?);
        let open = !store.state().closed;
        open.then_some(store)
    }
}

impl Store {
    /// Creates a file of the native dialect; an existing one is replaced by the first commit.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: impl AsRef<std::path::Path>) -> Result<Store> {
        StoreOptions::new().open(path, Mode::Write)
    }

    /// Opens a file in one of the four modes; the dialect is found by its marks.
    ///
    /// # Errors
    /// The file cannot be opened in this mode.
    pub fn open(path: impl AsRef<std::path::Path>, mode: Mode) -> Result<Store> {
        StoreOptions::new().open(path, mode)
    }

    /// Registries, dialect and access to be chosen.
    pub fn options() -> StoreOptions {
        StoreOptions::new()
    }

    fn start(
        (file, owns): (File, bool),
        options: &StoreOptions,
        dialect: Arc<dyn Dialect>,
        replacing: Option<save::Replacing>,
    ) -> Store {
        Store(Arc::new(Inner {
            file,
            root: OnceLock::new(),
            owns,
            dialect,
            registries: options.registries.clone(),
            access: options.access,
            state: Mutex::new(State { replacing, ..State::default() }),
            views: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is a single step.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.0.file
    }

    /// How values are laid out.
    pub fn dialect(&self) -> &dyn Dialect {
        self.0.dialect.as_ref()
    }

    /// The registries that dump and load.
    pub fn registries(&self) -> &RegistryStack {
        &self.0.registries
    }

    /// The names of what the root holds, in order.
    ///
    /// # Errors
    /// The root is damaged.
    pub fn keys(&self) -> Result<Vec<String>> {
        self.readable()?;
        Ok(self.root()?.keys())
    }

    /// True if there is something at a path.
    pub fn contains(&self, path: &str) -> bool {
        self.root().is_ok_and(|root| root.contains(path))
    }

    /// Stores a value under a new name; groups on the way must exist.
    ///
    /// # Errors
    /// The value cannot be dumped, the dialect has no form for it, the name is taken, or the file is for reading only.
    /// Nothing is changed then.
    pub fn put<T: Persist>(&self, path: &str, value: &T) -> Result<()> {
        let value = value.dump(&mut Dumping::new(&self.0.registries)).map_err(|e| e.on(path))?;
        self.put_value(path, value)
    }

    /// Stores a value of a type that registries dump.
    ///
    /// # Errors
    /// As for [`put`](Store::put), and if no registry dumps the type.
    pub fn put_registered<T: Any>(&self, path: &str, value: &T) -> Result<()> {
        let value = Dumping::new(&self.0.registries).registered(value).map_err(|e| e.on(path))?;
        self.put_value(path, value)
    }

    /// Stores a value of the model.
    ///
    /// # Errors
    /// As for [`put`](Store::put).
    pub fn put_value(&self, path: &str, value: Value) -> Result<()> {
        self.put_values([(path, value)])
    }

    /// Stores values under new names; what they share, they share in the file.
    ///
    /// # Errors
    /// As for [`put`](Store::put).
    pub fn put_values<P: AsRef<str>>(&self, values: impl IntoIterator<Item = (P, Value)>) -> Result<()> {
        let mut checked: Vec<(String, Group, String, Value)> = Vec::new();
        for (path, value) in values {
            let path = path.as_ref().to_owned();
            let (group, name) = self.place(&path)?;
            if group.link(&name).is_ok() || checked.iter().any(|(known, ..)| *known == path) {
                return Err(Error::new(ErrorKind::Conflict, "there is something of this name").on(path));
            }
            self.0.dialect.check(&name, &value, false).map_err(|e| e.on(&path))?;
            self.writable(&path)?;
            checked.push((path, group, name, value));
        }
        self.write(&checked)
    }

    /// Writes checked values; what was written of them goes if that fails.
    fn write(&self, values: &[(String, Group, String, Value)]) -> Result<()> {
        let mut writing = Writing::default();
        for (at, (path, group, name, value)) in values.iter().enumerate() {
            let Err(error) = self.0.dialect.write(&mut writing, group, name, value) else { continue };
            for (_, group, name, _) in values.iter().take(at.saturating_add(1)) {
                if group.link(name).is_ok() {
                    // The error that matters is the first one.
                    let _ = group.delete(name);
                }
            }
            return Err(error.on(path));
        }
        let weak = WeakStore(Arc::downgrade(&self.0));
        for (path, slot) in writing.delayed {
            slot.bind(weak.clone(), path.clone());
            let mut state = self.state();
            state.bound.push(slot);
            if !state.delayed.contains(&path) {
                state.delayed.push(path);
            }
        }
        Ok(())
    }

    /// A path's group and last name.
    fn place(&self, path: &str) -> Result<(Group, String)> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let group = if parent.trim_matches('/').is_empty() { self.root()? } else { self.0.file.group(parent)? };
        Ok((group, name.into()))
    }

    /// The root group.
    fn root(&self) -> Result<Group> {
        if let Some(root) = self.0.root.get() {
            return Ok(root.clone());
        }
        let root = self.0.file.root()?;
        Ok(self.0.root.get_or_init(|| root).clone())
    }

    fn readable(&self) -> Result<()> {
        if self.0.owns && self.state().closed { Err(closed()) } else { Ok(()) }
    }

    fn writable(&self, path: &str) -> Result<()> {
        if self.state().closed {
            return Err(closed().on(path));
        }
        if !self.0.file.is_writable() {
            let error = Error::new(ErrorKind::Conflict, "the store is open for reading only");
            return Err(error.with_hint("open it with Mode::ReadWrite").on(path));
        }
        Ok(())
    }

    /// Reads a value.
    ///
    /// # Errors
    /// There is nothing at the path, it is of another kind, or no loader understands it.
    pub fn get<T: Persist>(&self, path: &str) -> Result<T> {
        let value = self.value(path)?;
        Loading::new(&self.0.registries).load(value).map_err(|e| e.on(path))
    }

    /// Reads a value of a type that registries load.
    ///
    /// # Errors
    /// As for [`get`](Store::get), and if no registry loads its label, or the loader makes another type.
    pub fn get_registered<T: Any>(&self, path: &str) -> Result<T> {
        let value = self.value(path)?;
        Loading::new(&self.0.registries).registered(value).map_err(|e| e.on(path))
    }

    /// Reads a value, of the type that its loader makes.
    ///
    /// # Errors
    /// As for [`get_registered`](Store::get_registered).
    pub fn get_any(&self, path: &str) -> Result<Box<dyn Any>> {
        let value = self.value(path)?;
        Loading::new(&self.0.registries).any(value).map_err(|e| e.on(path))
    }

    /// Reads a value of the model, whatever it is.
    ///
    /// # Errors
    /// There is nothing at the path, or it is damaged.
    pub fn value(&self, path: &str) -> Result<Value> {
        self.flush()?;
        let object = self.object_at(path)?;
        let lazy = self.0.access == Access::Lazy;
        self.0.dialect.read(&mut Reading::new(Some(self.clone()), lazy), object).map_err(|e| e.on(path))
    }

    /// All values of the root by name, and the links among them: what they share, they share.
    ///
    /// # Errors
    /// Something is damaged.
    pub fn values(&self) -> Result<Vec<(String, Value)>> {
        self.flush()?;
        let mut reading = Reading::new(Some(self.clone()), self.0.access == Access::Lazy);
        let mut values = Vec::new();
        for member in self.root()?.iter() {
            let member = member?;
            let value = match member.link.kind {
                LinkKind::Hard(_) => self.0.dialect.read(&mut reading, member.object?)?,
                ref kind => crate::dialect::raw::link_value(kind.clone())?,
            };
            values.push((member.link.display_name(), value));
        }
        Ok(values)
    }

    fn object_at(&self, path: &str) -> Result<Object> {
        self.readable()?;
        if path.trim_matches('/').is_empty() { self.0.file.root_object() } else { self.0.file.get(path) }
    }

    /// What the object at a path is, without reading it.
    ///
    /// # Errors
    /// There is nothing at the path, or its header is damaged.
    pub fn tag(&self, path: &str) -> Result<Option<Tag>> {
        Ok(self.0.dialect.tag(&self.object_at(path)?))
    }

    /// The array at a path, which stays in its file.
    ///
    /// # Errors
    /// There is no array.
    pub fn array(&self, path: &str) -> Result<ArrayView> {
        self.readable()?;
        Ok(self.view(self.0.file.dataset(path)?))
    }

    /// The view of a dataset that all have.
    pub(crate) fn view(&self, dataset: Dataset) -> ArrayView {
        let mut views = self.views();
        // Those that nobody else has are of no use, once they wait for nothing.
        views.retain(|_, view| Arc::strong_count(view) > 1 || view.lock().is_ok_and(|view| view.waits()));
        let view = views.get(&dataset.address()).map(ArrayView::of_shared);
        view.unwrap_or_else(|| {
            let address = dataset.address();
            let view = ArrayView::waiting(dataset);
            views.insert(address, Arc::clone(view.shared()));
            view
        })
    }

    fn views(&self) -> MutexGuard<'_, BTreeMap<Address, Shared>> {
        self.0.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the rows that wait in views.
    fn flush(&self) -> Result<()> {
        let views: Vec<Shared> = self.views().values().cloned().collect();
        views.iter().try_for_each(|view| view.lock().unwrap_or_else(PoisonError::into_inner).flush())
    }

    /// The slot of something that is there, to be read later.
    pub(crate) fn later(&self, path: String) -> Slot {
        Slot::unread(self.clone(), path)
    }

    /// Takes a path off the list of those that wait.
    pub(crate) fn filled(&self, path: &str) {
        self.state().delayed.retain(|waiting| waiting != path);
    }

    /// Paths of delayed values that wait to be filled.
    pub fn unfilled(&self) -> Vec<String> {
        let waiting = self.state().delayed.clone();
        // What held the others was taken away, or never committed.
        let waits = |path: &String| self.place(path).is_ok_and(|(group, name)| group.link(&name).is_err());
        waiting.into_iter().filter(waits).collect()
    }

    /// Makes what was stored since the last commit part of the file: all of it, or nothing.
    ///
    /// # Errors
    /// The disk fails; the file is as it was.
    pub fn commit(&self) -> Result<()> {
        self.flush()?;
        self.0.file.commit()?;
        // A new file takes its name when it is whole. If it cannot, the next commit tries again.
        let mut state = self.state();
        state.committed = state.delayed.clone();
        state.bound.clear();
        if let Some(replacing) = &mut state.replacing {
            replacing.finish()?;
            state.replacing = None;
        }
        Ok(())
    }

    /// Forgets what was stored since the last commit. Delayed values that got their places since have none again; those
    /// that were filled since are unfilled in the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn rollback(&self) -> Result<()> {
        self.0.file.rollback()?;
        let views: Vec<Shared> = std::mem::take(&mut *self.views()).into_values().collect();
        // Of what was new nothing is left to be looked at.
        views.iter().for_each(|view| drop(view.lock().unwrap_or_else(PoisonError::into_inner).roll_back()));
        let mut state = self.state();
        state.delayed = state.committed.clone();
        std::mem::take(&mut state.bound).iter().for_each(Slot::unbind);
        Ok(())
    }

    /// Commits, tells which delayed values were never filled, and lets other programs have the file. Its clones,
    /// [`Handle`]s, views of arrays and values on demand are refused from here on. A store over a file that was given to it
    /// leaves that open, and refuses changes only.
    ///
    /// # Errors
    /// As for [`commit`](Store::commit).
    pub fn close(self) -> Result<Closed> {
        if self.0.file.is_writable() {
            self.commit()?;
        }
        let unfilled = self.unfilled();
        self.state().closed = true;
        if self.0.owns {
            self.0.file.close();
        }
        Ok(Closed { unfilled })
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Conflict, "the store is closed")
}

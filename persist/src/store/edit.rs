//! Changes of what is stored.

use super::Store;
use crate::dialect::raw;
use crate::types::{Dumping, Loading, Persist, Place};
use crate::value::{Attrs, Tag, Value};
use hdf5_format::{Error, ErrorKind, Object, Result};

/// An object of a store, of which single fields are read and written.
#[derive(Clone)]
pub struct Handle {
    store: Store,
    path: String,
}

impl Store {
    /// The object at a path, to read and write single fields of it.
    ///
    /// # Errors
    /// There is nothing at the path.
    pub fn object(&self, path: &str) -> Result<Handle> {
        self.object_at(path)?;
        Ok(Handle { store: self.clone(), path: path.trim_matches('/').into() })
    }

    /// Stores a value at a path instead of what is there, if anything is.
    ///
    /// # Errors
    /// As for [`put`](Store::put). What is there stays then.
    pub fn replace<T: Persist>(&self, path: &str, value: &T) -> Result<()> {
        let value = value.dump(&mut Dumping::new(self.registries())).map_err(|e| e.on(path))?;
        self.set_value(path, value)
    }

    /// Stores a value of the model at a path instead of what is there, if anything is.
    ///
    /// # Errors
    /// As for [`replace`](Store::replace).
    pub fn set_value(&self, path: &str, value: Value) -> Result<()> {
        let (group, name) = self.place(path)?;
        if group.link(&name).is_err() {
            return self.put_value(path, value);
        }
        self.set_values(vec![(path.to_owned(), value)])
    }

    /// Stores values instead of what is at their paths; what they share, they share in the file.
    ///
    /// # Errors
    /// As for [`replace`](Store::replace).
    pub(super) fn set_values(&self, values: Vec<(String, Value)>) -> Result<()> {
        let mut new = Vec::new();
        for (path, value) in values {
            let (group, name) = self.place(&path)?;
            self.0.dialect.check(&name, &value, false).map_err(|e| e.on(&path))?;
            self.writable(&path)?;
            // What is to be written may be what is there.
            let value = value.read_now().map_err(|e| e.on(&path))?;
            self.forget_views(&path)?;
            new.push((path, group, name, value));
        }
        // The old values stay until the new ones are there.
        let mut aside = Vec::new();
        let set_aside = new.iter().try_for_each(|(_, group, name, _)| {
            let spare = spare(|name| group.link(name).is_ok());
            group.rename(name, &spare)?;
            aside.push((group.clone(), name.clone(), spare));
            Ok(())
        });
        if let Err(error) = set_aside.and_then(|()| self.write(&new)) {
            aside.iter().try_for_each(|(group, name, spare)| group.rename(spare, name))?;
            return Err(error);
        }
        aside.iter().try_for_each(|(group, _, spare)| group.delete(spare))
    }

    /// An array that takes the place of one like it is stored as that one is: in chunks, by filters, able to grow.
    pub(crate) fn stored_alike(&self, path: &str, value: Value) -> Value {
        let Value::Array(array) = value else { return value };
        match self.object_at(path) {
            Ok(Object::Dataset(old)) if old.dtype() == array.dtype() && old.shape().len() == array.shape().len() => {
                let mut storage = raw::read_storage(&old);
                for (most, now) in storage.maxshape.iter_mut().flatten().zip(array.shape()) {
                    *most = most.map(|most| most.max(*now));
                }
                let max = storage.maxshape.as_deref();
                storage.chunks = storage.chunks.map(|chunk| raw::within(chunk, array.shape(), max));
                raw::dataset_value(array, Attrs::new(), storage)
            }
            _ => Value::Array(array),
        }
    }

    /// Takes away what is at a path.
    ///
    /// # Errors
    /// There is nothing, or the file is for reading only.
    pub fn remove(&self, path: &str) -> Result<()> {
        self.writable(path)?;
        self.forget_views(path)?;
        self.0.file.root()?.delete(path)
    }

    /// Writes what waits, and forgets the views of what is about to go.
    fn forget_views(&self, path: &str) -> Result<()> {
        self.flush()?;
        let going = self.object_at(path);
        let mut views = self.views();
        if let Ok(object) = &going {
            views.remove(&object.info().address());
        }
        if let Ok(Object::Group(group)) = going {
            group.walk().flatten().for_each(|object| drop(views.remove(&object.info().address())));
        }
        Ok(())
    }

    /// Makes a group without a tag, which holds other objects.
    ///
    /// # Errors
    /// The name is taken, or the file is for reading only.
    pub fn create_group(&self, path: &str) -> Result<()> {
        self.writable(path)?;
        self.0.file.create_group(path).map(|_| ())
    }

    /// The objects of the store that have a tag, and their tags.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn objects(&self) -> Result<Vec<(String, Tag)>> {
        let mut found = Vec::new();
        for object in self.0.file.root()?.walk() {
            let object = object?;
            if let Some(tag) = self.0.dialect.tag(&object) {
                found.push((object.info().path().to_owned(), tag));
            }
        }
        Ok(found)
    }
}

/// A name that nothing has.
fn spare(taken: impl Fn(&str) -> bool) -> String {
    let mut number = 0u32;
    loop {
        let name = format!(".old{number}");
        if !taken(&name) {
            return name;
        }
        number = number.wrapping_add(1);
    }
}

impl Handle {
    /// The path of the object.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is.
    ///
    /// # Errors
    /// Its header is damaged.
    pub fn tag(&self) -> Result<Option<Tag>> {
        self.store.tag(&self.path)
    }

    fn object(&self) -> Result<Object> {
        self.store.object_at(&self.path)
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// The names of its fields: attributes, then members.
    ///
    /// # Errors
    /// It is damaged.
    pub fn fields(&self) -> Result<Vec<String>> {
        let object = self.object()?;
        let mut names = Vec::new();
        for attribute in object.info().attributes()? {
            let attribute = attribute?;
            if self.store.dialect().read_attr(&attribute)?.is_some() {
                names.push(attribute.display_name());
            }
        }
        if let Object::Group(group) = &object {
            names.extend(group.keys());
        }
        Ok(names)
    }

    fn place_of(&self, name: &str) -> Result<Option<Place>> {
        let object = self.object()?;
        if let Object::Group(group) = &object
            && group.link(name).is_ok()
        {
            return Ok(Some(Place::Member));
        }
        Ok(object.info().attribute(name).is_ok().then_some(Place::Attr))
    }

    /// Reads one field.
    ///
    /// # Errors
    /// There is none of this name, or it is of another kind.
    pub fn get<T: Persist>(&self, name: &str) -> Result<T> {
        match self.place_of(name)? {
            Some(Place::Attr) => {
                let attribute = self.object()?.info().attribute(name)?;
                let value = self.store.dialect().read_attr(&attribute)?.unwrap_or_default();
                Loading::new(self.store.registries()).load(value).map_err(|e| e.on(self.below(name)))
            }
            _ => self.store.get(&self.below(name)),
        }
    }

    /// Writes one field, and nothing else; a field that is there is replaced where it is, an array in the chunks and by the
    /// filters that it had.
    ///
    /// # Errors
    /// The dialect has no form for the value, or the file is for reading only. The field is as it was then.
    pub fn set<T: Persist>(&self, name: &str, value: &T) -> Result<()> {
        let path = self.below(name);
        let value = value.dump(&mut Dumping::new(self.store.registries())).map_err(|e| e.on(&path))?;
        let (object, dialect) = (self.object()?, self.store.dialect());
        let place = self.place_of(name)?;
        let attr = match (place, &object) {
            (Some(Place::Attr), _) => dialect.check(name, &value, true).is_ok(),
            (Some(Place::Member), _) => false,
            (None, Object::Group(_)) => dialect.prefers_attr(&value),
            (None, _) => true,
        };
        if attr {
            dialect.check(name, &value, true).map_err(|e| e.on(&path))?;
            self.store.writable(&path)?;
            return dialect.write_attr(&object, name, &value).map_err(|e| e.on(&path));
        }
        if !matches!(object, Object::Group(_)) {
            return Err(Error::new(ErrorKind::TypeMismatch, "a dataset has no members").on(path));
        }
        let value = self.store.stored_alike(&path, value);
        self.store.set_value(&path, value)?;
        if place == Some(Place::Attr) {
            object.info().delete_attr(name)?;
        }
        Ok(())
    }

    /// The array that a field is, which stays in its file.
    ///
    /// # Errors
    /// There is no array of this name.
    pub fn array(&self, name: &str) -> Result<crate::access::ArrayView> {
        self.store.array(&self.below(name))
    }

    /// The object that a field is.
    ///
    /// # Errors
    /// There is nothing of this name.
    pub fn member(&self, name: &str) -> Result<Handle> {
        self.store.object(&self.below(name))
    }
}

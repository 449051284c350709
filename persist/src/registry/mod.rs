//! Dumpers and loaders by label and version.

mod migrate;
mod stack;
#[cfg(test)]
mod tests;
mod version;

pub use migrate::Migrated;
pub use stack::RegistryStack;
pub use version::{DumpVersion, LoadVersion};

pub(crate) use stack::unregistered;

use crate::types::{Dumping, Labelled, Loading};
use crate::value::Node;
use hdf5_format::{Error, ErrorKind, Result};
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

type Dumper = Arc<dyn Fn(&dyn Any, &mut Dumping<'_>) -> Result<Node> + Send + Sync>;
type Loader = Arc<dyn Fn(Node, &mut Loading<'_>) -> Result<Box<dyn Any>> + Send + Sync>;
type Step = Arc<dyn Fn(Node) -> Result<Node> + Send + Sync>;

/// The dumpers of one type.
struct Dumpers {
    by_version: BTreeMap<DumpVersion, (String, Dumper)>,
}

/// A namespace of dumpers and loaders.
///
/// A dumper turns values of a Rust type into nodes of a label and a version; a loader turns nodes of a label into values.
/// Steps between versions change the nodes of old files until a loader understands them.
///
/// ```
/// use hdf5_persist::{Array, DatasetNode, Registry};
///
/// struct Experiment { data: Vec<f64>, started: i64 }
///
/// # fn main() -> hdf5_persist::Result<()> {
/// let mut registry = Registry::new("experiment");
/// registry.dumper::<Experiment, _>("Experiment", 1, |e, _| {
///     Ok(DatasetNode::new(Array::new([e.data.len() as u64], &e.data)?).attr("time started", e.started))
/// })?;
/// registry.loader("Experiment", 1, |node, from| {
///     let mut node = node.into_dataset()?;
///     let started = from.load(node.attrs.shift_remove("time started").unwrap_or_default())?;
///     Ok(Experiment { data: node.data.to_vec()?, started })
/// })?;
/// # Ok(()) }
/// ```
pub struct Registry {
    namespace: String,
    dumpers: HashMap<TypeId, Dumpers>,
    loaders: HashMap<String, BTreeMap<LoadVersion, Loader>>,
    steps: HashMap<String, BTreeMap<i64, Step>>,
    frozen: bool,
}

impl Registry {
    /// An empty registry; the namespace is written beside the label of each object.
    pub fn new(namespace: impl Into<String>) -> Self {
        Registry {
            namespace: namespace.into(),
            dumpers: HashMap::new(),
            loaders: HashMap::new(),
            steps: HashMap::new(),
            frozen: false,
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Nothing is registered any more from here on.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// True after [`freeze`](Registry::freeze).
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The labels that have a loader, in order.
    pub fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = self.loaders.keys().map(String::as_str).collect();
        labels.sort_unstable();
        labels
    }

    /// Adds a dumper of a Rust type, also one of another crate.
    ///
    /// # Errors
    /// The registry is frozen, or has a dumper of this type and version.
    pub fn dumper<T: Any, N: Into<Node>>(
        &mut self,
        label: impl Into<String>,
        version: impl Into<DumpVersion>,
        dump: impl Fn(&T, &mut Dumping<'_>) -> Result<N> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let (label, version) = (label.into(), version.into());
        self.check_open(&label)?;
        let type_name = std::any::type_name::<T>();
        let entry = self.dumpers.entry(TypeId::of::<T>());
        let dumpers = entry.or_insert_with(|| Dumpers { by_version: BTreeMap::new() });
        if dumpers.by_version.contains_key(&version) {
            return Err(taken(&self.namespace, "dumper", type_name, version));
        }
        let dumper: Dumper = Arc::new(move |value, to| match value.downcast_ref() {
            Some(value) => dump(value, to).map(Into::into),
            None => Err(Error::new(ErrorKind::TypeMismatch, format!("the value is no {type_name}"))),
        });
        dumpers.by_version.insert(version, (label, dumper));
        Ok(self)
    }

    /// Adds a loader of a label.
    ///
    /// # Errors
    /// The registry is frozen, or has a loader of this label and version.
    pub fn loader<T: Any>(
        &mut self,
        label: impl Into<String>,
        version: impl Into<LoadVersion>,
        load: impl Fn(Node, &mut Loading<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let (label, version) = (label.into(), version.into());
        self.check_open(&label)?;
        let loaders = self.loaders.entry(label.clone()).or_default();
        if loaders.contains_key(&version) {
            return Err(taken(&self.namespace, "loader", &label, version));
        }
        loaders.insert(version, Arc::new(move |node, from| Ok(Box::new(load(node, from)?))));
        Ok(self)
    }

    /// Adds the dumper and the loader of a type that has a label.
    ///
    /// # Errors
    /// As for [`dumper`](Registry::dumper) and [`loader`](Registry::loader).
    pub fn register<T: Labelled>(&mut self) -> Result<&mut Self> {
        self.dumper::<T, _>(T::LABEL, DumpVersion::N(T::VERSION), |value, to| value.to_node(to))?;
        self.loader(T::LABEL, LoadVersion::N(T::VERSION), |node, from| T::from_node(node, from))
    }

    /// Adds a step from version `from` of a label to `from + 1`.
    ///
    /// # Errors
    /// The registry is frozen, or has such a step.
    pub fn migration(
        &mut self,
        label: impl Into<String>,
        from: i64,
        step: impl Fn(Node) -> Result<Node> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let label = label.into();
        self.check_open(&label)?;
        let steps = self.steps.entry(label.clone()).or_default();
        if steps.contains_key(&from) {
            return Err(taken(&self.namespace, "migration", &label, from));
        }
        steps.insert(from, Arc::new(step));
        Ok(self)
    }

    fn check_open(&self, label: &str) -> Result<()> {
        if self.frozen {
            let text = format!("registry {:?} is frozen: {label:?} is not added", self.namespace);
            return Err(Error::new(ErrorKind::Conflict, text).with_hint("register before freeze()"));
        }
        Ok(())
    }
}

fn taken(namespace: &str, what: &str, name: &str, version: impl std::fmt::Display) -> Error {
    let text = format!("registry {namespace:?} has a {what} for {name} of version {version}");
    Error::new(ErrorKind::Conflict, text)
}

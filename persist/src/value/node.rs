//! Groups and datasets as dumpers make them and loaders get them.

use super::{Array, Value};
use hdf5_format::format::message::filter_pipeline::FilterDescription;
use hdf5_format::{Error, ErrorKind, Result};
use indexmap::IndexMap;
use std::fmt;

/// Attributes by name, in order.
pub type Attrs = IndexMap<String, Value>;

/// Members of a group by name, in order.
pub type Members = IndexMap<String, Value>;

/// What an object is: data, never looked up as code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Tag {
    /// The registry's name; the module of a class.
    pub namespace: String,
    /// The name of the class.
    pub label: String,
    /// The version of its form, if it has versions.
    pub version: Option<i64>,
}

impl Tag {
    /// A tag with a version.
    pub fn new(namespace: impl Into<String>, label: impl Into<String>, version: impl Into<Option<i64>>) -> Self {
        Tag { namespace: namespace.into(), label: label.into(), version: version.into() }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.label)?;
        self.version.map_or(Ok(()), |version| write!(f, " v{version}"))
    }
}

/// A node and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// What it is.
    pub tag: Tag,
    /// Its content.
    pub node: Node,
}

/// A group or a dataset.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A group.
    Group(GroupNode),
    /// A dataset.
    Dataset(DatasetNode),
}

/// A group: attributes and members.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct GroupNode {
    /// Attributes.
    pub attrs: Attrs,
    /// Members.
    pub members: Members,
    /// Members are read one by one when they are called for.
    pub on_demand: bool,
}

/// A dataset: elements, attributes, and how the elements are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetNode {
    /// The elements.
    pub data: Array,
    /// Attributes.
    pub attrs: Attrs,
    /// How they are stored.
    pub storage: Storage,
}

/// How the elements of a dataset are stored; what is not said is chosen by the dialect.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Storage {
    /// Chunk lengths.
    pub chunks: Option<Vec<u64>>,
    /// What the lengths may grow to; `None` without bound.
    pub maxshape: Option<Vec<Option<u64>>>,
    /// Filters by name.
    pub filters: Option<hdf5_format::Filters>,
    /// Filters as a file describes them; they go before `filters`.
    pub described: Vec<FilterDescription>,
    /// The element that stands where nothing was written, as it is stored.
    pub fill: Option<Vec<u8>>,
}

/// A link to something that has another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Another name of an object, by a path from the file's root.
    Hard(String),
    /// A path, which need not lead anywhere.
    Soft(String),
    /// A path in another file.
    External {
        /// The file.
        file: String,
        /// The path in it.
        path: String,
    },
}

impl Node {
    /// "group" or "dataset".
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Group(_) => "group",
            Node::Dataset(_) => "dataset",
        }
    }

    /// True for a dataset.
    pub fn is_dataset(&self) -> bool {
        matches!(self, Node::Dataset(_))
    }

    /// Its attributes.
    pub fn attrs(&self) -> &Attrs {
        match self {
            Node::Group(group) => &group.attrs,
            Node::Dataset(dataset) => &dataset.attrs,
        }
    }

    /// Its attributes, to be changed.
    pub fn attrs_mut(&mut self) -> &mut Attrs {
        match self {
            Node::Group(group) => &mut group.attrs,
            Node::Dataset(dataset) => &mut dataset.attrs,
        }
    }

    pub(super) fn children(&self) -> Vec<&Value> {
        let members = match self {
            Node::Group(group) => Some(group.members.values()),
            Node::Dataset(_) => None,
        };
        self.attrs().values().chain(members.into_iter().flatten()).collect()
    }

    /// The group.
    ///
    /// # Errors
    /// It is a dataset.
    pub fn into_group(self) -> Result<GroupNode> {
        match self {
            Node::Group(group) => Ok(group),
            Node::Dataset(_) => Err(Error::new(ErrorKind::TypeMismatch, "expected a group, found a dataset")),
        }
    }

    /// The dataset.
    ///
    /// # Errors
    /// It is a group.
    pub fn into_dataset(self) -> Result<DatasetNode> {
        match self {
            Node::Dataset(dataset) => Ok(dataset),
            Node::Group(_) => Err(Error::new(ErrorKind::TypeMismatch, "expected a dataset, found a group")),
        }
    }

    /// An attribute, which goes out of the node.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn take_attr(&mut self, name: &str) -> Result<Value> {
        self.attrs_mut().shift_remove(name).ok_or_else(|| missing("attribute", name))
    }
}

impl GroupNode {
    /// A group without attributes and members.
    pub fn new() -> Self {
        GroupNode::default()
    }

    /// With an attribute.
    #[must_use]
    pub fn attr(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attrs.insert(name.into(), value.into());
        self
    }

    /// With a member.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Members are read one by one when they are called for.
    #[must_use]
    pub fn on_demand(mut self) -> Self {
        self.on_demand = true;
        self
    }

    /// A member, which goes out of the node.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn take(&mut self, name: &str) -> Result<Value> {
        self.members.shift_remove(name).ok_or_else(|| missing("member", name))
    }

    /// An attribute, which goes out of the node.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn take_attr(&mut self, name: &str) -> Result<Value> {
        self.attrs.shift_remove(name).ok_or_else(|| missing("attribute", name))
    }
}

impl DatasetNode {
    /// A dataset of elements.
    pub fn new(data: impl Into<Array>) -> Self {
        DatasetNode { data: data.into(), attrs: Attrs::new(), storage: Storage::default() }
    }

    /// With an attribute.
    #[must_use]
    pub fn attr(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attrs.insert(name.into(), value.into());
        self
    }

    /// Stored in this way.
    #[must_use]
    pub fn stored(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }
}

impl From<GroupNode> for Node {
    fn from(group: GroupNode) -> Self {
        Node::Group(group)
    }
}

impl From<DatasetNode> for Node {
    fn from(dataset: DatasetNode) -> Self {
        Node::Dataset(dataset)
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        Value::Node(Box::new(node))
    }
}

impl From<GroupNode> for Value {
    fn from(group: GroupNode) -> Self {
        Node::from(group).into()
    }
}

impl From<DatasetNode> for Value {
    fn from(dataset: DatasetNode) -> Self {
        Node::from(dataset).into()
    }
}

fn missing(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("no {what} named {name:?}"))
}

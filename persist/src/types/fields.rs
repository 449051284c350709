//! Fields of derived types, into nodes and out of them.

use super::{Dumping, Loading, Persist, Place};
use crate::dialect::raw;
use crate::value::{Array, DatasetNode, GroupNode, Node, Storage, Value, expected};
use hdf5_format::{Error, ErrorKind, Result};
use std::any::Any;

/// The attribute of a group that names the variant of an enum.
const VARIANT: &str = "variant";

/// What `#[persist(...)]` says of a field.
#[doc(hidden)]
pub struct Spec {
    pub name: &'static str,
    /// Its place; the type's own where there is none.
    pub place: Option<Place>,
    pub chunks: Option<&'static [u64]>,
    pub maxshape: Option<&'static [Option<u64>]>,
    /// The first length grows without bound.
    pub resizable: bool,
    pub filter: Option<&'static str>,
}

impl Spec {
    #[doc(hidden)]
    pub const NONE: Spec = Spec { name: "", place: None, chunks: None, maxshape: None, resizable: false, filter: None };

    /// A value stored as the field asks for.
    ///
    /// # Errors
    /// It has no elements, or they cannot be stored so.
    pub(crate) fn stored(&'static self, value: Value) -> Result<Value> {
        if self.chunks.is_none() && self.maxshape.is_none() && !self.resizable && self.filter.is_none() {
            return Ok(value);
        }
        Ok(match value {
            Value::Null | Value::Same(_) => value,
            Value::Delayed(slot) => {
                slot.store_as(self);
                Value::Delayed(slot)
            }
            Value::Shared(identity, inner) => Value::Shared(identity, Box::new(self.stored(*inner)?)),
            Value::Node(node) => Value::from(self.dataset(node.into_dataset()?)?),
            Value::Object(mut object) => {
                object.node = self.dataset(object.node.into_dataset()?)?.into();
                Value::Object(object)
            }
            other => Value::from(self.dataset(DatasetNode::new(elements(other)?))?),
        })
    }

    fn dataset(&self, mut node: DatasetNode) -> Result<DatasetNode> {
        node.storage = self.storage(node.data.shape(), node.storage)?;
        Ok(node)
    }

    fn storage(&self, shape: &[u64], mut storage: Storage) -> Result<Storage> {
        let wrong = |what: &str| {
            let text = format!("{what} for an array of shape {shape:?}");
            Err(Error::new(ErrorKind::Shape, text))
        };
        if let Some(chunks) = self.chunks
            && (chunks.len() != shape.len() || chunks.is_empty())
        {
            return wrong(&format!("chunks {chunks:?}"));
        }
        if let Some(most) = self.maxshape {
            let fits = most.iter().zip(shape).all(|(most, now)| most.is_none_or(|most| most >= *now));
            if most.len() != shape.len() || most.is_empty() || !fits {
                return wrong(&format!("maxshape {most:?}"));
            }
            storage.maxshape = Some(most.to_vec());
        } else if self.resizable {
            let Some((_, inner)) = shape.split_first() else { return wrong("a first length that grows") };
            storage.maxshape = Some(std::iter::once(None).chain(inner.iter().copied().map(Some)).collect());
        }
        if let Some(chunks) = self.chunks {
            // The same type holds arrays of many lengths, also ones that are shorter than a chunk.
            storage.chunks = Some(raw::within(chunks.to_vec(), shape, storage.maxshape.as_deref()));
        }
        if let Some(filter) = self.filter {
            if shape.is_empty() {
                return wrong(&format!("filter {filter:?}"));
            }
            storage.filters = Some(filter.parse()?);
        }
        Ok(storage)
    }
}

/// The elements of a value; texts in a list are an array of them.
fn elements(value: Value) -> Result<Array> {
    if let Value::Seq(items) = &value {
        let text = |item: &Value| if let Value::Text(text) = item { Some(text.clone()) } else { None };
        if let Some(texts) = items.iter().map(text).collect::<Option<Vec<_>>>() {
            return Ok(Array::texts([items.len() as u64], texts));
        }
    }
    value.into_array()
}

/// The node of a value that is being dumped, field by field.
#[doc(hidden)]
pub struct NewNode(GroupNode);

impl NewNode {
    #[doc(hidden)]
    pub fn new(on_demand: bool) -> Self {
        NewNode(GroupNode { on_demand, ..GroupNode::default() })
    }

    #[doc(hidden)]
    pub fn variant(mut self, name: &str) -> Self {
        self.0.attrs.insert(VARIANT.into(), name.into());
        self
    }

    #[doc(hidden)]
    pub fn field<T: Persist>(&mut self, spec: &'static Spec, value: &T, to: &mut Dumping<'_>) -> Result<()> {
        let value = to.dump(value).and_then(|value| spec.stored(value)).map_err(|e| e.on(spec.name))?;
        self.insert(spec, T::PLACE, value)
    }

    /// A field that a registry dumps.
    #[doc(hidden)]
    pub fn registered<T: Any>(&mut self, spec: &'static Spec, value: &T, to: &mut Dumping<'_>) -> Result<()> {
        let value = to.registered(value).and_then(|value| spec.stored(value)).map_err(|e| e.on(spec.name))?;
        self.insert(spec, Place::Member, value)
    }

    /// The field goes where it is said to, else where its type goes; long text has no place among attributes.
    fn insert(&mut self, spec: &Spec, own: Place, value: Value) -> Result<()> {
        const LONGEST: usize = 32 << 10;
        let own = match &value {
            Value::Text(text) if text.len() > LONGEST => Place::Member,
            _ => own,
        };
        let name = spec.name.to_owned();
        match spec.place.unwrap_or(own) {
            Place::Member => self.0.members.insert(name, value),
            Place::Attr => {
                // A list of texts has a form among attributes as an array.
                let value = if let Value::Seq(_) = value {
                    elements(value).map_err(|e| e.on(spec.name))?.into()
                } else {
                    value
                };
                self.0.attrs.insert(name, value)
            }
        };
        Ok(())
    }

    #[doc(hidden)]
    pub fn group(self) -> Node {
        self.0.into()
    }

    /// The attributes beside elements.
    #[doc(hidden)]
    pub fn dataset<T: Persist>(self, spec: &Spec, value: &T, to: &mut Dumping<'_>) -> Result<Node> {
        let value = to.dump(value).map_err(|e| e.on(spec.name))?;
        let node = match value {
            Value::Null => {
                DatasetNode::new(Array::of_scalar(&Value::Null).ok_or_else(|| expected("elements", "none"))?)
            }
            value => spec
                .dataset(DatasetNode::new(elements(value).map_err(|e| e.on(spec.name))?))
                .map_err(|e| e.on(spec.name))?,
        };
        Ok(DatasetNode { attrs: self.0.attrs, ..node }.into())
    }
}

/// Fields of a node that is being loaded. Each is looked for in its place first, then in the other.
#[doc(hidden)]
pub struct Fields(Node);

impl Fields {
    #[doc(hidden)]
    pub fn new(node: Node) -> Self {
        Fields(node)
    }

    /// A field, which goes out of the node.
    #[doc(hidden)]
    pub fn take<T: Persist>(&mut self, spec: &Spec, from: &mut Loading<'_>) -> Result<T> {
        match self.find(spec, T::PLACE) {
            Some(value) => from.load(value).map_err(|e| e.on(spec.name)),
            None => T::absent().ok_or_else(|| missing(spec.name)),
        }
    }

    /// A field, or what stands for it where there is none.
    #[doc(hidden)]
    pub fn take_or<T: Persist>(
        &mut self,
        spec: &Spec,
        from: &mut Loading<'_>,
        otherwise: impl FnOnce() -> T,
    ) -> Result<T> {
        match self.find(spec, T::PLACE) {
            Some(value) => from.load(value).map_err(|e| e.on(spec.name)),
            None => Ok(otherwise()),
        }
    }

    /// A field that a registry loads.
    #[doc(hidden)]
    pub fn registered<T: Any>(
        &mut self,
        spec: &Spec,
        from: &mut Loading<'_>,
        otherwise: Option<fn() -> T>,
    ) -> Result<T> {
        match (self.find(spec, Place::Member), otherwise) {
            (Some(value), _) => from.registered(value).map_err(|e| e.on(spec.name)),
            (None, Some(otherwise)) => Ok(otherwise()),
            (None, None) => Err(missing(spec.name)),
        }
    }

    /// The elements of a dataset.
    #[doc(hidden)]
    pub fn elements<T: Persist>(&mut self, spec: &Spec, from: &mut Loading<'_>) -> Result<T> {
        let Node::Dataset(dataset) = &self.0 else {
            return Err(expected("a dataset", &format!("a {}", self.0.kind())));
        };
        from.load(Value::Array(dataset.data.clone())).map_err(|e| e.on(spec.name))
    }

    /// The variant of an enum.
    #[doc(hidden)]
    pub fn variant(&mut self, from: &mut Loading<'_>) -> Result<String> {
        const SPEC: Spec = Spec { name: VARIANT, place: Some(Place::Attr), ..Spec::NONE };
        self.take(&SPEC, from)
    }

    /// The error for a variant that the enum does not have.
    #[doc(hidden)]
    pub fn no_variant(owner: &str, found: &str, known: &[&str]) -> Error {
        let text = format!("expected a variant of {owner} ({}), found {found:?}", known.join(", "));
        Error::new(ErrorKind::TypeMismatch, text)
    }

    fn find(&mut self, spec: &Spec, own: Place) -> Option<Value> {
        if spec.place.unwrap_or(own) == Place::Attr
            && let Some(value) = self.0.attrs_mut().shift_remove(spec.name)
        {
            return Some(value);
        }
        let member = match &mut self.0 {
            Node::Group(group) => group.members.shift_remove(spec.name),
            Node::Dataset(_) => None,
        };
        member.or_else(|| self.0.attrs_mut().shift_remove(spec.name))
    }
}

fn missing(name: &str) -> Error {
    let text = format!("no attribute or member named {name:?}");
    Error::new(ErrorKind::NotFound, text).with_hint("#[persist(default)] allows for its absence")
}

//! What all dialects do alike: datasets and attributes of arrays.

use super::Reading;
use crate::access::ArrayView;
use crate::value::{Array, Elements, Link, Storage, Value};
use hdf5_format::datatype::contains_address;
use hdf5_format::edit::GroupStyle;
use hdf5_format::format::message::fill_value::Fill;
use hdf5_format::{Attribute, Dataset, Error, ErrorKind, Group, Layout, LinkKind, ObjectInfo, Result, Select};
use std::borrow::Cow;

/// Bytes that an attribute may have in headers of version 1.
pub(crate) const ATTRIBUTE_LIMIT: usize = 64_000;

/// Whether a name can be that of a link.
///
/// # Errors
/// It cannot.
pub(crate) fn check_link_name(name: &str) -> Result<()> {
    let wrong = |why: &str| Err(Error::new(ErrorKind::Invalid, format!("{name:?} cannot be a name: it {why}")));
    match name {
        "" => wrong("is empty"),
        "." => wrong("means the group itself"),
        _ if name.contains('/') => wrong("holds a slash"),
        _ if name.contains('\0') => wrong("holds NUL"),
        _ => Ok(()),
    }
}

/// Whether a name can be that of an attribute.
///
/// # Errors
/// It cannot.
pub(crate) fn check_attr_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::new(ErrorKind::Invalid, format!("{name:?} cannot be the name of an attribute")));
    }
    Ok(())
}

/// Whether an array can be written: its texts hold no NUL, which would end them.
///
/// # Errors
/// It cannot.
pub(crate) fn check_array(array: &Array) -> Result<()> {
    if let Elements::Values(values) = array.elements() {
        let ends = |v: &hdf5_format::Value| matches!(v, hdf5_format::Value::String(text) if text.contains(&0));
        if values.iter().any(ends) {
            return Err(Error::new(ErrorKind::Invalid, "text with NUL, which would end it in a file"));
        }
        let referring = |v: &hdf5_format::Value| matches!(v, hdf5_format::Value::Reference(_));
        if values.iter().any(referring) {
            return Err(Error::new(ErrorKind::Unsupported, "references mean nothing in another place")
                .with_hint("a hard link, or a shared value, says the same"));
        }
    }
    Ok(())
}

/// Whether an array can be an attribute of headers of version 1.
///
/// # Errors
/// It cannot.
pub(crate) fn check_attr(name: &str, array: &Array, limit: usize) -> Result<()> {
    check_attr_name(name)?;
    check_array(array)?;
    let bytes = usize::try_from(array.len()).ok().and_then(|n| n.checked_mul(array.dtype().size()));
    if bytes.is_none_or(|bytes| bytes > limit) {
        let text = format!("attribute {name:?} would have {} bytes; {limit} fit", bytes.unwrap_or(usize::MAX));
        return Err(Error::new(ErrorKind::Limit, text).with_hint("make it a member"));
    }
    Ok(())
}

/// Attributes that an object has from the start.
#[derive(Default)]
pub(crate) struct NewAttrs<'a>(Vec<(Cow<'a, str>, Array)>);

impl<'a> NewAttrs<'a> {
    /// One more.
    ///
    /// # Errors
    /// The elements cannot be read.
    pub(crate) fn push(&mut self, name: impl Into<Cow<'a, str>>, array: Array) -> Result<()> {
        let array = match array.elements() {
            Elements::Stored(_) | Elements::Values(_) => array,
            Elements::InFile(_) => array.load()?,
            Elements::Unwritten if array.is_null() => array,
            Elements::Unwritten => Array::stored(array.dtype().clone(), array.shape(), zeros(&array))?,
        };
        self.0.push((name.into(), array));
        Ok(())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.0.push((name.into(), Array::texts([], [text])));
    }
}

/// Hands attributes to the builder of an object.
macro_rules! with_attrs {
    ($builder:expr, $attrs:expr) => {
        $attrs.0.iter().fold($builder, |builder, (name, array)| {
            let (datatype, shape) = (array.dtype(), (!array.is_null()).then(|| array.shape()));
            match array.elements() {
                Elements::Stored(bytes) => builder.attr_raw(name.as_ref(), datatype, shape, bytes),
                Elements::Values(values) => builder.attr_values(name.as_ref(), datatype, shape, values),
                Elements::InFile(_) | Elements::Unwritten => builder.attr_raw(name.as_ref(), datatype, shape, &[]),
            }
        })
    };
}

fn zeros(array: &Array) -> Vec<u8> {
    let bytes = usize::try_from(array.len()).ok().and_then(|n| n.checked_mul(array.dtype().size()));
    vec![0; bytes.unwrap_or(0)]
}

/// Writes a new group.
///
/// # Errors
/// The name is taken, or writing fails.
pub(crate) fn write_group(group: &Group, name: &str, style: &GroupStyle, attrs: &NewAttrs<'_>) -> Result<Group> {
    with_attrs!(group.new_group().style(style), attrs).create(name)
}

/// Writes a new dataset.
///
/// # Errors
/// The name is taken, the storage contradicts itself, or writing fails.
pub(crate) fn write_dataset(
    group: &Group,
    name: &str,
    array: &Array,
    storage: &Storage,
    attrs: &NewAttrs<'_>,
) -> Result<Dataset> {
    write_dataset_with(group, name, array, storage, attrs, false)
}

/// Writes a new dataset, whose attributes keep their order if `ordered`.
///
/// # Errors
/// As [`write_dataset`].
pub(crate) fn write_dataset_with(
    group: &Group,
    name: &str,
    array: &Array,
    storage: &Storage,
    attrs: &NewAttrs<'_>,
    ordered: bool,
) -> Result<Dataset> {
    let array = array.loaded()?;
    let mut builder = with_attrs!(group.new_dataset(array.dtype().clone()), attrs);
    if ordered {
        builder = builder.track_order(false);
    }
    if array.is_null() {
        return builder.null().create(name);
    }
    builder = builder.shape(array.shape());
    let filtered = storage.filters.is_some() || !storage.described.is_empty();
    let chunks = match &storage.chunks {
        Some(chunks) => Some(chunks.clone()),
        None if (filtered || storage.maxshape.is_some()) && !array.shape().is_empty() => {
            let chunk = chunk_lengths(array.shape(), array.dtype().size());
            Some(within(chunk, array.shape(), storage.maxshape.as_deref()))
        }
        None => None,
    };
    if let Some(chunks) = chunks {
        builder = builder.chunks(chunks);
    }
    if let Some(max) = &storage.maxshape {
        builder = builder.maxshape(max.clone());
    }
    if let Some(fill) = &storage.fill {
        builder = builder.fill_raw(fill.clone());
    }
    if !storage.described.is_empty() {
        builder = builder.filters_raw(storage.described.clone());
    } else if let Some(filters) = &storage.filters {
        builder = builder.filter(filters)?;
    }
    match array.elements() {
        _ if array.is_empty() => builder.create(name),
        Elements::Stored(bytes) => builder.create_with_raw(name, bytes),
        Elements::Values(values) => builder.create_with_values(name, values),
        Elements::InFile(_) | Elements::Unwritten => builder.create(name),
    }
}

/// Sets an attribute.
///
/// # Errors
/// Writing fails.
pub(crate) fn write_attr(object: &ObjectInfo, name: &str, array: &Array) -> Result<()> {
    let array = array.loaded()?;
    let shape = (!array.is_null()).then(|| array.shape());
    match array.elements() {
        Elements::Stored(bytes) => object.set_attr_raw(name, array.dtype(), shape, bytes),
        Elements::Values(values) => object.set_attr_values(name, array.dtype(), shape, values),
        Elements::InFile(_) | Elements::Unwritten => object.set_attr_raw(name, array.dtype(), shape, &zeros(&array)),
    }
}

/// The value of an attribute.
///
/// # Errors
/// A heap is damaged.
pub(crate) fn read_attr(attribute: &Attribute) -> Result<Array> {
    let (datatype, shape) = (attribute.dtype().clone(), attribute.shape().to_vec());
    if attribute.space().is_null() {
        return Ok(Array::null(datatype));
    }
    if contains_address(&datatype) {
        return Ok(Array::values(datatype, Some(shape), attribute.read_values()?));
    }
    Array::stored(datatype, shape, attribute.raw().to_vec())
}

/// All elements of a dataset.
///
/// # Errors
/// The file is damaged.
pub(crate) fn read_elements(dataset: &Dataset) -> Result<Array> {
    let datatype = dataset.dtype().clone();
    if dataset.space().is_null() {
        return Ok(Array::null(datatype));
    }
    let shape = dataset.shape().to_vec();
    if contains_address(&datatype) {
        return Ok(Array::values(datatype, Some(shape), dataset.read_values(Select::all())?));
    }
    let (bytes, _) = dataset.read_raw(Select::all())?;
    Array::stored(datatype, shape, bytes)
}

/// The elements of a dataset; they stay in the file if reading is lazy, and if there are dimensions.
///
/// # Errors
/// The file is damaged.
pub(crate) fn read_dataset(dataset: Dataset, from: &Reading) -> Result<Array> {
    match &from.store {
        _ if !from.lazy || dataset.shape().is_empty() => read_elements(&dataset),
        Some(store) => Ok(Array::in_file(store.view(dataset))),
        None => Ok(Array::in_file(ArrayView::new(dataset))),
    }
}

/// How the elements of a dataset are stored.
pub(crate) fn read_storage(dataset: &Dataset) -> Storage {
    let max = dataset.maxshape();
    let grows = max.iter().zip(dataset.shape()).any(|(max, now)| *max != Some(*now));
    let chunked = matches!(dataset.layout(), Layout::Chunked { .. });
    let fill = match &dataset.fill_value().fill {
        Fill::User(element) => Some(element.clone()),
        Fill::Default | Fill::Undefined => None,
    };
    Storage {
        chunks: dataset.chunks().filter(|_| chunked).map(<[u64]>::to_vec),
        maxshape: grows.then_some(max),
        filters: None,
        described: dataset.filters().to_vec(),
        fill,
    }
}

/// Writes a link of a group.
///
/// # Errors
/// The name is taken, or a hard link's path leads nowhere.
pub(crate) fn write_link(group: &Group, name: &str, link: &Link) -> Result<()> {
    match link {
        Link::Hard(path) => {
            let object = group.file().get(path)?;
            group.link_object(name, object.info())
        }
        Link::Soft(path) => group.link_path(name, path),
        Link::External { file, path } => group.link_external(name, file, path),
    }
}

/// The elements of which a resizable dataset of this shape keeps a chunk: whole rows where they are short, 4 KiB at least,
/// so that a dataset that is born small grows fast.
pub(crate) fn chunk_lengths(shape: &[u64], size: usize) -> Vec<u64> {
    const LEAST: u64 = 4 << 10;
    const MOST: u64 = 256 << 10;
    let size = u64::try_from(size).unwrap_or(u64::MAX).max(1);
    let total = shape.iter().fold(size, |n, &length| n.saturating_mul(length.max(1)));
    let target = (total / 16).clamp(LEAST, MOST);
    // Inner lengths are halved, the longest first, until a row fits; then rows are added.
    let mut chunk: Vec<u64> = shape.iter().map(|&length| length.max(1)).collect();
    let row = |chunk: &[u64]| chunk.iter().skip(1).fold(size, |n, &length| n.saturating_mul(length));
    while row(&chunk) > target {
        let Some(longest) = chunk.iter_mut().skip(1).max().filter(|length| **length > 1) else { break };
        *longest = longest.div_ceil(2);
    }
    let rows = (target / row(&chunk).max(1)).max(1);
    if let Some(first) = chunk.first_mut() {
        *first = rows;
    }
    chunk
}

/// Chunk lengths of which none exceeds a length that is not to grow.
pub(crate) fn within(mut chunk: Vec<u64>, shape: &[u64], maxshape: Option<&[Option<u64>]>) -> Vec<u64> {
    for (at, (length, now)) in chunk.iter_mut().zip(shape).enumerate() {
        let most = maxshape.map_or(Some(*now), |max| max.get(at).copied().flatten());
        *length = most.map_or(*length, |most| (*length).min(most.max(1)));
    }
    chunk
}

/// An array as a value, with storage and attributes only where they say something.
pub(crate) fn dataset_value(array: Array, attrs: crate::value::Attrs, storage: Storage) -> Value {
    if attrs.is_empty() && storage == Storage::default() {
        return Value::Array(array);
    }
    Value::from(crate::value::DatasetNode { data: array, attrs, storage })
}

/// A link that is not hard, as a value.
///
/// # Errors
/// It is of a kind that programs define themselves.
pub(crate) fn link_value(kind: LinkKind) -> Result<Value> {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|e| Error::new(ErrorKind::Unsupported, format!("a link to a path: {e}")))
    };
    Ok(Value::Link(match kind {
        LinkKind::Soft(path) => Link::Soft(text(path)?),
        LinkKind::External { file, path } => Link::External { file: text(file)?, path: text(path)? },
        _ => {
            return Err(Error::unsupported("a link of a kind that programs define"));
        }
    }))
}

/// The items "0", "1", … in the order of their numbers.
///
/// # Errors
/// A name is no number, or one is missing.
pub(crate) fn by_number(entries: crate::value::Members) -> Result<Vec<Value>> {
    let mut items = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let number = name.parse::<usize>().ok().filter(|number| number.to_string() == name);
        items.push((number.ok_or_else(|| missing_item(&name))?, value));
    }
    items.sort_by_key(|(number, _)| *number);
    let gap = items.iter().enumerate().find(|(at, (number, _))| at != number);
    match gap {
        Some((at, _)) => Err(missing_item(&at.to_string())),
        None => Ok(items.into_iter().map(|(_, value)| value).collect()),
    }
}

fn missing_item(name: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the items of a list are no sequence of numbers: see {name:?}"))
}

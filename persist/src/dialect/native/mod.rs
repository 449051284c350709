//! Our own dialect: plain HDF5, in which every value, order and identity survives.
//!
//! What an object is says its attribute `_persist_type`; `docs/persist-format.md` is the whole layout.
//!
//! ```text
//! none bool int float complex str bytes path time times   datasets
//! list tuple set      a dataset where all items are integers, floats, booleans or texts; else a group of "0", "1", ...
//! dict                a group whose members and attributes are the items; `_persist_order` names them in order where that is
//!                     not the order of names
//! pairs               a dict whose keys are no names: a group of two lists, `keys` and `values`
//! dataset             a dataset node without attributes and storage of its own
//! no such attribute   arrays (datasets), and nodes
//! ```
//! Objects bear `_persist_namespace`, `_persist_label` and `_persist_version`. Shared values are hard links.

mod attrs;
mod read;
mod write;

use super::{Dialect, Reading, Writing, raw};
use crate::value::{Tag, Value};
use hdf5_format::edit::{Bounds, FileStyle, Version};
use hdf5_format::{Attribute, File, Group, Object, ObjectInfo, Result};

/// The type of a value that its form alone does not tell.
pub(super) const TYPE: &str = "_persist_type";
pub(super) const NAMESPACE: &str = "_persist_namespace";
pub(super) const LABEL: &str = "_persist_label";
pub(super) const VERSION: &str = "_persist_version";
pub(super) const ON_DEMAND: &str = "_persist_on_demand";
pub(super) const ORDER: &str = "_persist_order";
/// The mark of the file, on its root.
const DIALECT: &str = "_persist_dialect";
const PREFIX: &str = "_persist_";

/// Attributes of any size fit the headers of these files; longer values are better off as members.
const ATTRIBUTE_LIMIT: usize = 1 << 20;

/// The native dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Dialect for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn style(&self) -> FileStyle {
        FileStyle { bounds: Bounds { low: Version::V110, ..Bounds::default() }, ..FileStyle::default() }
    }

    fn start(&self, file: &File) -> Result<()> {
        file.root()?.set_attr(DIALECT, "native 1")
    }

    fn detect(&self, file: &File) -> bool {
        file.root().is_ok_and(|root| root.attribute(DIALECT).is_ok())
    }

    fn check(&self, name: &str, value: &Value, attr: bool) -> Result<()> {
        if attr {
            return attrs::check(name, value);
        }
        raw::check_link_name(name)?;
        write::check(value, 0)
    }

    fn write(&self, to: &mut Writing, group: &Group, name: &str, value: &Value) -> Result<()> {
        write::write(to, group, name, value, None)
    }

    fn write_attr(&self, object: &Object, name: &str, value: &Value) -> Result<()> {
        attrs::write(object.info(), name, value)
    }

    fn read(&self, from: &mut Reading, object: Object) -> Result<Value> {
        read::read(from, object)
    }

    fn read_attr(&self, attribute: &Attribute) -> Result<Option<Value>> {
        if attribute.name().starts_with(PREFIX.as_bytes()) {
            return Ok(None);
        }
        attrs::read(attribute).map(Some)
    }

    fn tag(&self, object: &Object) -> Option<Tag> {
        tag(object.info())
    }

    fn prefers_attr(&self, value: &Value) -> bool {
        attrs::fits(value)
    }
}

fn tag(object: &ObjectInfo) -> Option<Tag> {
    let label: String = object.attr(LABEL).ok()?;
    Some(Tag { namespace: object.attr(NAMESPACE).unwrap_or_default(), label, version: object.attr(VERSION).ok() })
}

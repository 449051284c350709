//! Attributes that an object has from the start: its header is laid out with them, and written once.

use super::element::{Conversion, Data, Stored};
use super::value::Value;
use super::write::{Prepared, Use, with_values};
use crate::codec::Sizes;
use crate::edit::{self, Editor, NewAttribute, ObjectStyle};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

/// Hands the values of an attribute over.
type Give<'a> = Box<dyn Fn(&Datatype, Use<'_>) -> Result<()> + 'a>;

/// Attributes of an object to be made.
#[derive(Default)]
pub(super) struct NewAttributes<'a>(Vec<New<'a>>);

struct New<'a> {
    name: Vec<u8>,
    datatype: Datatype,
    /// `None`: no elements.
    shape: Option<Vec<u64>>,
    give: Give<'a>,
}

impl<'a> NewAttributes<'a> {
    /// Values with their type and shape.
    pub(super) fn add<D: Data + 'a>(&mut self, sizes: Sizes, name: &[u8], data: D) {
        let (datatype, shape) = (data.datatype(sizes), (!data.is_null()).then(|| data.shape()));
        let give = move |datatype: &Datatype, values: Use<'_>| data.with(datatype, Conversion::Exact, values)?;
        self.0.push(New { name: name.to_vec(), datatype, shape, give: Box::new(give) });
    }

    /// Dynamic values.
    pub(super) fn add_values(&mut self, name: &[u8], datatype: &Datatype, shape: Option<&[u64]>, values: &'a [Value]) {
        let give = move |datatype: &Datatype, use_values: Use<'_>| with_values(datatype, values, use_values);
        self.push(name, datatype, shape, Box::new(give));
    }

    /// Elements as they are stored.
    pub(super) fn add_raw(&mut self, name: &[u8], datatype: &Datatype, shape: Option<&[u64]>, elements: &'a [u8]) {
        let give = move |datatype: &Datatype, values: Use<'_>| Stored::with_elements(elements, datatype, values);
        self.push(name, datatype, shape, Box::new(give));
    }

    fn push(&mut self, name: &[u8], datatype: &Datatype, shape: Option<&[u64]>, give: Give<'a>) {
        let shape = shape.map(<[u64]>::to_vec);
        self.0.push(New { name: name.to_vec(), datatype: datatype.clone(), shape, give });
    }

    /// Finds out whether all can be written, before anything is.
    ///
    /// # Errors
    /// A name is none or is there twice, values do not fit their type or shape, or are too long for the object.
    pub(super) fn check(&self, editor: &Editor, style: &ObjectStyle) -> Result<()> {
        for (at, new) in self.0.iter().enumerate() {
            new.check(editor, style).map_err(|e| new.named(e))?;
            let before = self.0.iter().take(at);
            if before.clone().count() < FEW && before.clone().any(|other| other.name == new.name) {
                return Err(new.twice());
            }
        }
        if self.0.len() > FEW {
            let mut names = BTreeSet::new();
            let again = self.0.iter().find(|new| !names.insert(new.name.as_slice()));
            return again.map_or(Ok(()), |new| Err(new.twice()));
        }
        Ok(())
    }

    /// Does something with the attributes as they are stored, once what they keep in the heap is written.
    ///
    /// # Errors
    /// The file is full, and those of `write`.
    pub(super) fn with<R>(
        &self,
        editor: &mut Editor,
        write: impl FnOnce(&mut Editor, &[NewAttribute<'_>]) -> Result<R>,
    ) -> Result<R> {
        let mut elements = Vec::with_capacity(self.0.len());
        for New { datatype, give, .. } in &self.0 {
            give(datatype, &mut |values| {
                elements.push(Prepared::known(values).unfinished(datatype, 1, editor)?.into_owned());
                Ok(())
            })?;
        }
        edit::finish_heap(editor)?;
        let spaces: Vec<_> = self.0.iter().map(|new| edit::dataspace(editor, new.shape.as_deref(), None)).collect();
        let all = self.0.iter().zip(&spaces).zip(&elements);
        let all = all.map(|((New { name, datatype, .. }, dataspace), data)| NewAttribute {
            name,
            datatype,
            committed: None,
            dataspace,
            data,
        });
        write(editor, &all.collect::<Vec<_>>())
    }
}

/// Names are compared with each other where there are no more.
const FEW: usize = 16;

impl New<'_> {
    fn named(&self, error: Error) -> Error {
        error.on(format!("@{}", super::group::shown(&self.name)))
    }

    fn twice(&self) -> Error {
        self.named(Error::new(ErrorKind::Conflict, "two attributes of one name"))
    }

    fn check(&self, editor: &Editor, style: &ObjectStyle) -> Result<()> {
        let New { name, datatype, shape, give } = self;
        let count = shape.as_ref().map_or(Some(0), |dims| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d)));
        let bytes = count.and_then(|n| n.checked_mul(datatype.size.into())).and_then(|n| usize::try_from(n).ok());
        let bytes = bytes.ok_or_else(|| Error::new(ErrorKind::Shape, "more bytes than memory can hold"))?;
        let space = edit::dataspace(editor, shape.as_deref(), None);
        edit::check_new_attribute(editor, style, (name, datatype, &space), bytes)?;
        give(datatype, &mut |values| {
            let found = values.bytes.map_or_else(|| values.count.checked_mul(datatype.size()), |b| Some(b.len()));
            if found != Some(bytes) {
                let text = format!("{} bytes for a value of {bytes} bytes", found.unwrap_or(usize::MAX));
                return Err(Error::new(ErrorKind::Shape, text));
            }
            Prepared::new(datatype, values, editor).map(drop)
        })
    }
}

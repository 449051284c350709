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

#[cfg(test)]
mod tests {
    use crate::check::CheckOptions;
    use crate::edit::{Bounds, Condition, FileStyle, Version};
    use crate::io::MemoryFile;
    use crate::{CreateOptions, ErrorKind, File, Value};
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    fn files() -> impl Iterator<Item = (MemoryFile, File)> {
        [Version::Earliest, Version::V110].into_iter().map(|low| {
            let style = FileStyle { bounds: Bounds { low, ..Bounds::default() }, ..FileStyle::default() };
            let memory = MemoryFile::new([]);
            let file = CreateOptions::new().style(style).create_in(memory.clone()).unwrap();
            (memory, file)
        })
    }

    fn sound(file: &File) {
        let report = file.check(CheckOptions::new().data(true));
        assert_eq!(report.damage().count(), 0, "{:?}", report.findings);
    }

    #[test]
    fn are_there_with_the_object() {
        for (memory, file) in files() {
            let text = file.create_dataset("text", "x").unwrap().dtype().clone();
            let values = ["one", "two"].map(|text| Value::String(text.into()));
            let root = file.root().unwrap();
            let group = root.new_group().attr("name", "group").attr("count", 3i64);
            let group = group.attr_values("words", &text, Some(&[2]), &values).attr_values("none", &text, None, &[]);
            let group = group.create("g").unwrap();
            let new = group.new_dataset_of::<u16>().attr("units", "m").attr_raw("raw", &text, None, &[]);
            let dataset = new.create_with("d", [1u16, 2, 3]).unwrap();
            assert_eq!((group.header().chunks.len(), dataset.header().chunks.len()), (1, 1));
            let chunked = group.new_dataset_of::<String>().chunks([2]).maxshape([None]).attr("units", vec![1.5, 2.5]);
            chunked.create_with("c", ["a", "bc", "d"]).unwrap();
            group.new_dataset_of::<i8>().compact().attr("x", [true; 3]).shape([4]).create_with("compact", 7i8).unwrap();
            // More than a header of version 2 keeps.
            let many = (0..12).fold(group.new_group(), |new, n| new.attr(alloc::format!("a{n}"), n));
            many.create("many").unwrap();
            dataset.set_attr("units", "km").unwrap();
            dataset.set_attr("later", 1u8).unwrap();
            sound(&file);
            file.commit().unwrap();
            drop((file, group, dataset));
            let file = File::from_bytes(memory.to_vec()).unwrap();
            sound(&file);
            let (group, dataset) = (file.group("g").unwrap(), file.dataset("g/d").unwrap());
            assert_eq!(group.attr::<String>("name").unwrap(), "group");
            assert_eq!(group.attr_vec::<String>("words").unwrap(), ["one", "two"]);
            assert!(group.attribute("none").unwrap().space().is_null());
            assert_eq!((group.attr::<i32>("count").unwrap(), dataset.attr::<u8>("later").unwrap()), (3, 1));
            assert_eq!(dataset.attr::<String>("units").unwrap(), "km");
            assert_eq!(dataset.read_vec::<u16>().unwrap(), [1, 2, 3]);
            let chunked = file.dataset("g/c").unwrap();
            assert_eq!(chunked.read_vec::<String>().unwrap(), ["a", "bc", "d"]);
            assert_eq!(chunked.attr_vec::<f64>("units").unwrap(), [1.5, 2.5]);
            assert_eq!(file.dataset("g/compact").unwrap().read_vec::<i8>().unwrap(), [7; 4]);
            let many = file.group("g/many").unwrap();
            let all: Vec<i32> = (0..12).map(|n| many.attr(alloc::format!("a{n}")).unwrap()).collect();
            assert_eq!(all, (0..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn are_refused_before_anything_is_written() {
        for (at, (memory, file)) in files().enumerate() {
            let (root, words) = (file.root().unwrap(), [Value::String("x".into())]);
            file.create_dataset("there", 1).unwrap();
            file.commit().unwrap();
            let before = memory.to_vec();
            let long = vec![0u8; 70_000];
            let new = || root.new_group().attr("text", "kept in the heap");
            let byte = file.create_dataset("byte", 1u8).unwrap().dtype().clone();
            file.rollback().unwrap();
            let twice = new().attr("a", 1).attr("a", 2).create("g").map(drop);
            let many = (0..40).fold(new(), |new, n| new.attr(alloc::format!("a{}", n % 39), n)).create("g").map(drop);
            let short = new().attr_raw("raw", &byte, Some(&[2]), &[0]).create("g").map(drop);
            let other = new().attr_values("raw", &byte, Some(&[1]), &words).create("g").map(drop);
            let nameless = new().attr("", 1).create("g").map(drop);
            let taken = new().create("there").map(drop);
            let unfit = root.new_dataset_of::<u8>().attr("text", "t").shape([2]).create_with("d", [1, 1000]).map(drop);
            let too_few = root.new_dataset_of::<u8>().attr("text", "t").shape([2]).create_with_raw("d", &[0]).map(drop);
            let mut kinds: Vec<_> = [twice, many, short, other, nameless, taken, unfit, too_few]
                .into_iter()
                .map(|done| done.unwrap_err().kind())
                .collect();
            let too_long = new().attr("long", long).create("g").map(drop);
            assert_eq!(too_long.is_ok(), at == 1, "{too_long:?}");
            if let Err(error) = too_long {
                assert_eq!(error.kind(), ErrorKind::Limit);
                assert_eq!(file.condition().unwrap(), Condition::Sound);
                file.commit().unwrap();
                assert_eq!(memory.to_vec(), before);
            }
            kinds.dedup();
            let expected = [ErrorKind::Conflict, ErrorKind::Shape];
            assert_eq!(kinds.get(..2), Some(&expected[..]), "{kinds:?}");
            assert_eq!(file.condition().unwrap(), Condition::Sound);
        }
    }
}

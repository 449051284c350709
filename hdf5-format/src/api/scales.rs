//! Dimension scales: datasets that hold the coordinates of other datasets' axes, as HDF5's high-level library links them.
//!
//! A scale has the attribute `CLASS` = `DIMENSION_SCALE`, perhaps a `NAME`, and in `REFERENCE_LIST` the datasets and axes
//! that use it; a dataset has the scales of its axes in `DIMENSION_LIST` and the axes' labels in `DIMENSION_LABELS`.

use super::attribute::Attribute;
use super::dataset::Dataset;
use super::element::{Conversion, Record, Source, VarLenAscii};
use super::value::Reference;
use crate::codec::{Address, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, CharacterSet, Class, Datatype, Member, StringPadding};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

const CLASS: &str = "CLASS";
const NAME: &str = "NAME";
const USERS: &str = "REFERENCE_LIST";
const SCALES: &str = "DIMENSION_LIST";
const LABELS: &str = "DIMENSION_LABELS";

impl Dataset {
    /// True if the dataset is a dimension scale.
    pub fn is_scale(&self) -> bool {
        let class = self.attribute(CLASS).and_then(|class| class.read::<String>());
        class.is_ok_and(|class| class == "DIMENSION_SCALE")
    }

    /// The scale's name, if it has one.
    pub fn scale_name(&self) -> Option<String> {
        self.attribute(NAME).and_then(|name| name.read()).ok()
    }

    /// Makes the dataset a dimension scale.
    ///
    /// # Errors
    /// It has scales itself, the name is not ASCII, or the file is open for reading only.
    pub fn make_scale(&self, name: &str) -> Result<()> {
        if self.attribute(SCALES).is_ok() {
            return Err(self.named(Error::new(ErrorKind::Conflict, "a dataset with scales can not be one itself")));
        }
        if !name.is_ascii() || name.contains('\0') {
            let message = format!("{name:?} is no name of a scale: it is ASCII, without NUL");
            return Err(self.named(Error::new(ErrorKind::Invalid, message)));
        }
        self.set_text(CLASS, "DIMENSION_SCALE")?;
        self.set_text(NAME, name)
    }

    /// Sets an attribute to a string as long as its text and a NUL.
    fn set_text(&self, attribute: &str, text: &str) -> Result<()> {
        let size = u32::try_from(text.len().saturating_add(1)).unwrap_or(u32::MAX);
        let mut datatype = Datatype::string(size, CharacterSet::Ascii);
        datatype.class = Class::String { padding: StringPadding::NullTerminated, charset: CharacterSet::Ascii };
        let stored = [text.as_bytes(), &[0]].concat();
        self.set_attr_raw(attribute, &datatype, Some(&[]), &stored)
    }

    /// The scales of an axis, in the order in which they were attached.
    ///
    /// # Errors
    /// There is no such axis, or what a reference points at is damaged.
    pub fn scales(&self, axis: usize) -> Result<Vec<Dataset>> {
        self.check_axis(axis)?;
        let lists = self.scale_lists()?;
        let references = lists.get(axis).map_or(&[][..], Vec::as_slice);
        references.iter().map(|reference| self.file().dereference(reference)?.into_dataset()).collect()
    }

    /// Gives an axis a scale, which becomes one if it was none.
    ///
    /// ```
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
    /// let speed = file.create_dataset("speed", &[1.5, 2.5])?;
    /// let time = file.create_dataset("time", &[0, 10])?;
    /// speed.attach_scale(0, &time)?;
    /// speed.set_label(0, "t")?;
    /// assert_eq!(speed.scales(0)?[0].address(), time.address());
    /// assert_eq!(speed.label(0)?, Some("t".into()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// There is no such axis, the scale is in another file or has scales itself, this dataset is a scale, or the file is
    /// open for reading only.
    pub fn attach_scale(&self, axis: usize, scale: &Dataset) -> Result<()> {
        self.check_axis(axis)?;
        if !Arc::ptr_eq(&self.core, &scale.core) {
            return Err(self.named(Error::new(ErrorKind::Invalid, "the scale is in another file")));
        }
        if self.is_scale() {
            return Err(self.named(Error::new(ErrorKind::Conflict, "a scale can not have scales itself")));
        }
        let mut lists = self.scale_lists()?;
        let mut users = scale.users()?;
        let reference = Reference::Object(scale.address());
        if !scale.is_scale() {
            scale.make_scale("")?;
        }
        if let Some(list) = lists.get_mut(axis).filter(|list| !list.contains(&reference)) {
            list.push(reference);
            self.set_attr(SCALES, lists)?;
        }
        let user = (self.address(), axis);
        if !users.contains(&user) {
            users.push(user);
            scale.set_users(&users)?;
        }
        Ok(())
    }

    /// Takes a scale from an axis.
    ///
    /// # Errors
    /// The axis does not have it, or the file is open for reading only.
    pub fn detach_scale(&self, axis: usize, scale: &Dataset) -> Result<()> {
        self.check_axis(axis)?;
        let (mut lists, mut users) = (self.scale_lists()?, scale.users()?);
        let reference = Reference::Object(scale.address());
        let list = lists.get_mut(axis).filter(|list| list.contains(&reference));
        let list = list.ok_or_else(|| {
            let message = format!("{} is no scale of axis {axis}", scale.path());
            self.named(Error::new(ErrorKind::NotFound, message))
        })?;
        list.retain(|other| *other != reference);
        if lists.iter().all(Vec::is_empty) {
            self.delete_attr(SCALES)?
        } else {
            self.set_attr(SCALES, lists)?
        }
        users.retain(|user| *user != (self.address(), axis));
        if users.is_empty() { scale.delete_attr(USERS) } else { scale.set_users(&users) }
    }

    /// The label of an axis, if it has one.
    ///
    /// # Errors
    /// There is no such axis, or the labels are damaged.
    pub fn label(&self, axis: usize) -> Result<Option<String>> {
        self.check_axis(axis)?;
        Ok(self.labels()?.into_iter().nth(axis).filter(|label| !label.is_empty()))
    }

    /// Gives an axis a label; an empty one takes it away.
    ///
    /// # Errors
    /// There is no such axis, or the file is open for reading only.
    pub fn set_label(&self, axis: usize, label: &str) -> Result<()> {
        self.check_axis(axis)?;
        let mut labels = self.labels()?;
        labels.resize(self.ndim(), String::new());
        if let Some(place) = labels.get_mut(axis) {
            *place = label.into();
        }
        if labels.iter().all(|label| label.is_ascii()) {
            return self.set_attr(LABELS, labels.into_iter().map(VarLenAscii).collect::<Vec<_>>());
        }
        self.set_attr(LABELS, labels)
    }

    fn labels(&self) -> Result<Vec<String>> {
        self.attribute(LABELS).map_or(Ok(Vec::new()), |labels| labels.read_vec())
    }

    fn check_axis(&self, axis: usize) -> Result<()> {
        if axis < self.ndim() {
            return Ok(());
        }
        let message = format!("axis {axis} of a dataset of {} dimensions", self.ndim());
        Err(self.named(Error::new(ErrorKind::Shape, message)))
    }

    /// References to the scales of each axis.
    fn scale_lists(&self) -> Result<Vec<Vec<Reference>>> {
        let mut lists: Vec<Vec<Reference>> = match self.attribute(SCALES) {
            Ok(lists) => lists.read_vec()?,
            Err(_) => Vec::new(),
        };
        lists.resize(self.ndim(), Vec::new());
        Ok(lists)
    }

    /// The datasets and axes that use this scale.
    fn users(&self) -> Result<Vec<(Address, usize)>> {
        match self.attribute(USERS) {
            Ok(users) => users_of(&users).map_err(|e| self.named(e)),
            Err(_) => Ok(Vec::new()),
        }
    }

    fn set_users(&self, users: &[(Address, usize)]) -> Result<()> {
        let sizes = self.core.ctx().sizes();
        let reference = Datatype::object_reference(sizes);
        let number = Datatype::integer(4, true, ByteOrder::LittleEndian);
        // The C struct of the high-level library: both members at multiples of the reference's size.
        let size = reference.size.saturating_mul(2).max(8);
        let members = [("dataset", 0, reference.clone()), ("dimension", reference.size, number)];
        let members = members.map(|(name, offset, datatype)| Member { name: name.into(), offset, datatype });
        let datatype = Datatype { version: 1, size, class: Class::Compound { members: members.into() } };
        let mut stored = alloc::vec![0; users.len().saturating_mul(datatype.size())];
        for (element, (address, axis)) in stored.chunks_exact_mut(datatype.size().max(1)).zip(users) {
            let axis = i32::try_from(*axis).unwrap_or(i32::MAX).to_le_bytes();
            let address = address.0.to_le_bytes();
            let (to, rest) = element.split_at_mut_checked(reference.size()).unwrap_or_default();
            to.iter_mut().zip(address).for_each(|(to, from)| *to = from);
            rest.iter_mut().zip(axis).for_each(|(to, from)| *to = from);
        }
        self.set_attr_raw(USERS, &datatype, Some(&[users.len() as u64]), &stored)
    }
}

fn users_of(users: &Attribute) -> Result<Vec<(Address, usize)>> {
    let record = Record::new(users.dtype(), USERS, Conversion::Exact)?;
    let (dataset, dimension) = (record.load::<Reference>("dataset")?, record.load::<u64>("dimension")?);
    let mut source: Source<'_> = users.source();
    let mut found = Vec::new();
    for element in users.raw().chunks_exact(users.dtype().size().max(1)) {
        if let Reference::Object(address) = dataset.load(element, &mut source)? {
            found.push((address, to_usize(dimension.load::<u64>(element, &mut source)?)?));
        }
    }
    Ok(found)
}

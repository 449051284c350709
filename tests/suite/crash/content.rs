//! A number for all that a file holds.

use hdf5_format::datatype::contains_vlen;
use hdf5_format::{Attribute, Dataset, Error, ErrorKind, File, LinkKind, Object, Result, Select};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Sums names, kinds, types, shapes, values and attributes up.
///
/// # Errors
/// Anything of the file can not be read.
pub(crate) fn content(file: &File) -> Result<u64> {
    let mut sum = DefaultHasher::new();
    object(file.root_object()?, &mut sum, 0)?;
    Ok(sum.finish())
}

fn object(object: Object, sum: &mut DefaultHasher, depth: usize) -> Result<()> {
    assert!(depth < 20, "groups in groups");
    object.kind().hash(sum);
    object.info().reference_count().hash(sum);
    for attribute in object.info().attributes()? {
        let found = attribute?;
        sum_attribute(&found, sum)?;
    }
    match object {
        Object::Group(group) => {
            for member in group.iter() {
                let member = member?;
                member.link.display_name().hash(sum);
                match member.link.kind {
                    LinkKind::Hard(_) => self::object(member.object?, sum, depth + 1)?,
                    other => format!("{other:?}").hash(sum),
                }
            }
            group.len()?.hash(sum);
        }
        Object::Dataset(dataset) => sum_dataset(&dataset, sum)?,
        Object::NamedDatatype(named) => named.dtype().to_string().hash(sum),
        _ => return Err(Error::new(ErrorKind::Corrupt, "an object without a kind")),
    }
    Ok(())
}

fn sum_attribute(attribute: &Attribute, sum: &mut DefaultHasher) -> Result<()> {
    (attribute.name(), attribute.shape(), attribute.dtype().to_string()).hash(sum);
    if contains_vlen(attribute.dtype()) {
        format!("{:?}", attribute.read_values()?).hash(sum);
    } else {
        attribute.raw().hash(sum);
    }
    Ok(())
}

fn sum_dataset(dataset: &Dataset, sum: &mut DefaultHasher) -> Result<()> {
    (dataset.shape(), dataset.maxshape(), dataset.dtype().to_string()).hash(sum);
    if contains_vlen(dataset.dtype()) {
        format!("{:?}", dataset.read_values(Select::all())?).hash(sum);
    } else {
        dataset.read_raw(Select::all())?.0.hash(sum);
    }
    Ok(())
}

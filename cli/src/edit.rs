//! `h5 mkdir`, `rm`, `mv`, `cp`, `ln`, `set`: changes to a file, each one commit.

use crate::args::{Cli, CpArgs, LnArgs, MkdirArgs, MvArgs, RmArgs, SetArgs};
use crate::beside::Beside;
use crate::target;
use crate::{Failure, Outcome};
use hdf5_format::codec::Sizes;
use hdf5_format::edit::CopyStyle;
use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Class, Datatype};
use hdf5_format::{File, Group, Object, Select, Value};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// `h5 mkdir`.
pub(crate) fn mkdir(cli: &Cli, args: &MkdirArgs) -> Outcome {
    change(cli, &args.file, |root| {
        for path in &args.paths {
            if args.parents {
                make_all(root, path)?;
            } else {
                root.create_group(path)?;
            }
        }
        Ok(())
    })
}

/// Makes the groups of a path that are not there.
fn make_all(root: &Group, path: &str) -> hdf5_format::Result<()> {
    let mut group = root.clone();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        group = if group.link(name).is_ok() { group.group(name)? } else { group.create_group(name)? };
    }
    Ok(())
}

/// `h5 rm`.
pub(crate) fn rm(cli: &Cli, args: &RmArgs) -> Outcome {
    change(cli, &args.file, |root| {
        for path in &args.paths {
            let done = match attribute(root, path) {
                Some((object, name)) => root.get(object)?.info().delete_attr(name),
                None => root.delete(path),
            };
            match done {
                Err(error) if args.force && error.kind() == hdf5_format::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(())
    })
}

/// `h5 mv`.
pub(crate) fn mv(cli: &Cli, args: &MvArgs) -> Outcome {
    change(cli, &args.file, |root| match (attribute(root, &args.from), args.to.strip_prefix('@')) {
        (Some((object, name)), to) => Ok(root.get(object)?.info().rename_attr(name, to.unwrap_or(&args.to))?),
        (None, _) => Ok(root.rename(&args.from, &args.to)?),
    })
}

/// `h5 ln`.
pub(crate) fn ln(cli: &Cli, args: &LnArgs) -> Outcome {
    change(cli, &args.file, |root| match (&args.external, args.soft) {
        (Some(file), _) => Ok(root.link_external(&args.path, file, &args.target)?),
        (None, true) => Ok(root.link_path(&args.path, &args.target)?),
        (None, false) => Ok(root.link_object(&args.path, root.get(&args.target)?.info())?),
    })
}

/// `h5 cp`.
pub(crate) fn cp(cli: &Cli, args: &CpArgs) -> Outcome {
    let (from_file, from) = place(&args.from)?;
    let mut style = CopyStyle::default();
    (style.shallow, style.without_attributes) = (args.shallow, args.no_attrs);
    (style.expand_soft, style.expand_external) = (args.expand_soft, args.expand_external);
    style.expand_references = args.expand_references;
    let (to_file, to) = match args.to.split_once("::") {
        Some((file, path)) => (PathBuf::from(file), path.to_string()),
        None => (from_file.clone(), args.to.clone()),
    };
    let copy = |object: &Object, root: &Group| {
        if args.parents {
            make_parents(root, &to)?;
        }
        root.copy_object(object.info(), &to, &style)
    };
    if same(&from_file, &to_file) {
        let file = target::open_rw(cli, &from_file)?;
        return commit(&file, |root| Ok(copy(&root.get(&from)?, root)?));
    }
    let source = target::open(cli, &from_file)?;
    let object = source.get(&from)?;
    if to_file.exists() {
        return change(cli, &to_file, |root| Ok(copy(&object, root)?));
    }
    let beside = Beside::of(&to_file);
    let target = File::create(beside.path())?;
    copy(&object, &target.root()?)?;
    target.commit()?;
    Ok(beside.take_place()?)
}

/// True for two names of one file.
pub(crate) fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Makes the groups on the way to a path that are not there.
pub(crate) fn make_parents(root: &Group, path: &str) -> hdf5_format::Result<()> {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((parents, _)) => make_all(root, parents),
        None => Ok(()),
    }
}

/// `FILE::PATH`.
fn place(text: &str) -> Result<(PathBuf, String), Failure> {
    let (file, path) = text
        .split_once("::")
        .ok_or_else(|| Failure::text(format!("{text:?}: expected FILE::PATH, such as data.h5::/run1")))?;
    Ok((file.into(), path.into()))
}

/// `OBJECT@NAME`, unless there is an object of the whole name.
fn attribute<'p>(root: &Group, path: &'p str) -> Option<(&'p str, &'p str)> {
    let (object, name) = path.rsplit_once('@')?;
    let object = if object.is_empty() { "/" } else { object };
    (!root.contains(path)).then_some((object, name))
}

/// One commit, or nothing.
fn change(cli: &Cli, file: &Path, work: impl FnOnce(&Group) -> Outcome) -> Outcome {
    commit(&target::open_rw(cli, file)?, work)
}

fn commit(file: &File, work: impl FnOnce(&Group) -> Outcome) -> Outcome {
    work(&file.root()?)?;
    Ok(file.commit()?)
}

/// `h5 set`.
pub(crate) fn set(cli: &Cli, args: &SetArgs) -> Outcome {
    let (file, target) = place(&args.target)?;
    // What is not JSON is text.
    let value = serde_json::from_str(&args.value).unwrap_or_else(|_| Json::String(args.value.clone()));
    let file = target::open_rw(cli, &file)?;
    let root = file.root()?;
    let sizes = file.superblock().sizes;
    match attribute(&root, &target) {
        Some((object, name)) => {
            let object = root.get(object)?;
            let old = object.info().attribute(name).ok();
            let (shape, items) = flatten(&value)?;
            let datatype = match (&args.dtype, &old) {
                (Some(name), _) => named_type(name, sizes)?,
                // The value of an attribute that is there keeps its type.
                (None, Some(old)) => old.dtype().clone(),
                (None, None) => guessed_type(&items, sizes)?,
            };
            let values = items.iter().map(|item| converted(item, &datatype)).collect::<Result<Vec<_>, _>>()?;
            object.info().set_attr_values(name, &datatype, Some(&shape), &values)?;
        }
        None => {
            let (path, slice) = match target.strip_suffix(']').and_then(|t| t.split_once('[')) {
                Some((path, slice)) if !root.contains(&target) => (path, slice.parse::<Select>()?),
                _ => (target.as_str(), Select::from(..)),
            };
            let dataset = root.dataset(path)?;
            let count: u64 = dataset.selected_shape(slice.clone())?.iter().product();
            let (_, items) = flatten(&value)?;
            let mut values =
                items.iter().map(|item| converted(item, dataset.dtype())).collect::<Result<Vec<_>, _>>()?;
            // One value goes to all places.
            if let [one] = values.as_slice() {
                values = vec![one.clone(); usize::try_from(count).unwrap_or(usize::MAX)];
            }
            dataset.write_values(slice, &values)?;
        }
    }
    Ok(file.commit()?)
}

/// Nested lists as a shape and their items in C order.
fn flatten(value: &Json) -> Result<(Vec<u64>, Vec<Json>), Failure> {
    let Json::Array(list) = value else { return Ok((Vec::new(), vec![value.clone()])) };
    let (mut inner, mut items) = (None, Vec::new());
    for item in list {
        let (shape, found) = flatten(item)?;
        if inner.get_or_insert_with(|| shape.clone()) != &shape {
            return Err(Failure::text("the lists have different lengths".into()));
        }
        items.extend(found);
    }
    let mut shape = vec![list.len() as u64];
    shape.extend(inner.unwrap_or_default());
    Ok((shape, items))
}

/// The type that fits all items: integers, floats, booleans or text.
fn guessed_type(items: &[Json], sizes: Sizes) -> Result<Datatype, Failure> {
    let all = |test: fn(&Json) -> bool| items.iter().all(test);
    let name = match () {
        () if all(Json::is_boolean) => "bool",
        () if all(Json::is_i64) => "i64",
        () if all(Json::is_u64) => "u64",
        () if all(Json::is_number) => "f64",
        () if all(Json::is_string) => "str",
        () => return Err(Failure::text("the value has items of different kinds; give one kind, or --type".into())),
    };
    named_type(name, sizes)
}

fn named_type(name: &str, sizes: Sizes) -> Result<Datatype, Failure> {
    let little = ByteOrder::LittleEndian;
    let bytes = |bits: &str| bits.parse::<u8>().ok().filter(|b| [8, 16, 32, 64].contains(b)).map(|b| b / 8);
    let datatype = match name.split_at_checked(1) {
        _ if name == "bool" => Some(Datatype::boolean()),
        _ if name == "str" => Some(Datatype::vlen_string(CharacterSet::Utf8, sizes)),
        Some(("i", bits)) => bytes(bits).map(|n| Datatype::integer(n, true, little)),
        Some(("u", bits)) => bytes(bits).map(|n| Datatype::integer(n, false, little)),
        Some(("f", bits)) => bytes(bits).and_then(|n| Datatype::float(n, little).ok()),
        Some(("S", len)) => len.parse().ok().map(|len| Datatype::string(len, CharacterSet::Utf8)),
        _ => None,
    };
    datatype.ok_or_else(|| {
        Failure::text(format!("{name:?} is no type; expected i8 to i64, u8 to u64, f16 to f64, bool, str or S<bytes>"))
    })
}

/// A JSON value as an element of a type.
fn converted(value: &Json, datatype: &Datatype) -> Result<Value, Failure> {
    let wrong = || Failure::text(format!("{value} does not go into elements of type {datatype}"));
    Ok(match (value, &datatype.class) {
        (Json::Bool(truth), Class::Enum { .. }) => Value::Bool(*truth),
        (Json::Number(number), Class::FloatingPoint(_)) => Value::Float(number.as_f64().ok_or_else(wrong)?),
        (Json::Number(number), _) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Uint(number),
            (None, None) => return Err(wrong()),
        },
        (Json::String(text), Class::Enum { members, base }) => {
            let member = members.iter().find(|(name, _)| name == text.as_bytes()).ok_or_else(wrong)?;
            let little = !matches!(base.class, Class::FixedPoint { order: ByteOrder::BigEndian, .. });
            let fold = |number: i128, byte: &u8| number << 8 | i128::from(*byte);
            let number = if little { member.1.iter().rev().fold(0, fold) } else { member.1.iter().fold(0, fold) };
            Value::Enum { value: number, name: None }
        }
        (Json::String(text), _) => Value::String(text.clone().into_bytes()),
        (Json::Object(fields), Class::Compound { members }) => {
            let mut values = Vec::new();
            for member in members {
                let name = String::from_utf8_lossy(&member.name).into_owned();
                let field = fields.get(&name).ok_or_else(wrong)?;
                values.push((name, converted(field, &member.datatype)?));
            }
            Value::Compound(values)
        }
        _ => return Err(wrong()),
    })
}

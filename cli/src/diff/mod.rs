//! `h5 diff`: what two files, or objects of them, do not have in common.
//!
//! Objects are told apart by their paths, values by what they mean: bytes in the file, addresses, versions and the order
//! of creation make no difference, nor do layouts and filters unless they are asked for.

mod report;
mod values;

use crate::args::{Cli, DiffArgs, ObjectArgs};
use crate::digest::paths;
use crate::target::Target;
use crate::{Failure, Outcome, text};
use hdf5_format::{Address, Attribute, Dataset, File, Group, Link, LinkKind, Object, ObjectInfo, Result};
use report::{Report, Sides};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use values::{Compare, Tolerance};

/// `h5 diff`.
pub(crate) fn run(cli: &Cli, args: &DiffArgs) -> Outcome {
    let open = |file: &std::path::PathBuf| {
        let target = Target::open(cli, &ObjectArgs { file: file.clone(), path: None })?;
        let object = target.object()?;
        Ok((Side { file: target.file, paths: OnceCell::new() }, object))
    };
    let (a, one) = open(&args.a).map_err(Failure::Unreadable)?;
    let (b, other) = open(&args.b).map_err(Failure::Unreadable)?;
    let names = Sides(args.a.display().to_string(), args.b.display().to_string());
    let mut diff = Diff {
        sides: Sides(a, b),
        tolerance: Tolerance { absolute: args.abs, relative: args.rel },
        storage: args.storage,
        attributes: !args.no_attrs,
        shown: if args.brief { 0 } else { args.limit },
        report: Report::new(cli.json, names),
        met: BTreeSet::new(),
        left: vec![(String::new(), one, other)],
    };
    while let Some((path, a, b)) = diff.left.pop() {
        diff.objects(&path, &a, &b)?;
    }
    diff.report.end()
}

/// One of the two files.
struct Side {
    file: File,
    /// Paths of all objects by their addresses, for what references lead to.
    paths: OnceCell<HashMap<Address, String>>,
}

impl Side {
    fn path_of(&self, address: Address) -> String {
        let paths = self.paths.get_or_init(|| paths(&self.file));
        paths.get(&address).cloned().unwrap_or_else(|| "an object without a path".into())
    }
}

struct Diff {
    sides: Sides<Side>,
    tolerance: Tolerance,
    storage: bool,
    attributes: bool,
    /// Values shown of each dataset or attribute.
    shown: usize,
    report: Report,
    /// Pairs of objects that were compared: hard links make cycles.
    met: BTreeSet<(Address, Address)>,
    /// Pairs still to be compared, the next one last.
    left: Vec<(String, Object, Object)>,
}

impl Diff {
    fn objects(&mut self, path: &str, a: &Object, b: &Object) -> Outcome {
        if !self.met.insert((a.info().address(), b.info().address())) {
            return Ok(());
        }
        let name = if path.is_empty() { "/" } else { path };
        if self.attributes {
            self.all_attributes(name, a.info(), b.info())?;
        }
        match (a, b) {
            (Object::Group(a), Object::Group(b)) => self.groups(path, a, b),
            (Object::Dataset(a), Object::Dataset(b)) => self.datasets(name, a, b),
            (Object::NamedDatatype(a), Object::NamedDatatype(b)) => {
                self.texts(name, "type", &a.dtype().to_string(), &b.dtype().to_string())
            }
            _ => self.texts(name, "kind", a.kind(), b.kind()),
        }
    }

    /// Two descriptions of something.
    fn texts(&mut self, path: &str, what: &str, a: &str, b: &str) -> Outcome {
        if a == b { Ok(()) } else { self.report.differs(path, what, a, b) }
    }

    /// What two sides have by name: those of one side only are reported, the pairs returned.
    fn pairs<T>(
        &mut self,
        (a, b): (BTreeMap<String, T>, BTreeMap<String, T>),
        path: impl Fn(&str) -> String,
        describe: impl Fn(&T) -> String,
    ) -> std::result::Result<Vec<(String, T, T)>, Failure> {
        let (mut b, mut both) = (b, Vec::new());
        for (name, one) in a {
            match b.remove(&name) {
                Some(other) => both.push((name, one, other)),
                None => self.report.only(&path(&name), 0, &describe(&one))?,
            }
        }
        b.iter().try_for_each(|(name, other)| self.report.only(&path(name), 1, &describe(other)))?;
        Ok(both)
    }

    fn groups(&mut self, path: &str, a: &Group, b: &Group) -> Outcome {
        let of = |name: &str| format!("{path}/{name}");
        let a_links = self.readable(&of("*"), a.links(), Link::display_name)?;
        let b_links = self.readable(&of("*"), b.links(), Link::display_name)?;
        let pairs = self.pairs((a_links, b_links), of, |link| kind(&link.kind))?;
        let mut below = Vec::new();
        for (name, one, other) in pairs {
            let path = of(&name);
            if !matches!((&one.kind, &other.kind), (LinkKind::Hard(_), LinkKind::Hard(_))) {
                self.texts(&path, "link", &kind(&one.kind), &kind(&other.kind))?;
                continue;
            }
            match (a.open(&one), b.open(&other)) {
                (Ok(one), Ok(other)) => below.push((path, one, other)),
                (one, other) => {
                    [one.err(), other.err()].iter().flatten().try_for_each(|e| self.report.unreadable(&path, e))?;
                }
            }
        }
        self.left.extend(below.into_iter().rev());
        Ok(())
    }

    /// What can be read, by name; the rest is reported.
    fn readable<T>(
        &mut self,
        path: &str,
        found: Vec<Result<T>>,
        name: impl Fn(&T) -> String,
    ) -> std::result::Result<BTreeMap<String, T>, Failure> {
        let mut out = BTreeMap::new();
        for found in found {
            match found {
                Ok(found) => drop(out.insert(name(&found), found)),
                Err(error) => self.report.unreadable(path, &error)?,
            }
        }
        Ok(out)
    }

    fn all_attributes(&mut self, path: &str, a: &ObjectInfo, b: &ObjectInfo) -> Outcome {
        let of = |name: &str| format!("{path}@{name}");
        let (one, other) = match (a.attributes(), b.attributes()) {
            (Ok(one), Ok(other)) => (one, other),
            (one, other) => {
                let errors = [one.err(), other.err()];
                return errors.iter().flatten().try_for_each(|e| self.report.unreadable(path, e));
            }
        };
        let one = self.readable(&of("*"), one, Attribute::display_name)?;
        let other = self.readable(&of("*"), other, Attribute::display_name)?;
        let describe = |a: &Attribute| format!("attribute {} {}", space(a.space().is_null(), a.shape()), a.dtype());
        for (name, one, other) in self.pairs((one, other), of, describe)? {
            self.one_attribute(&of(&name), &one, &other)?;
        }
        let comment = |info: &ObjectInfo| info.comment().map(|text| String::from_utf8_lossy(&text).into_owned());
        self.texts(path, "comment", &comment(a).unwrap_or_default(), &comment(b).unwrap_or_default())
    }

    fn one_attribute(&mut self, path: &str, a: &Attribute, b: &Attribute) -> Outcome {
        self.texts(path, "type", &a.dtype().to_string(), &b.dtype().to_string())?;
        let shapes = [a, b].map(|side| space(side.space().is_null(), side.shape()));
        if shapes[0] != shapes[1] || a.space().is_null() {
            return self.texts(path, "shape", &shapes[0], &shapes[1]);
        }
        let found = Compare::new(&self.sides, &self.tolerance, self.shown).attributes(a, b);
        self.report.values(path, found)
    }

    fn datasets(&mut self, path: &str, a: &Dataset, b: &Dataset) -> Outcome {
        self.texts(path, "type", &a.dtype().to_string(), &b.dtype().to_string())?;
        let [max_a, max_b] = [a, b].map(|side| format!("{:?}", side.maxshape()));
        let shapes = [a, b].map(|side| space(side.space().is_null(), side.shape()));
        let same_shape = shapes[0] == shapes[1];
        if !same_shape || max_a != max_b {
            self.report.differs(path, "shape", &text::shape(a), &text::shape(b))?;
        }
        if self.storage {
            let [a, b] = [a, b].map(storage);
            for ((what, a), (_, b)) in a.iter().zip(&b) {
                self.texts(path, what, a, b)?;
            }
        }
        if !same_shape || a.space().is_null() {
            return Ok(());
        }
        let found = Compare::new(&self.sides, &self.tolerance, self.shown).datasets(a, b);
        self.report.values(path, found)
    }
}

fn space(is_null: bool, dims: &[u64]) -> String {
    if is_null { "null".into() } else { text::dims(dims) }
}

fn kind(link: &LinkKind) -> String {
    let text = |bytes: &[u8]| text::escaped(&String::from_utf8_lossy(bytes));
    match link {
        LinkKind::Hard(_) => "object".into(),
        LinkKind::Soft(path) => format!("soft link to {}", text(path)),
        LinkKind::External { file, path } => format!("external link to {} in {}", text(path), text(file)),
        LinkKind::UserDefined { class, .. } => format!("user-defined link of class {class}"),
        _ => "link".into(),
    }
}

/// How a dataset is stored, by what.
fn storage(dataset: &Dataset) -> Vec<(&'static str, String)> {
    let filters: Vec<String> = dataset.filters().iter().map(text::filter).collect();
    let fill = dataset.fill_value();
    vec![
        ("layout", format!("{:?}", dataset.layout())),
        ("chunks", dataset.chunks().map_or_else(|| "none".into(), text::dims)),
        ("filters", if filters.is_empty() { "none".into() } else { filters.join("+") }),
        ("fill value", format!("{:?}, {:?}, {:?}", fill.fill, fill.fill_time, fill.alloc_time)),
    ]
}

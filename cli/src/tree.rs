//! `h5 tree` and `h5 ls`.

use crate::args::{Cli, LsArgs, TreeArgs};
use crate::target::Target;
use crate::term::{DATASET, ERROR, FAINT, GROUP, LINK, TYPE, paint};
use crate::{Failure, Outcome, attrs, text};
use hdf5_format::{Address, Dataset, Group, Layout, Link, LinkKind, Object, Result};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;

/// `h5 tree`.
pub(crate) fn tree(cli: &Cli, args: &TreeArgs) -> Outcome {
    let target = Target::open(cli, &args.object)?;
    let object = target.object()?;
    let mut tree = Tree { args, seen: HashSet::new(), failed: 0, out: anstream::stdout().lock() };
    if cli.json {
        let value = tree.json(&object, 0);
        writeln!(tree.out, "{value:#}")?;
    } else {
        writeln!(tree.out, "{}", describe(&target.path, &object))?;
        tree.children(object)?;
    }
    if tree.failed > 0 { Err(Failure::Partial(tree.failed)) } else { Ok(()) }
}

struct Tree<'a, W> {
    args: &'a TreeArgs,
    /// Groups shown: a second hard link to one is not shown again.
    seen: HashSet<Address>,
    failed: usize,
    out: W,
}

/// A line still to be printed: the indentation, the tee, and what it is about.
struct Pending {
    indent: String,
    last: bool,
    depth: usize,
    group: Group,
    link: Result<Link>,
}

impl<W: Write> Tree<'_, W> {
    /// Prints everything below an object; without recursion, for files nest thousands of groups.
    fn children(&mut self, object: Object) -> std::io::Result<()> {
        let mut stack = Vec::new();
        self.push(object, "", 0, &mut stack)?;
        while let Some(Pending { indent, last, depth, group, link }) = stack.pop() {
            let tee = if last { "└── " } else { "├── " };
            let line = match &link {
                Ok(link) => self.line(&group, link),
                Err(e) => (self.broken(&e.to_string()), None),
            };
            writeln!(self.out, "{}{}", paint(FAINT, &format!("{indent}{tee}")), line.0)?;
            if let Some(object) = line.1 {
                let indent = format!("{indent}{}", if last { "    " } else { "│   " });
                self.push(object, &indent, depth + 1, &mut stack)?;
            }
        }
        Ok(())
    }

    fn broken(&mut self, reason: &str) -> String {
        self.failed += 1;
        paint(ERROR, reason)
    }

    /// Puts the members of a group on the stack, and prints an object's attributes.
    fn push(&mut self, object: Object, indent: &str, depth: usize, stack: &mut Vec<Pending>) -> std::io::Result<()> {
        if self.args.attrs {
            for line in attrs::lines(object.info()) {
                writeln!(self.out, "{}{line}", paint(FAINT, &format!("{indent}  @")))?;
            }
        }
        let Object::Group(group) = object else { return Ok(()) };
        if !self.seen.insert(group.address()) || self.args.depth.is_some_and(|most| depth >= most) {
            return Ok(());
        }
        let links = group.links();
        let count = links.len();
        let pending = links.into_iter().enumerate().rev().map(|(i, link)| Pending {
            indent: indent.to_string(),
            last: i + 1 == count,
            depth,
            group: group.clone(),
            link,
        });
        stack.extend(pending);
        Ok(())
    }

    /// The line of a link, and the object to go on with.
    fn line(&mut self, group: &Group, link: &Link) -> (String, Option<Object>) {
        let name = link.display_name();
        match &link.kind {
            LinkKind::Hard(address) => match group.open(link) {
                Ok(Object::Group(g)) if self.seen.contains(address) => {
                    let note = paint(FAINT, &format!(" (shown above, address {})", g.address()));
                    (format!("{}{note}", paint(GROUP, &name)), None)
                }
                Ok(object) => (describe(&name, &object), Some(object)),
                Err(e) => (format!("{name}  {}", self.broken(&e.to_string())), None),
            },
            other => (format!("{} {}", paint(LINK, &name), paint(FAINT, &arrow(other))), None),
        }
    }

    fn json(&mut self, object: &Object, depth: usize) -> Value {
        let mut out = summary(object);
        if self.args.attrs {
            out["attrs"] = attrs::json(object.info());
        }
        let Object::Group(group) = object else { return out };
        // The depth of JSON is bounded as that of the readers is.
        let most = self.args.depth.unwrap_or(usize::MAX).min(100);
        if !self.seen.insert(group.address()) || depth >= most {
            return out;
        }
        let mut members = serde_json::Map::new();
        for link in group.links() {
            match link {
                Ok(link) => {
                    let value = match &link.kind {
                        LinkKind::Hard(_) => match group.open(&link) {
                            Ok(object) => self.json(&object, depth + 1),
                            Err(e) => json!({ "error": self.broken(&e.to_string()) }),
                        },
                        other => link_json(other),
                    };
                    members.insert(link.display_name(), value);
                }
                Err(e) => {
                    self.broken("");
                    out["error"] = json!(e.to_string());
                }
            }
        }
        out["members"] = Value::Object(members);
        out
    }
}

/// `h5 ls`.
pub(crate) fn ls(cli: &Cli, args: &LsArgs) -> Outcome {
    let target = Target::open(cli, &args.object)?;
    let mut out = anstream::stdout().lock();
    let group = match target.object()? {
        Object::Group(group) => group,
        object if cli.json => return Ok(writeln!(out, "{}", summary(&object))?),
        object => return Ok(writeln!(out, "{}", describe(&target.path, &object))?),
    };
    let mut list = List { args, failed: 0, members: cli.json.then(serde_json::Map::new), out };
    list.group(group)?;
    if let Some(members) = list.members {
        writeln!(list.out, "{:#}", Value::Object(members))?;
    }
    if list.failed > 0 { Err(Failure::Partial(list.failed)) } else { Ok(()) }
}

struct List<'a, W> {
    args: &'a LsArgs,
    failed: usize,
    /// What is printed in the end, where that is JSON.
    members: Option<serde_json::Map<String, Value>>,
    out: W,
}

impl<W: Write> List<'_, W> {
    /// Lists the members of a group, and what is below them; without recursion, for files nest thousands of groups.
    fn group(&mut self, group: Group) -> std::io::Result<()> {
        let mut seen = HashSet::from([group.address()]);
        let mut stack = vec![(String::new(), group.clone(), group.links().into_iter())];
        while let Some((prefix, group, links)) = stack.last_mut() {
            let Some(link) = links.next() else {
                stack.pop();
                continue;
            };
            let link = match link {
                Ok(link) => link,
                Err(e) => {
                    self.failed += 1;
                    let shown = paint(ERROR, &e.to_string());
                    // What is printed for other programs stays JSON.
                    if self.members.is_some() {
                        anstream::eprintln!("{shown}")
                    } else {
                        writeln!(self.out, "{shown}")?
                    }
                    continue;
                }
            };
            let path = format!("{prefix}{}", link.display_name());
            let opened = if let LinkKind::Hard(_) = link.kind { Some(group.open(&link)) } else { None };
            self.member(&path, &link, opened.as_ref())?;
            if let Some(Ok(Object::Group(below))) = opened
                && self.args.recursive
                && seen.insert(below.address())
            {
                let links = below.links().into_iter();
                stack.push((format!("{path}/"), below, links));
            }
        }
        Ok(())
    }

    /// Lists one member: its name alone, or what is known about it.
    fn member(&mut self, path: &str, link: &Link, opened: Option<&Result<Object>>) -> std::io::Result<()> {
        self.failed += usize::from(matches!(opened, Some(Err(_))));
        if let Some(members) = &mut self.members {
            let value = match opened {
                Some(Ok(object)) => summary(object),
                Some(Err(e)) => json!({ "error": e.to_string() }),
                None => link_json(&link.kind),
            };
            members.insert(path.to_string(), value);
            return Ok(());
        }
        match opened {
            _ if !self.args.long => writeln!(self.out, "{path}"),
            Some(Ok(object)) => writeln!(self.out, "{}", describe(path, object)),
            Some(Err(e)) => writeln!(self.out, "{path}  {}", paint(ERROR, &e.to_string())),
            None => writeln!(self.out, "{} {}", paint(LINK, path), paint(FAINT, &arrow(&link.kind))),
        }
    }
}

fn arrow(kind: &LinkKind) -> String {
    let show = |b: &[u8]| text::escaped(&String::from_utf8_lossy(b));
    match kind {
        LinkKind::Soft(path) => format!("-> {}", show(path)),
        LinkKind::External { file, path } => format!("-> {}::{}", show(file), show(path)),
        LinkKind::UserDefined { class, data } => format!("(user-defined link, class {class}, {} bytes)", data.len()),
        _ => String::new(),
    }
}

fn link_json(kind: &LinkKind) -> Value {
    let show = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    match kind {
        LinkKind::Soft(path) => json!({ "kind": "soft", "target": show(path) }),
        LinkKind::External { file, path } => json!({ "kind": "external", "file": show(file), "target": show(path) }),
        LinkKind::UserDefined { class, .. } => json!({ "kind": "user-defined", "class": class }),
        _ => json!({ "kind": "hard" }),
    }
}

/// Name and one line about an object.
pub(crate) fn describe(name: &str, object: &Object) -> String {
    let name = text::escaped(name);
    match object {
        Object::Group(group) => {
            let count = group.len().map(|n| format!("{n} member{}", if n == 1 { "" } else { "s" }));
            let count = count.unwrap_or_else(|e| e.to_string());
            format!("{} {}", paint(GROUP, &name), paint(FAINT, &format!("({count})")))
        }
        Object::Dataset(d) => format!("{}  {}", paint(DATASET, &name), dataset_line(d)),
        Object::NamedDatatype(t) => format!("{name}  {} {}", paint(FAINT, "type"), paint(TYPE, &t.dtype().to_string())),
        _ => format!("{name}  {}", paint(FAINT, "(unknown kind of object)")),
    }
}

fn dataset_line(dataset: &Dataset) -> String {
    let mut parts = vec![format!("{} {}", text::shape(dataset), paint(TYPE, &dataset.dtype().to_string()))];
    match dataset.layout() {
        Layout::Contiguous => {}
        Layout::Chunked(_) => parts.push(format!("chunks {}", text::dims(dataset.chunks().unwrap_or(&[])))),
        other => parts.push(format!("{other:?}").to_lowercase()),
    }
    let filters: Vec<String> = dataset.filters().iter().map(text::filter).collect();
    if !filters.is_empty() {
        parts.push(filters.join("+"));
    }
    parts.push(text::size(dataset));
    parts.retain(|p| !p.is_empty());
    parts.join(&paint(FAINT, ", "))
}

/// One object as JSON, without what is below it.
pub(crate) fn summary(object: &Object) -> Value {
    let mut out = json!({ "kind": object.kind() });
    match object {
        Object::Dataset(d) => {
            out["shape"] = if d.space().is_null() { Value::Null } else { json!(d.shape()) };
            out["maxshape"] = json!(d.maxshape());
            out["dtype"] = json!(d.dtype().to_string());
            out["layout"] = match d.layout() {
                Layout::Chunked(index) => json!({ "class": "chunked", "chunks": d.chunks(), "index": index }),
                other => json!({ "class": format!("{other:?}").to_lowercase() }),
            };
            out["filters"] = d.filters().iter().map(text::filter).collect();
            match d.storage_size() {
                Ok(bytes) => out["stored_bytes"] = json!(bytes),
                Err(e) => out["error"] = json!(e.to_string()),
            }
        }
        Object::NamedDatatype(t) => out["dtype"] = json!(t.dtype().to_string()),
        _ => {}
    }
    out
}

//! `h5 info`.

use crate::args::{Cli, ObjectArgs};
use crate::target::Target;
use crate::{Outcome, attrs, text, tree};
use hdf5_format::format::message::MessageKind;
use hdf5_format::{File, LinkKind, Object};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;

/// Objects looked at for the totals of a file.
const MOST_OBJECTS: usize = 1_000_000;

/// `h5 info`.
pub(crate) fn run(cli: &Cli, args: &ObjectArgs) -> Outcome {
    let target = Target::open(cli, args)?;
    let object = target.object()?;
    let whole = target.path == "/";
    let value = if whole { file_info(&target.file) } else { object_info(&object) };
    let mut out = anstream::stdout().lock();
    if cli.json {
        writeln!(out, "{value:#}")?;
    } else {
        print(&value, 0, &mut out)?;
    }
    Ok(())
}

/// A JSON object as indented lines.
fn print(value: &Value, indent: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let Value::Object(members) = value else { return Ok(()) };
    let width = members.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in members {
        let pad = " ".repeat(indent);
        match value {
            Value::Object(_) => {
                writeln!(out, "{pad}{name}")?;
                print(value, indent + 2, out)?;
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                writeln!(out, "{pad}{name:width$}  {}", items.join(", "))?;
            }
            other => writeln!(out, "{pad}{name:width$}  {}", plain(other))?,
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text::escaped(text),
        other => other.to_string(),
    }
}

fn file_info(file: &File) -> Value {
    let (superblock, opened) = (file.superblock(), file.opened());
    let mut out = json!({
        "size": text::bytes(file.context().base() + file.context().end()),
        "superblock": superblock.version,
        "user block": file.user_block(),
        "sizes": format!("{} bytes an address, {} a length", superblock.sizes.offset, superblock.sizes.length),
    });
    if let Some(space) = &opened.file_space {
        let persist = if space.persist { ", kept in the file" } else { "" };
        out["file space"] = json!(format!("{:?}{persist}, pages of {}", space.strategy, space.page_size));
    }
    if let Some(driver) = &opened.driver {
        out["driver"] = json!(String::from_utf8_lossy(&driver.id));
    }
    let totals = Totals::count(file);
    let found = conventions(file);
    if !found.is_empty() {
        out["conventions"] = json!(found);
    }
    out["content"] = totals.json();
    let warnings: Vec<String> = file.warnings().iter().map(ToString::to_string).collect();
    if !warnings.is_empty() {
        out["warnings"] = json!(warnings);
    }
    out
}

/// What is in a file.
#[derive(Default)]
struct Totals {
    groups: u64,
    datasets: u64,
    types: u64,
    attributes: u64,
    stored: u64,
    logical: u64,
    unreadable: u64,
    filters: std::collections::BTreeMap<String, u64>,
}

impl Totals {
    fn count(file: &File) -> Self {
        let mut totals = Totals::default();
        let mut seen = HashSet::from([file.root_address()]);
        let mut stack: Vec<Object> = file.root_object().into_iter().collect();
        while let Some(object) = stack.pop() {
            totals.add(&object);
            let Object::Group(group) = object else { continue };
            for link in group.links() {
                let Ok(link) = link else {
                    totals.unreadable += 1;
                    continue;
                };
                let LinkKind::Hard(address) = link.kind else { continue };
                if seen.len() >= MOST_OBJECTS || !seen.insert(address) {
                    continue;
                }
                match group.open(&link) {
                    Ok(object) => stack.push(object),
                    Err(_) => totals.unreadable += 1,
                }
            }
        }
        totals
    }

    fn add(&mut self, object: &Object) {
        self.attributes += object.info().attributes().map_or(0, |a| a.len() as u64);
        match object {
            Object::Group(_) => self.groups += 1,
            Object::NamedDatatype(_) => self.types += 1,
            Object::Dataset(d) => {
                self.datasets += 1;
                self.stored = self.stored.saturating_add(d.storage_size().unwrap_or(0));
                let bytes = d.size().unwrap_or(0).saturating_mul(d.dtype().size() as u64);
                self.logical = self.logical.saturating_add(bytes);
                for filter in d.filters() {
                    let name = text::filter(filter);
                    *self.filters.entry(name.split('=').next().unwrap_or("").to_string()).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    fn json(&self) -> Value {
        let mut out = json!({
            "groups": self.groups,
            "datasets": self.datasets,
            "attributes": self.attributes,
            "data": format!("{} stored of {}", text::bytes(self.stored), text::bytes(self.logical)),
        });
        if self.types > 0 {
            out["committed types"] = json!(self.types);
        }
        if !self.filters.is_empty() {
            let filters = self.filters.iter().map(|(name, n)| format!("{name} ({n})"));
            out["filters"] = filters.collect();
        }
        if self.unreadable > 0 {
            out["unreadable"] = json!(self.unreadable);
        }
        out
    }
}

/// Conventions that the file follows, as far as the root's attributes and the user block tell.
fn conventions(file: &File) -> Vec<String> {
    let Ok(root) = file.root_object() else { return Vec::new() };
    let attribute = |name: &str| root.info().attribute(name).ok();
    let text_of = |name: &str| attribute(name)?.read::<String>().ok();
    let mut out = Vec::new();
    if attribute("_NCProperties").is_some() || first_child_has(&root, "_Netcdf4Dimid") {
        out.push("NetCDF-4".to_string());
    }
    if let Some(kind) = text_of("encoding-type") {
        let version = text_of("encoding-version").map(|v| format!(" {v}")).unwrap_or_default();
        out.push(format!("AnnData ({kind}{version})"));
    }
    if let Some(version) = text_of("PYTABLES_FORMAT_VERSION") {
        out.push(format!("PyTables {version}"));
    }
    if matlab(file) {
        out.push("MATLAB 7.3".into());
    }
    if let Some(version) = text_of("nwb_version") {
        out.push(format!("NWB {version}"));
    }
    if attribute("NeXus_version").is_some() || first_child_has(&root, "NX_class") {
        out.push("NeXus".into());
    }
    if let Some(names) = text_of("Conventions") {
        out.push(names);
    }
    out
}

fn first_child_has(root: &Object, name: &str) -> bool {
    let Object::Group(group) = root else { return false };
    let mut members = group.links().into_iter().flatten().take(8);
    members.any(|link| group.open(&link).is_ok_and(|child| child.info().attribute(name).is_ok()))
}

/// MATLAB writes a text header into the user block.
fn matlab(file: &File) -> bool {
    let mut start = [0u8; 10];
    file.user_block() >= 512
        && file.context().storage().read_at(0, &mut start).is_ok()
        && start.starts_with(b"MATLAB 7.3")
}

fn object_info(object: &Object) -> Value {
    let info = object.info();
    let header = info.header();
    let mut out = tree::summary(object);
    out["address"] = json!(info.address().to_string());
    out["links to it"] = json!(info.reference_count());
    out["header"] = json!({
        "version": header.version,
        "chunks": header.chunks.len(),
        "messages": header.messages.iter().map(|m| m.kind.name()).collect::<Vec<_>>(),
        "bytes": header.chunks.iter().map(|c| c.len).sum::<u64>(),
    });
    if let Some(seconds) = header.modified() {
        out["modified"] = json!(format!("{seconds} s since 1970"));
    }
    if let Some(comment) = info.comment() {
        out["comment"] = json!(String::from_utf8_lossy(&comment));
    }
    if header.has(MessageKind::SymbolTable) {
        out["storage"] = json!("symbol table");
    }
    out["attributes"] = attrs::json(info);
    out
}

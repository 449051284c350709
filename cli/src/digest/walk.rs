//! The walk: objects in order, their links, their attributes and values.

use super::{dataset, dtype, value};
use hdf5_format::canonical::ObjectNames;
use hdf5_format::graph::links::GroupStorage;
use hdf5_format::{Address, Dataset, Error, File, Group, Link, LinkKind, Object, Result};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::HashMap;

/// Errors listed; a damaged file may have any number.
const MOST_ERRORS: usize = 2000;

/// The walk over one file.
pub(super) struct Walk<'a> {
    file: &'a File,
    pub(super) objects: Map<String, Value>,
    pub(super) links: Vec<Value>,
    pub(super) errors: Vec<Value>,
    names: Names,
    /// What is done when every object has its name, because references name objects.
    later: Vec<Later>,
    budget: value::Budget,
}

enum Later {
    Dataset { path: String, dataset: Dataset },
    Attributes { path: String, object: Object },
    SoftLink { index: usize, group: Group, name: Vec<u8> },
}

/// Names and extents of objects by the address of their header.
pub(super) struct Names {
    file: File,
    paths: HashMap<Address, String>,
    extents: HashMap<Address, Vec<u64>>,
    /// Names of the objects of other files, by the file's name.
    others: RefCell<HashMap<Vec<u8>, HashMap<Address, String>>>,
}

impl ObjectNames for Names {
    fn name(&self, address: Address) -> Option<Vec<u8>> {
        self.paths.get(&address).map(|p| p.clone().into_bytes())
    }

    fn extent(&self, address: Address) -> Option<Vec<u64>> {
        self.extents.get(&address).cloned()
    }

    fn external(&self, file: &[u8], address: Address) -> Option<Vec<u8>> {
        let mut others = self.others.borrow_mut();
        let paths = others.entry(file.to_vec()).or_insert_with(|| match self.file.open_other(file) {
            Ok(other) => paths(&other),
            Err(_) => HashMap::new(),
        });
        let path = paths.get(&address)?;
        let base = text(file);
        let base = base.rsplit('/').next().unwrap_or(&base);
        Some(format!("{base}:{path}").into_bytes())
    }
}

/// The first path of every object of a file, depth first over names in byte order.
pub(crate) fn paths(file: &File) -> HashMap<Address, String> {
    let mut found = HashMap::from([(file.root_address(), "/".to_string())]);
    let mut stack: Vec<(String, Object)> = file.root_object().into_iter().map(|root| (String::new(), root)).collect();
    while let Some((parent, object)) = stack.pop() {
        let Object::Group(group) = object else { continue };
        let mut children = Vec::new();
        for link in group.links().into_iter().flatten() {
            let LinkKind::Hard(address) = link.kind else { continue };
            let path = format!("{parent}/{}", link.display_name());
            if found.contains_key(&address) {
                continue;
            }
            found.insert(address, path.clone());
            children.extend(group.open(&link).ok().map(|object| (path, object)));
        }
        stack.extend(children.into_iter().rev());
    }
    found
}

impl Names {
    /// The name of an object, or `@` and its address if no hard link reaches it.
    pub(super) fn show(&self, address: Address) -> String {
        self.paths.get(&address).cloned().unwrap_or_else(|| format!("@{}", address.0))
    }
}

/// Entries of the explicit stack: files nest thousands of groups.
enum Step {
    Object { path: String, object: Object },
    Link { group: Group, parent: String, link: Result<Link> },
}

impl<'a> Walk<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Walk {
            file,
            objects: Map::new(),
            links: Vec::new(),
            errors: Vec::new(),
            names: Names {
                file: file.clone(),
                paths: HashMap::new(),
                extents: HashMap::new(),
                others: RefCell::default(),
            },
            later: Vec::new(),
            budget: value::Budget::new(file),
        }
    }

    /// Walks from the root; errors end up in the list, each with its object.
    pub(super) fn run(&mut self) {
        match self.file.root_object() {
            Ok(root) => {
                self.names.paths.insert(self.file.root_address(), "/".into());
                self.structure(root);
            }
            Err(e) => self.error("/", "object", &e),
        }
        for later in std::mem::take(&mut self.later) {
            self.resolve(later);
        }
    }

    fn error(&mut self, path: &str, what: &str, error: &Error) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(json!({ "path": path, "what": what, "error": error.to_string() }));
        }
    }

    fn structure(&mut self, root: Object) {
        let mut stack = vec![Step::Object { path: "/".into(), object: root }];
        while let Some(step) = stack.pop() {
            match step {
                Step::Object { path, object } => self.object(path, object, &mut stack),
                Step::Link { group, parent, link: Ok(link) } => self.link(&group, &parent, &link, &mut stack),
                Step::Link { parent, link: Err(e), .. } => {
                    self.error(if parent.is_empty() { "/" } else { &parent }, "links", &e);
                }
            }
        }
    }

    fn object(&mut self, path: String, object: Object, stack: &mut Vec<Step>) {
        let info = object.info();
        let mut entry = json!({
            "kind": object.kind(),
            "addr": info.address().0,
            "rc": info.reference_count(),
            "hdr": { "version": info.header().version, "nchunks": info.header().chunks.len() },
            "attrs": {},
        });
        match info.has_dense_attributes() {
            Ok(dense) => entry["attrs_dense"] = json!(dense),
            Err(e) => self.error(&path, "attributes", &e),
        }
        match &object {
            Object::Group(group) => self.group(&path, group, &mut entry, stack),
            Object::Dataset(dataset) => {
                self.names.extents.insert(dataset.address(), dataset.shape().to_vec());
                self.later.push(Later::Dataset { path: path.clone(), dataset: dataset.clone() });
            }
            Object::NamedDatatype(datatype) => entry["dtype"] = dtype::describe(datatype.dtype()),
            _ => {}
        }
        self.objects.insert(path.clone(), entry);
        self.later.push(Later::Attributes { path, object });
    }

    fn group(&mut self, path: &str, group: &Group, entry: &mut Value, stack: &mut Vec<Step>) {
        entry["storage"] = json!(match group.storage() {
            GroupStorage::SymbolTable => "symbol_table",
            GroupStorage::Compact => "compact",
            GroupStorage::Dense => "dense",
        });
        let (tracked, indexed) = group.creation_order();
        entry["link_order"] = json!(u8::from(tracked) | (u8::from(indexed) << 1));
        match group.len() {
            Ok(n) => entry["nlinks"] = json!(n),
            Err(e) => self.error(path, "links", &e),
        }
        let parent = path.trim_end_matches('/').to_string();
        let links = group.links().into_iter().rev();
        stack.extend(links.map(|link| Step::Link { group: group.clone(), parent: parent.clone(), link }));
    }

    fn link(&mut self, group: &Group, parent: &str, link: &Link, stack: &mut Vec<Step>) {
        let path = format!("{parent}/{}", link.display_name());
        let mut entry = json!({ "path": path });
        match &link.kind {
            LinkKind::Hard(address) => {
                entry["kind"] = json!("hard");
                if let Some(known) = self.names.paths.get(address) {
                    entry["target"] = json!(known);
                } else {
                    match group.open(link) {
                        Ok(object) => {
                            entry["target"] = json!(path);
                            self.names.paths.insert(*address, path.clone());
                            stack.push(Step::Object { path, object });
                        }
                        Err(e) => self.error(&path, "link", &e),
                    }
                }
            }
            LinkKind::Soft(target) => {
                entry["kind"] = json!("soft");
                entry["target"] = json!(text(target));
                entry["resolves"] = Value::Null;
                let (index, group, name) = (self.links.len(), group.clone(), link.name.clone());
                self.later.push(Later::SoftLink { index, group, name });
            }
            LinkKind::External { file, path } => {
                entry["kind"] = json!("external");
                entry["file"] = json!(text(file));
                entry["target"] = json!(text(path));
            }
            LinkKind::UserDefined { class, .. } => {
                entry["kind"] = json!("ud");
                entry["class"] = json!(class);
            }
            _ => {}
        }
        self.links.push(entry);
    }

    fn resolve(&mut self, later: Later) {
        match later {
            Later::SoftLink { index, group, name } => {
                let Ok(place) = group.resolve(&name) else { return };
                let shown = match place {
                    Some(address) => self.names.show(address),
                    None => "(other file)".into(),
                };
                if let Some(link) = self.links.get_mut(index) {
                    link["resolves"] = json!(shown);
                }
            }
            Later::Dataset { path, dataset } => {
                let (entry, errors) = dataset::describe(&dataset, &self.names, &mut self.budget);
                self.merge(&path, entry);
                errors.iter().for_each(|(what, e)| self.error(&path, what, e));
            }
            Later::Attributes { path, object } => self.attributes(&path, &object),
        }
    }

    fn merge(&mut self, path: &str, entry: Map<String, Value>) {
        if let Some(Value::Object(object)) = self.objects.get_mut(path) {
            object.extend(entry);
        }
    }

    fn attributes(&mut self, path: &str, object: &Object) {
        let attributes = match object.info().attributes() {
            Ok(attributes) => attributes,
            Err(e) => return self.error(path, "attributes", &e),
        };
        let mut entries = Map::new();
        for (i, attribute) in attributes.into_iter().enumerate() {
            match attribute {
                Ok(attribute) => {
                    let name = attribute.display_name();
                    let (entry, error) = value::attribute(&attribute, &self.names);
                    entries.insert(name.clone(), entry);
                    if let Some(e) = error {
                        self.error(path, &format!("attribute {name} values"), &e);
                    }
                }
                Err(e) => self.error(path, &format!("attribute #{i}"), &e),
            }
        }
        self.merge(path, Map::from_iter([("attrs".to_string(), Value::Object(entries))]));
    }
}

/// Bytes as text: what is not UTF-8 becomes `\xNN`.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for part in bytes.utf8_chunks() {
        out.push_str(part.valid());
        part.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out
}

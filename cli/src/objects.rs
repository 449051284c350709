//! `h5 objects`, `h5 migrate`: persisted objects.

use crate::args::{Cli, MigrateArgs, ObjectsArgs};
use crate::term::{FAINT, paint};
use crate::{Failure, Outcome, target, text};
use hdf5_persist::{Migrated, Mode, Node, Registry, RegistryStack, Store, StoreOptions, Tag, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// `h5 objects`.
pub(crate) fn objects(cli: &Cli, args: &ObjectsArgs) -> Outcome {
    let store = StoreOptions::new().over(target::open(cli, &args.file)?)?;
    let (dialect, found) = (store.dialect().name(), store.objects()?);
    let mut out = anstream::stdout().lock();
    if cli.json {
        let found: Vec<Json> = found.iter().map(|(path, tag)| object_json(path, tag)).collect();
        writeln!(out, "{:#}", json!({"dialect": dialect, "objects": found}))?;
        return Ok(());
    }
    let count = if found.len() == 1 { "1 object".into() } else { format!("{} objects", found.len()) };
    writeln!(out, "{} {dialect}, {count}", paint(FAINT, "dialect"))?;
    let width = found.iter().map(|(path, _)| text::escaped(path).chars().count()).max().unwrap_or(0);
    for (path, tag) in &found {
        writeln!(out, "{:width$}  {}", text::escaped(path), text::escaped(&tag.to_string()))?;
    }
    Ok(())
}

fn object_json(path: &str, tag: &Tag) -> Json {
    json!({"path": path, "namespace": tag.namespace, "label": tag.label, "version": tag.version})
}

/// `h5 migrate`.
pub(crate) fn migrate(cli: &Cli, args: &MigrateArgs) -> Outcome {
    match (&args.steps, &args.to) {
        (Some(steps), _) => by_steps(cli, &args.file, steps, args.dry_run),
        (None, Some(dialect)) => to_dialect(cli, args, dialect),
        (None, None) => Err(Failure::text("nothing to do: give --steps or --to".into())),
    }
}

/// Takes objects through steps of a file.
fn by_steps(cli: &Cli, file: &Path, steps: &Path, dry_run: bool) -> Outcome {
    let options = StoreOptions::new().registries(registries(steps)?);
    let mode = if dry_run { Mode::Read } else { Mode::ReadWrite };
    let store = options.open(file, mode)?;
    let migrated = if dry_run { store.migrations()? } else { store.migrate()? };
    let mut out = anstream::stdout().lock();
    if cli.json {
        let one = |m: &Migrated| json!({"path": m.path, "from": object_json(&m.path, &m.from), "to": object_json(&m.path, &m.to)});
        writeln!(out, "{:#}", json!({"migrated": migrated.iter().map(one).collect::<Vec<_>>(), "dry_run": dry_run}))?;
        return Ok(());
    }
    for Migrated { path, from, to } in &migrated {
        writeln!(out, "{}  {from} -> {to}", text::escaped(path))?;
    }
    match (migrated.len(), dry_run) {
        (0, _) => writeln!(out, "nothing to migrate")?,
        (n, true) => writeln!(out, "{n} would be migrated")?,
        (n, false) => writeln!(out, "{n} migrated")?,
    }
    Ok(())
}

/// The steps of a file, as registries.
fn registries(path: &Path) -> Result<RegistryStack, Failure> {
    let told = std::fs::read_to_string(path).map_err(Failure::at(path))?;
    let wrong = |why: &str| Failure::text(format!("{}: {why}", path.display()));
    let steps: Json = serde_json::from_str(&told).map_err(|e| wrong(&e.to_string()))?;
    let mut by_namespace: BTreeMap<String, Registry> = BTreeMap::new();
    for step in steps.as_array().ok_or_else(|| wrong("expected a list of steps"))? {
        let label = step["label"].as_str().ok_or_else(|| wrong("a step without a \"label\""))?;
        let from = step["from"].as_i64().ok_or_else(|| wrong("a step without a version \"from\""))?;
        let namespace = step["namespace"].as_str().unwrap_or("");
        let change = Change::new(step).map_err(|why| wrong(&why))?;
        let registry = by_namespace.entry(namespace.into()).or_insert_with(|| Registry::new(namespace));
        registry.migration(label, from, move |node| Ok(change.of(node)))?;
    }
    Ok(by_namespace.into_values().try_fold(RegistryStack::new(), RegistryStack::with)?)
}

/// What a step does to a node.
struct Change {
    rename: Vec<(String, String)>,
    remove: Vec<String>,
    add: Vec<(String, Value)>,
}

impl Change {
    fn new(step: &Json) -> Result<Self, String> {
        for key in step.as_object().into_iter().flat_map(|step| step.keys()) {
            if !["label", "from", "namespace", "rename", "remove", "add"].contains(&key.as_str()) {
                return Err(format!(
                    "{key:?} is no part of a step; there are label, from, namespace, rename, remove, add"
                ));
            }
        }
        let text =
            |value: &Json| value.as_str().map(String::from).ok_or_else(|| format!("expected a name, found {value}"));
        let pairs = |key: &str| step[key].as_object().into_iter().flatten();
        let rename = pairs("rename").map(|(old, new)| Ok((old.clone(), text(new)?))).collect::<Result<_, String>>()?;
        let remove = step["remove"].as_array().into_iter().flatten().map(text).collect::<Result<_, _>>()?;
        let add =
            pairs("add").map(|(name, value)| Ok((name.clone(), scalar(value)?))).collect::<Result<_, String>>()?;
        Ok(Change { rename, remove, add })
    }

    fn of(&self, mut node: Node) -> Node {
        let rename = |name: &String| {
            let new = self.rename.iter().find(|(old, _)| old == name);
            new.map_or_else(|| name.clone(), |(_, new)| new.clone())
        };
        let changed = |values: hdf5_persist::Attrs| {
            let kept = values.into_iter().filter(|(name, _)| !self.remove.contains(name));
            kept.map(|(name, value)| (rename(&name), value)).collect()
        };
        let attrs = std::mem::take(node.attrs_mut());
        *node.attrs_mut() = changed(attrs);
        if let Node::Group(group) = &mut node {
            group.members = changed(std::mem::take(&mut group.members));
        }
        node.attrs_mut().extend(self.add.iter().cloned());
        node
    }
}

fn scalar(value: &Json) -> Result<Value, String> {
    Ok(match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int(number.into()),
            (None, Some(number)) => Value::Float(number),
            (None, None) => return Err(format!("{number} is no number of 64 bits")),
        },
        other => return Err(format!("a value of one part is added, not {other}")),
    })
}

/// Writes all objects anew in another dialect; the file is replaced when the new one is whole.
fn to_dialect(cli: &Cli, args: &MigrateArgs, dialect: &str) -> Outcome {
    let target = args.output.as_deref().unwrap_or(&args.file);
    if args.output.is_some() && target.exists() {
        return Err(Failure::text(format!("{} exists", target.display())));
    }
    let store = StoreOptions::new().over(target::open(cli, &args.file)?)?;
    let (from, values) = (store.dialect().name(), store.values()?);
    drop(store);
    let options = StoreOptions::new().dialect_named(dialect)?;
    let count = values.len();
    if !args.dry_run {
        let new: Store = options.open(target, Mode::Write)?;
        new.put_values(values)?;
        let _ = new.close()?;
    }
    let said = if args.dry_run { "would be written" } else { "written" };
    writeln!(anstream::stdout(), "{count} from {from} {said} as {dialect}: {}", target.display())?;
    Ok(())
}

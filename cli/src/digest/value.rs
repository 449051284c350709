//! Values: SHA-256 of canonical bytes.

use super::dtype;
use super::walk::Names;
use hdf5_format::format::message::dataspace::{Dataspace, SpaceClass};
use hdf5_format::{Attribute, Dataset, Error, File, Result};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Bytes of a dataset's values that are always read.
const ALWAYS: u64 = 256 << 20;

/// How many bytes of values are still read: what a small file merely claims to hold must not cost hours.
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    pub(super) fn new(file: &File) -> Self {
        let stored = file.context().end();
        Budget { left: stored.saturating_mul(64).saturating_add(ALWAYS) }
    }

    /// Takes `bytes`, or says that they are too many.
    fn take(&mut self, bytes: u64) -> bool {
        let enough = bytes <= self.left;
        if enough {
            self.left = self.left.saturating_sub(bytes);
        }
        enough
    }
}

/// A running sum with the first bytes.
struct Sum {
    hash: Sha256,
    len: u64,
    head: Vec<u8>,
    head_len: usize,
}

impl Sum {
    fn new(head_len: usize) -> Self {
        Sum { hash: Sha256::new(), len: 0, head: Vec::new(), head_len }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.len = self.len.saturating_add(bytes.len() as u64);
        let missing = self.head_len.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
    }

    fn json(self) -> Value {
        json!({ "sha256": hex(&self.hash.finalize()), "nbytes": self.len, "head": hex(&self.head) })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Space, shape and maximal shape.
pub(super) fn space(space: &Dataspace, entry: &mut Map<String, Value>) {
    let kind = match space.class {
        SpaceClass::Scalar => "scalar",
        SpaceClass::Simple => "simple",
        SpaceClass::Null => "null",
    };
    entry.insert("space".into(), json!(kind));
    let shape = if kind == "null" { Value::Null } else { json!(space.dims) };
    entry.insert("shape".into(), shape);
    if kind == "simple" {
        entry.insert("maxshape".into(), json!(space.max_dims()));
    }
}

/// The values of a dataset.
pub(super) fn dataset(dataset: &Dataset, names: &Names, budget: &mut Budget) -> Result<Value> {
    let bytes = dataset.size()?.saturating_mul(dataset.dtype().size() as u64);
    if !budget.take(bytes) {
        return Ok(json!({ "skipped": format!("{bytes} bytes in memory") }));
    }
    let mut sum = Sum::new(64);
    dataset.canonical(names, |bytes| sum.add(bytes))?;
    Ok(sum.json())
}

/// Everything about an attribute, and the error that kept its value from being read.
pub(super) fn attribute(attribute: &Attribute, names: &Names) -> (Value, Option<Error>) {
    let mut entry = Map::new();
    space(attribute.space(), &mut entry);
    entry.insert("dtype".into(), dtype::describe(attribute.dtype()));
    if let Some(address) = attribute.committed_datatype() {
        entry.insert("committed".into(), json!(names.show(address)));
    }
    let mut bytes = Vec::new();
    let error = attribute.canonical(names, &mut bytes).err();
    let values = match &error {
        Some(e) => json!({ "error": e.to_string() }),
        None => {
            let mut sum = Sum::new(256);
            sum.add(&bytes);
            sum.json()
        }
    };
    entry.insert("values".into(), values);
    (Value::Object(entry), error)
}

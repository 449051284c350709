//! Datasets: layout, filters, fill value.

use super::dtype;
use super::value::{self, Budget};
use super::walk::{Names, text};
use hdf5_format::canonical::Canonical;
use hdf5_format::format::message::fill_value::Fill;
use hdf5_format::format::selection::Selection;
use hdf5_format::{Dataset, Error, Layout, Result};
use serde_json::{Map, Value, json};

/// Everything about a dataset, and what could not be read of it.
pub(super) fn describe(
    dataset: &Dataset,
    names: &Names,
    budget: &mut Budget,
) -> (Map<String, Value>, Vec<(&'static str, Error)>) {
    let mut entry = Map::new();
    let mut errors = Vec::new();
    let mut note = |what: &'static str, result: Result<Value>| {
        result.unwrap_or_else(|e| {
            let shown = json!({ "error": e.to_string() });
            errors.push((what, e));
            shown
        })
    };
    value::space(dataset.space(), &mut entry);
    entry.insert("dtype".into(), dtype::describe(dataset.dtype()));
    if let Some(address) = dataset.committed_datatype() {
        entry.insert("committed".into(), json!(names.show(address)));
    }
    entry.insert("layout".into(), note("layout", layout(dataset)));
    let filters = dataset
        .filters()
        .iter()
        .map(|f| json!({ "id": f.id, "flags": f.flags, "name": text(f.name_or_registered()), "cd": f.client_data }));
    entry.insert("filters".into(), filters.collect());
    entry.insert("fill".into(), note("fill", fill(dataset, names)));
    entry.insert("values".into(), note("values", value::dataset(dataset, names, budget)));
    (entry, errors)
}

fn layout(dataset: &Dataset) -> Result<Value> {
    let mut out = match dataset.layout() {
        Layout::Compact => json!({ "class": "compact" }),
        Layout::Contiguous => json!({ "class": "contiguous" }),
        Layout::Virtual => json!({ "class": "virtual" }),
        Layout::Chunked(index) => json!({ "class": "chunked", "index": index, "chunk": dataset.chunks() }),
        other => json!({ "class": format!("{other:?}").to_lowercase() }),
    };
    let external = dataset.external_files()?;
    if !external.is_empty() {
        out["external"] = external.iter().map(|s| json!([text(&s.name), s.offset, s.size])).collect();
    }
    if dataset.layout() == Layout::Virtual {
        let mappings = dataset.virtual_mappings()?;
        out["virtual"] = mappings
            .iter()
            .map(|m| {
                json!({
                    "file": text(&m.source_file),
                    "dataset": text(&m.source_dataset),
                    "vspace": selection(&m.virtual_selection, Some(dataset.shape())),
                    "srcspace": selection(&m.source_selection, None),
                })
            })
            .collect();
    }
    Ok(out)
}

fn selection(selection: &Selection, shape: Option<&[u64]>) -> Value {
    let _ = shape;
    match selection {
        Selection::All => json!({ "type": "all" }),
        Selection::None => json!({ "type": "none" }),
        Selection::Points { .. } => json!({ "type": "points" }),
        _ => json!({ "type": "hyperslab" }),
    }
}

fn fill(dataset: &Dataset, names: &Names) -> Result<Value> {
    let fill = dataset.fill_value();
    let defined = match &fill.fill {
        Fill::Undefined => "undefined",
        Fill::Default => "default",
        Fill::User(_) => "user",
    };
    let mut out = json!({ "defined": defined, "alloc_time": fill.alloc_time as u8, "fill_time": fill.fill_time as u8 });
    if let Fill::User(bytes) = &fill.fill {
        let mut canonical = Vec::new();
        Canonical::new(dataset.file().context(), dataset.dtype(), names)?.encode(bytes, &mut canonical)?;
        out["hex"] = json!(value::hex(&canonical));
    }
    Ok(out)
}

//! Datasets: layout, filters, fill value.

use super::dtype;
use super::value::{self, Budget};
use super::walk::{Names, text};
use crate::text::filter_name;
use hdf5_format::canonical::Canonical;
use hdf5_format::dataspace;
use hdf5_format::format::message::datatype::Class;
use hdf5_format::format::message::fill_value::Fill;
use hdf5_format::format::selection::{Selection, SlabDim};
use hdf5_format::format::virtual_layout::VirtualMapping;
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
        .map(|f| json!({ "id": f.id, "flags": f.flags, "name": filter_name(f), "cd": f.client_data }));
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
                    "srcspace": selection(&m.source_selection, source_shape(dataset, m).as_deref()),
                })
            })
            .collect();
    }
    Ok(out)
}

/// The extent of a source; of one that is not there and is mapped whole, what one block of the mapping takes.
fn source_shape(dataset: &Dataset, mapping: &VirtualMapping) -> Option<Vec<u64>> {
    dataset.source_shape(mapping).or_else(|| match (&mapping.source_selection, &mapping.virtual_selection) {
        (Selection::All, Selection::Hyperslab(dims)) => {
            dims.iter().map(|d| d.block.and_then(|block| block.checked_mul(d.count.unwrap_or(1)))).collect()
        }
        _ => None,
    })
}

/// A selection; without an extent it is shown on the smallest that holds it.
fn selection(selection: &Selection, extent: Option<&[u64]>) -> Value {
    let rank = match selection {
        Selection::Points { rank, .. } | Selection::Blocks { rank, .. } => *rank,
        Selection::Hyperslab(dims) => dims.len(),
        Selection::All | Selection::None => extent.map_or(0, <[u64]>::len),
    };
    let bounds = dataspace::bounds(selection, extent.unwrap_or(&vec![1; rank]));
    let smallest = || bounds.as_ref().map(|(_, high)| high.iter().map(|h| h.saturating_add(1)).collect());
    let shape: Vec<u64> = extent.map(<[u64]>::to_vec).or_else(|| smallest().ok()).unwrap_or_default();
    let kind = match selection {
        Selection::None => "none",
        Selection::Points { .. } => "points",
        Selection::All => "all",
        _ => "hyperslab",
    };
    let mut out = json!({ "shape": shape, "type": kind });
    if let Some(dims) = dataspace::regular(selection) {
        let part = |of: fn(&SlabDim) -> Option<u64>| dims.iter().map(of).collect::<Vec<_>>();
        out["slab"] = json!([part(|d| Some(d.start)), part(|d| Some(d.stride)), part(|d| d.count), part(|d| d.block)]);
    } else if let (Ok((low, high)), true) = (&bounds, *selection != Selection::None) {
        out["bounds"] = json!([low, high]);
    }
    out
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
        // A reference is shown as it is stored: the fill value belongs to the type, not to the objects.
        if let Class::Reference { .. } = dataset.dtype().class {
            out["hex"] = json!(value::hex(bytes));
            return Ok(out);
        }
        Canonical::new(dataset.file().context(), dataset.dtype(), names)?.encode(bytes, &mut canonical)?;
        out["hex"] = json!(value::hex(&canonical));
    }
    Ok(out)
}

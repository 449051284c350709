//! Values and numbers as text.

use hdf5_format::filter::known;
use hdf5_format::format::message::filter_pipeline::FilterDescription;
use hdf5_format::{Dataset, Reference, Value};

/// Text without control characters, which could change what the terminal shows.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// `(2, 3)`, with `*` for what may grow: `(2*, 3)`.
pub(crate) fn shape(dataset: &Dataset) -> String {
    if dataset.space().is_null() {
        return "null".into();
    }
    let max = dataset.maxshape();
    let dims = dataset.shape().iter().zip(&max).map(|(n, max)| match max {
        Some(max) if max == n => n.to_string(),
        Some(max) => format!("{n}..{max}"),
        None => format!("{n}*"),
    });
    format!("({})", dims.collect::<Vec<_>>().join(", "))
}

/// `(2, 3)`.
pub(crate) fn dims(dims: &[u64]) -> String {
    format!("({})", dims.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
}

/// A filter's name in the file, or its registered one.
pub(crate) fn filter_name(filter: &FilterDescription) -> String {
    if filter.name.is_empty() {
        return known::find(filter.id).map_or("", |k| k.name).to_string();
    }
    String::from_utf8_lossy(&filter.name).into_owned()
}

/// A filter's name and what matters of its parameters.
pub(crate) fn filter(filter: &FilterDescription) -> String {
    let name = escaped(&filter_name(filter));
    match (filter.id, filter.client_data.first()) {
        (1, Some(level)) => format!("gzip={level}"),
        _ if name.is_empty() => format!("filter {}", filter.id),
        _ => name.split(['-', ';', ' ']).next().unwrap_or(&name).to_string(),
    }
}

/// Bytes stored, and how they relate to the bytes of the values.
pub(crate) fn size(dataset: &Dataset) -> String {
    let logical = dataset.size().unwrap_or(0).saturating_mul(dataset.dtype().size() as u64);
    match dataset.storage_size() {
        Ok(0) if logical == 0 => String::new(),
        Ok(0) => format!("{}, none stored", bytes(logical)),
        Ok(stored) if stored == logical => bytes(stored),
        Ok(stored) => format!("{} of {}", bytes(stored), bytes(logical)),
        Err(e) => e.to_string(),
    }
}

/// `1.5 KiB`.
pub(crate) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} EiB")
}

/// A value as text for people.
pub(crate) fn value(value: &Value) -> String {
    let list = |values: &[Value], open: &str, close: &str| {
        format!("{open}{}{close}", values.iter().map(self::value).collect::<Vec<_>>().join(", "))
    };
    match value {
        Value::String(text) => format!("\"{}\"", escaped(&String::from_utf8_lossy(text)).replace('"', "\\\"")),
        Value::Array(values) => list(values, "[", "]"),
        Value::Sequence(values) => list(values, "[", "]"),
        Value::Compound(members) => {
            let members = members.iter().map(|(name, v)| format!("{}: {}", escaped(name), self::value(v)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => plain(other),
    }
}

/// A value without quotes around text.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Int(v) => v.to_string(),
        Value::Uint(v) | Value::Time(v) => v.to_string(),
        Value::Wide { bytes, .. } | Value::FloatBytes(bytes) => {
            format!("0x{}", bytes.iter().rev().map(|b| format!("{b:02x}")).collect::<String>())
        }
        Value::Float(v) => v.to_string(),
        Value::Complex(re, im) => format!("{re}{im:+}j"),
        Value::Bool(v) => if *v { "true" } else { "false" }.into(),
        Value::String(text) => escaped(&String::from_utf8_lossy(text)),
        Value::Opaque(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        Value::Enum { name: Some(name), .. } => escaped(name),
        Value::Enum { value, .. } => value.to_string(),
        Value::Reference(reference) => self::reference(reference),
        nested => self::value(nested),
    }
}

fn reference(reference: &Reference) -> String {
    match reference {
        Reference::Null => "null reference".into(),
        Reference::Object(address) => format!("object {address}"),
        Reference::Region { dataset, .. } => format!("region of {dataset}"),
        Reference::Attribute { object, name } => format!("{object}@{}", escaped(&String::from_utf8_lossy(name))),
        Reference::External { file, target } => {
            format!("{}: {}", escaped(&String::from_utf8_lossy(file)), self::reference(target))
        }
        Reference::Broken(why) => format!("broken reference ({why})"),
        _ => "reference".into(),
    }
}

/// A value as JSON; floats that JSON lacks are text, as are references.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    use serde_json::json;
    match value {
        Value::Int(v) => json!(v),
        Value::Uint(v) | Value::Time(v) => json!(v),
        Value::Float(v) if v.is_finite() => json!(v),
        Value::Bool(v) => json!(v),
        Value::Complex(re, im) => json!([re, im]),
        Value::Array(values) | Value::Sequence(values) => values.iter().map(json).collect(),
        Value::Compound(members) => members.iter().map(|(n, v)| (n.clone(), json(v))).collect(),
        Value::String(text) => json!(String::from_utf8_lossy(text)),
        other => json!(plain(other)),
    }
}

/// Values in C order as nested JSON arrays of a shape.
pub(crate) fn nested_json(values: &[Value], shape: &[u64]) -> serde_json::Value {
    let Some((&len, below)) = shape.split_first() else {
        return values.first().map_or(serde_json::Value::Null, json);
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if below.is_empty() {
        return values.iter().map(json).collect();
    }
    let each = values.len().checked_div(len).unwrap_or(0);
    if each == 0 {
        return serde_json::Value::Array(vec![nested_json(&[], below); len.min(1 << 16)]);
    }
    values.chunks(each).map(|part| nested_json(part, below)).collect()
}

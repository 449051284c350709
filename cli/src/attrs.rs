//! `h5 attrs`.

use crate::args::{AttrsArgs, Cli};
use crate::target::Target;
use crate::term::{ERROR, TYPE, paint};
use crate::{Failure, Outcome, text};
use hdf5_format::{Attribute, ObjectInfo, Result, Value};
use serde_json::json;
use std::io::Write;

/// Elements shown of a long attribute.
const MOST_SHOWN: usize = 16;

/// `h5 attrs`.
pub(crate) fn run(cli: &Cli, args: &AttrsArgs) -> Outcome {
    let target = Target::open(cli, &args.object)?;
    let object = target.object()?;
    let mut out = anstream::stdout().lock();
    if let Some(name) = &args.name {
        let attribute = object.info().attribute(name)?;
        if cli.json {
            writeln!(out, "{}", value_json(&attribute)?)?;
        } else {
            attribute.read_values()?.iter().try_for_each(|v| writeln!(out, "{}", text::plain(v)))?;
        }
        return Ok(());
    }
    if cli.json {
        writeln!(out, "{:#}", json(object.info()))?;
        return Ok(());
    }
    let lines = lines(object.info());
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    let failed = object.info().attributes()?.iter().filter(|a| a.is_err()).count();
    if failed > 0 { Err(Failure::Partial(failed)) } else { Ok(()) }
}

/// One line for each attribute: name, value, type.
pub(crate) fn lines(info: &ObjectInfo) -> Vec<String> {
    let attributes = match info.attributes() {
        Ok(attributes) => attributes,
        Err(e) => return vec![paint(ERROR, &e.to_string())],
    };
    let line = |attribute: Result<Attribute>| {
        let attribute = attribute?;
        let kind = attribute.dtype().to_string();
        let kind = match attribute.shape() {
            [] => kind,
            dims => format!("{} {kind}", text::dims(dims)),
        };
        Ok(format!("{} = {}  {}", text::escaped(&attribute.display_name()), shown(&attribute)?, paint(TYPE, &kind)))
    };
    let lines = attributes.into_iter().map(line);
    lines.map(|l: Result<String>| l.unwrap_or_else(|e| paint(ERROR, &e.to_string()))).collect()
}

fn shown(attribute: &Attribute) -> Result<String> {
    if attribute.space().is_null() {
        return Ok("(null)".into());
    }
    let values = attribute.read_values()?;
    let more = values.len().saturating_sub(MOST_SHOWN);
    let mut parts: Vec<String> = values.iter().take(MOST_SHOWN).map(text::value).collect();
    if more > 0 {
        parts.push(format!("... {more} more"));
    }
    let joined = parts.join(", ");
    Ok(if attribute.shape().is_empty() { joined } else { format!("[{joined}]") })
}

/// All attributes as a JSON object.
pub(crate) fn json(info: &ObjectInfo) -> serde_json::Value {
    let attributes = match info.attributes() {
        Ok(attributes) => attributes,
        Err(e) => return json!({ "error": e.to_string() }),
    };
    let mut out = serde_json::Map::new();
    for (i, attribute) in attributes.into_iter().enumerate() {
        match attribute.and_then(|a| Ok((a.display_name(), value_json(&a)?))) {
            Ok((name, value)) => drop(out.insert(name, value)),
            Err(e) => drop(out.insert(format!("#{i}"), json!({ "error": e.to_string() }))),
        }
    }
    serde_json::Value::Object(out)
}

fn value_json(attribute: &Attribute) -> Result<serde_json::Value> {
    if attribute.space().is_null() {
        return Ok(serde_json::Value::Null);
    }
    let values: Vec<Value> = attribute.read_values()?;
    Ok(match (attribute.shape(), values.first()) {
        ([], Some(value)) => text::json(value),
        (shape, _) => text::nested_json(&values, shape),
    })
}

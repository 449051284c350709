//! Values of an ops file, made from a seed.

use super::Failed;
use super::dtype::{number, numbers, text};
use hdf5_format::{Address, Reference, Value};
use serde_json::Value as Json;

/// SplitMix64's output function.
pub(super) fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `count` elements of a seed. `targets` are the objects that references point at.
pub(super) fn elements(spec: &Json, count: u64, seed: u64, targets: &[Address]) -> Result<Vec<Value>, Failed> {
    let start = seed.wrapping_mul(1_000_003);
    (0..count).map(|i| element(spec, mix(start.wrapping_add(i)), targets)).collect()
}

fn float(u: u64) -> f64 {
    (((u >> 40) % 4096) as f64 - 2048.0) / 8.0
}

fn element(spec: &Json, u: u64, targets: &[Address]) -> Result<Value, Failed> {
    let inner = |key: &str| spec.get(key).ok_or_else(|| Failed::missing(key));
    Ok(match text(spec, "class")? {
        "int" => {
            let unused = 64 - 8 * u32::try_from(number(spec, "size")?.clamp(1, 8)).unwrap_or(8);
            if spec.get("signed").and_then(Json::as_bool).unwrap_or(true) {
                Value::Int((u << unused).cast_signed() >> unused)
            } else {
                Value::Uint(u << unused >> unused)
            }
        }
        "float" => Value::Float(float(u)),
        "complex" => Value::Complex(float(u), float(mix(u))),
        "bool" => Value::Bool(u & 1 == 1),
        "string" => {
            let vlen = spec.get("size").and_then(Json::as_str) == Some("vlen");
            let len = if vlen { u % 24 } else { u % (number(spec, "size")? + 1) };
            let digits = format!("{u:016x}");
            Value::String(digits.bytes().cycle().take(usize::try_from(len).unwrap_or(0)).collect())
        }
        "enum" => {
            let members = inner("members")?.as_object().ok_or_else(|| Failed::missing("members"))?;
            let number = u % members.len().max(1) as u64;
            let value = members.values().nth(usize::try_from(number).unwrap_or(0)).and_then(Json::as_i64);
            Value::Enum { value: value.ok_or_else(|| Failed::missing("members"))?.into(), name: None }
        }
        "opaque" => Value::Opaque((0..number(spec, "size")?).map(|k| (mix(u.wrapping_add(k)) & 0xff) as u8).collect()),
        "array" => {
            let count = numbers(spec, "dims")?.iter().product();
            Value::Array(many(inner("base")?, count, u, targets)?)
        }
        "vlen" => Value::Sequence(many(inner("base")?, u % 5, u, targets)?),
        "compound" => {
            let fields = inner("fields")?.as_array().ok_or_else(|| Failed::missing("fields"))?;
            let mut values = Vec::new();
            for (k, field) in (0u64..).zip(fields) {
                let name = field.get(0).and_then(Json::as_str).ok_or_else(|| Failed::missing("fields"))?;
                let of = field.get(1).ok_or_else(|| Failed::missing("fields"))?;
                values.push((name.to_string(), element(of, mix(u.wrapping_add(k)), targets)?));
            }
            Value::Compound(values)
        }
        "ref" => {
            let at = usize::try_from(u % targets.len().max(1) as u64).unwrap_or(0);
            Value::Reference(targets.get(at).map_or(Reference::Null, |&address| Reference::Object(address)))
        }
        other => return Err(Failed::new(format!("dtype class {other:?}"))),
    })
}

fn many(spec: &Json, count: u64, u: u64, targets: &[Address]) -> Result<Vec<Value>, Failed> {
    (0..count).map(|k| element(spec, mix(u.wrapping_add(k)), targets)).collect()
}

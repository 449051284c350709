//! Lists as NumPy makes arrays of them.

use crate::value::{Array, Elements, Value, expected};
use hdf5_format::format::message::datatype::{CharacterSet, Class, Datatype, StringPadding};
use hdf5_format::{Error, ErrorKind, Result};
use num_complex::Complex64;

/// The array that NumPy makes of a list: of booleans, of integers of 64 bits, of floats where there is one, of complex
/// numbers, or of bytes; lists in it are further dimensions.
///
/// # Errors
/// It holds something else, or lists of different lengths.
pub(super) fn as_array(items: &[Value]) -> Result<Array> {
    let mut shape = Vec::new();
    let mut level: Vec<&Value> = items.iter().collect();
    shape.push(items.len() as u64);
    while let Some(Value::Seq(first) | Value::Tuple(first)) = level.first() {
        let length = first.len();
        let mut below = Vec::new();
        for item in level {
            match item {
                Value::Seq(items) | Value::Tuple(items) if items.len() == length => below.extend(items),
                other => return Err(uneven(other)),
            }
        }
        shape.push(length as u64);
        level = below;
    }
    elements(shape, &level)
}

fn uneven(item: &Value) -> Error {
    expected("lists of one length", &item.describe()).with_hint("the native dialect has lists of anything")
}

fn elements(shape: Vec<u64>, items: &[&Value]) -> Result<Array> {
    if items.is_empty() {
        return Array::new(shape, &[0.0f64; 0]);
    }
    let all = |fits: fn(&Value) -> bool| items.iter().all(|item| fits(item));
    if all(|v| matches!(v, Value::Bool(_))) {
        let truths: Vec<bool> = items.iter().map(|v| matches!(v, Value::Bool(true))).collect();
        return Array::new(shape, &truths);
    }
    if all(|v| matches!(v, Value::Bool(_) | Value::Int(_))) {
        let numbers: Vec<i128> = items.iter().filter_map(|v| whole(v)).collect();
        if let Ok(numbers) = numbers.iter().map(|&n| i64::try_from(n)).collect::<Result<Vec<_>, _>>() {
            return Array::new(shape, &numbers);
        }
        let numbers: Result<Vec<u64>, _> = numbers.iter().map(|&n| u64::try_from(n)).collect();
        let numbers = numbers.map_err(|_| expected("integers of one type of 64 bits", "others"))?;
        return Array::new(shape, &numbers);
    }
    if all(|v| matches!(v, Value::Bool(_) | Value::Int(_) | Value::Float(_))) {
        let numbers: Vec<f64> = items.iter().filter_map(|v| real(v)).collect();
        return Array::new(shape, &numbers);
    }
    if all(|v| matches!(v, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Complex(_))) {
        let part = |v: &&Value| if let Value::Complex(z) = v { Some(*z) } else { real(v).map(Complex64::from) };
        let numbers: Vec<Complex64> = items.iter().filter_map(part).collect();
        return Array::new(shape, &numbers);
    }
    let bytes: Option<Vec<Vec<u8>>> =
        items.iter().map(|v| if let Value::Bytes(bytes) = v { Some(bytes.clone()) } else { None }).collect();
    match bytes {
        Some(bytes) => fixed_bytes(shape, &bytes),
        None => {
            let other = items.iter().find(|v| !matches!(v, Value::Bool(_) | Value::Int(_) | Value::Float(_)));
            let found = other.map_or_else(String::new, |v| v.describe());
            Err(expected("numbers, booleans or bytes, of one kind", &found)
                .with_hint("the native dialect has lists of anything"))
        }
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(truth) => Some(i128::from(*truth)),
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "NumPy rounds integers among floats")]
fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        other => whole(other).map(|n| n as f64),
    }
}

/// Bytes as strings of the longest's length, padded with NUL.
///
/// # Errors
/// One ends in NUL, or is longer than a datatype can be.
pub(super) fn fixed_bytes(shape: Vec<u64>, items: &[Vec<u8>]) -> Result<Array> {
    if items.iter().any(|bytes| bytes.last() == Some(&0)) {
        return Err(Error::new(ErrorKind::Invalid, "bytes that end in NUL, which padding cannot be told from"));
    }
    let longest = items.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let size = u32::try_from(longest).map_err(|_| expected("shorter bytes", &longest.to_string()))?;
    let mut datatype = Datatype::string(size, CharacterSet::Ascii);
    if let Class::String { padding, .. } = &mut datatype.class {
        *padding = StringPadding::NullPadded;
    }
    let mut stored = Vec::with_capacity(items.len().saturating_mul(longest));
    for bytes in items {
        let end = stored.len().saturating_add(longest);
        stored.extend_from_slice(bytes);
        stored.resize(end, 0);
    }
    Array::stored(datatype, shape, stored)
}

/// The items of the list that an array was: further dimensions are lists in it.
///
/// # Errors
/// The array is a scalar, or cannot be read.
pub(super) fn items(array: &Array) -> Result<Vec<Value>> {
    let fixed = match &array.dtype().class {
        Class::String { padding, .. } => Some(*padding),
        _ => None,
    };
    let below = |value: Value| match (value, fixed) {
        (Value::Array(row), _) if !row.shape().is_empty() => items(&row).map(Value::Seq),
        (Value::Text(text), Some(_)) => Ok(Value::Bytes(text.into_bytes())),
        (Value::Array(row), Some(padding)) => match row.elements() {
            Elements::Stored(bytes) => Ok(Value::Bytes(padding.trim(bytes).to_vec())),
            _ => Ok(Value::Array(row)),
        },
        (value, _) => Ok(value),
    };
    crate::value::items(array)?.into_iter().map(below).collect()
}

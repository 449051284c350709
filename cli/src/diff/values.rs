//! Elements compared.

use super::Side;
use super::report::Sides;
use hdf5_format::datatype::contains_address;
use hdf5_format::{Attribute, Dataset, Reference, Result, Select, Value};

/// Elements read at once.
const BLOCK: u64 = 1 << 16;

/// How far apart floating-point numbers may be that count as equal.
pub(super) struct Tolerance {
    pub(super) absolute: f64,
    /// Of the larger one.
    pub(super) relative: f64,
}

/// How many elements differ, and the first of them with their coordinates.
#[derive(Default)]
pub(super) struct Found {
    pub(super) different: u64,
    pub(super) total: u64,
    pub(super) first: Vec<(Vec<u64>, Value, Value)>,
}

/// Elements of two attributes of one shape.
pub(super) fn of_attributes(
    sides: &Sides<Side>,
    tolerance: &Tolerance,
    (a, b): (&Attribute, &Attribute),
    most: usize,
) -> Result<Found> {
    let mut found = Found::default();
    found.compare(sides, tolerance, (a.read_values()?, b.read_values()?), a.shape(), most);
    Ok(found)
}

/// Elements of two datasets of one shape, block by block.
pub(super) fn of_datasets(
    sides: &Sides<Side>,
    tolerance: &Tolerance,
    (a, b): (&Dataset, &Dataset),
    most: usize,
) -> Result<Found> {
    // Bytes that are equal mean the same, unless they lead somewhere.
    let plain = a.dtype().to_string() == b.dtype().to_string() && !contains_address(a.dtype());
    let mut found = Found::default();
    for part in a.split(Select::all(), BLOCK)? {
        if plain {
            let (one, _) = a.read_raw(part.clone())?;
            if one == b.read_raw(part.clone())?.0 {
                found.total += one.len().checked_div(a.dtype().size()).unwrap_or(0) as u64;
                continue;
            }
        }
        found.compare(sides, tolerance, (a.read_values(part.clone())?, b.read_values(part)?), a.shape(), most);
    }
    Ok(found)
}

impl Found {
    /// Compares the next elements, in C order.
    fn compare(
        &mut self,
        sides: &Sides<Side>,
        tolerance: &Tolerance,
        (a, b): (Vec<Value>, Vec<Value>),
        shape: &[u64],
        most: usize,
    ) {
        for (one, other) in a.into_iter().zip(b) {
            let place = self.total;
            self.total += 1;
            if tolerance.same(sides, &one, &other) {
                continue;
            }
            self.different += 1;
            if self.first.len() < most {
                self.first.push((coordinates(place, shape), one, other));
            }
        }
    }
}

fn coordinates(place: u64, shape: &[u64]) -> Vec<u64> {
    let (mut rest, mut at) = (place, Vec::with_capacity(shape.len()));
    for &len in shape.iter().rev() {
        at.push(rest.checked_rem(len).unwrap_or(0));
        rest = rest.checked_div(len).unwrap_or(0);
    }
    at.reverse();
    at
}

impl Tolerance {
    fn same(&self, sides: &Sides<Side>, a: &Value, b: &Value) -> bool {
        let all = |a: &[Value], b: &[Value]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(sides, a, b));
        match (a, b) {
            (Value::Float(a), Value::Float(b)) => self.near(*a, *b),
            (Value::Complex(a, c), Value::Complex(b, d)) => self.near(*a, *b) && self.near(*c, *d),
            (Value::Int(a), Value::Uint(b)) | (Value::Uint(b), Value::Int(a)) => i128::from(*a) == i128::from(*b),
            (Value::Int(_) | Value::Uint(_), Value::Float(_)) | (Value::Float(_), Value::Int(_) | Value::Uint(_)) => {
                a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| self.near(a, b))
            }
            (Value::Enum { value: a, .. }, Value::Enum { value: b, .. }) => a == b,
            (Value::Array(a), Value::Array(b)) | (Value::Sequence(a), Value::Sequence(b)) => all(a, b),
            (Value::Compound(a), Value::Compound(b)) => {
                let same = |((n, a), (m, b)): (&(String, Value), &(String, Value))| n == m && self.same(sides, a, b);
                a.len() == b.len() && a.iter().zip(b).all(same)
            }
            (Value::Reference(a), Value::Reference(b)) => target(&sides.0, a) == target(&sides.1, b),
            _ => a == b,
        }
    }

    fn near(&self, a: f64, b: f64) -> bool {
        let apart = (a - b).abs();
        a == b
            || a.is_nan() && b.is_nan()
            || apart <= self.absolute
            || apart.is_finite() && apart <= self.relative * a.abs().max(b.abs())
    }
}

/// What a reference leads to, by path.
fn target(side: &Side, reference: &Reference) -> String {
    match reference {
        Reference::Object(address) => side.path_of(*address),
        Reference::Region { dataset, selection } => format!("{} {selection:?}", side.path_of(*dataset)),
        Reference::Attribute { object, name } => format!("{}@{}", side.path_of(*object), String::from_utf8_lossy(name)),
        other => format!("{other:?}"),
    }
}

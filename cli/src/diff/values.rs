//! Elements compared.

use super::Side;
use super::report::Sides;
use hdf5_format::datatype::contains_address;
use hdf5_format::{Attribute, ChunkPart, Dataset, Reference, Result, Select, Value};
use std::collections::BTreeMap;

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

/// Compares elements of both sides.
pub(super) struct Compare<'a> {
    sides: &'a Sides<Side>,
    tolerance: &'a Tolerance,
    /// Differences that are kept.
    most: usize,
    found: Found,
}

impl<'a> Compare<'a> {
    pub(super) fn new(sides: &'a Sides<Side>, tolerance: &'a Tolerance, most: usize) -> Self {
        Compare { sides, tolerance, most, found: Found::default() }
    }

    /// Elements of two attributes of one shape.
    pub(super) fn attributes(mut self, a: &Attribute, b: &Attribute) -> Result<Found> {
        self.values(a.read_values()?, b.read_values()?, &|place| coordinates(place, a.shape()));
        Ok(self.found)
    }

    /// Elements of two datasets of one shape, block by block.
    pub(super) fn datasets(mut self, a: &Dataset, b: &Dataset) -> Result<Found> {
        if let Some(parts) = stored(a, b)? {
            for part in parts {
                let shift = |at: Vec<u64>| at.iter().zip(&part.offset).map(|(x, first)| x + first).collect();
                let before = self.found.total;
                self.part(a, b, part.select, &|place| shift(coordinates(place - before, &part.shape)))?;
            }
            self.found.total = a.size()?;
            return Ok(self.found);
        }
        for part in a.split(Select::all(), BLOCK)? {
            self.part(a, b, part, &|place| coordinates(place, a.shape()))?;
        }
        Ok(self.found)
    }

    fn part(&mut self, a: &Dataset, b: &Dataset, part: Select, at: &dyn Fn(u64) -> Vec<u64>) -> Result<()> {
        // Bytes that are equal mean the same, unless they lead somewhere.
        if same_type(a, b) && !contains_address(a.dtype()) {
            let (one, _) = a.read_raw(part.clone())?;
            if one == b.read_raw(part.clone())?.0 {
                self.found.total += one.len().checked_div(a.dtype().size()).unwrap_or(0) as u64;
                return Ok(());
            }
        }
        self.values(a.read_values(part.clone())?, b.read_values(part)?, at);
        Ok(())
    }

    /// Compares the next elements; `at` tells their coordinates.
    fn values(&mut self, a: Vec<Value>, b: Vec<Value>, at: &dyn Fn(u64) -> Vec<u64>) {
        for (one, other) in a.into_iter().zip(b) {
            let place = self.found.total;
            self.found.total += 1;
            if self.tolerance.same(self.sides, &one, &other) {
                continue;
            }
            self.found.different += 1;
            if self.found.first.len() < self.most {
                self.found.first.push((at(place), one, other));
            }
        }
    }
}

fn same_type(a: &Dataset, b: &Dataset) -> bool {
    a.dtype().to_string() == b.dtype().to_string()
}

/// The chunks that either dataset has, if they have few of them, of one shape: all other elements are the fill value.
fn stored(a: &Dataset, b: &Dataset) -> Result<Option<Vec<ChunkPart>>> {
    let (Some(chunk), Some(one), Some(other)) = (a.chunks(), a.num_chunks()?, b.num_chunks()?) else { return Ok(None) };
    let elements = chunk.iter().fold(one.saturating_add(other), |n, &side| n.saturating_mul(side));
    let alike = b.chunks() == Some(chunk) && same_type(a, b) && a.fill_value().fill == b.fill_value().fill;
    if !alike || elements >= a.size()? / 2 {
        return Ok(None);
    }
    let all = a.stored_chunks(Select::all())?.into_iter().chain(b.stored_chunks(Select::all())?);
    let parts: BTreeMap<Vec<u64>, ChunkPart> = all.map(|chunk| (chunk.part.offset.clone(), chunk.part)).collect();
    Ok(Some(parts.into_values().collect()))
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

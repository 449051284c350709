//! Selections as text: NumPy's notation without the brackets, and what it has no words for.
//!
//! ```text
//! 0:10, ::2, -1, ..., [1,4,7]     one slice for each dimension
//! slab(0,4,10,2)                  start, stride, count (* is as many as there are), block: also a slice
//! mask(10: 0, 4:6)                where a mask of 10 positions is true: also a slice
//! mask(2,3: 0, 4:6)               where a mask of shape (2, 3) is true, by place in C order
//! {0,1; 7,-1}                     points
//! boxes(0,0:1,1; 5,5:9,7)         a union of boxes: first and last corners, both included
//! 0:2, 0:2 | 8:, 8:               a union
//! ```

use super::{Kind, Mask, Select, Slice};
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// Positions of a mask that is written as text.
const MOST_POSITIONS: u64 = 1 << 26;

/// Parts of a text between separators that are not in brackets.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0u32;
    text.split(move |c: char| {
        match c {
            '(' | '[' | '{' => depth = depth.saturating_add(1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c == separator
    })
    .map(str::trim)
}

fn bad(text: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("{text:?} is not a slice"))
        .with_hint("write an index, start:end, start:end:step, [1,4,7], or ...")
}

fn between<'t>(text: &'t str, open: &str, close: char) -> Option<&'t str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// Numbers with commas between them; none in an empty text.
fn numbers<T: FromStr>(text: &str, whole: &str) -> Result<Vec<T>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(|n| n.trim().parse().map_err(|_| bad(whole))).collect()
}

impl FromStr for Select {
    type Err = Error;

    /// NumPy's notation without the brackets, `0:10, ::2, -1, ..., [1,4,7]`; or what [`Select`] prints.
    fn from_str(text: &str) -> Result<Self> {
        let mut all = split(text, '|').map(one).collect::<Result<Vec<Select>>>()?;
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                all.extend(last);
                Ok(Select(Kind::Union(all)))
            }
        }
    }
}

fn one(text: &str) -> Result<Select> {
    if let Some(list) = between(text, "{", '}') {
        return points(list, text);
    }
    if let Some(list) = between(text, "boxes(", ')') {
        return boxes(list, text);
    }
    let mut items: Vec<&str> = split(text, ',').collect();
    if items.last().is_some_and(|last| last.is_empty()) {
        items.pop();
    }
    match items.as_slice() {
        [only] if only.starts_with("mask(") => mask(only).map(|mask| Select(Kind::Mask(mask))),
        _ => items.into_iter().map(str::parse).collect::<Result<Vec<Slice>>>().map(Select::new),
    }
}

fn points(list: &str, text: &str) -> Result<Select> {
    let mut rank = None;
    let mut coords: Vec<i64> = Vec::new();
    for point in list.split(';').filter(|p| !p.trim().is_empty()) {
        let point = numbers::<i64>(point, text)?;
        if *rank.get_or_insert(point.len()) != point.len() {
            return Err(Error::new(ErrorKind::Invalid, format!("{text:?} has points of different lengths")));
        }
        coords.extend(point);
    }
    Ok(Select::point_list(rank.unwrap_or(0), coords))
}

fn boxes(list: &str, text: &str) -> Result<Select> {
    let refused = || bad(text).with_hint("boxes are boxes(first corner:last corner; ...)");
    let (mut rank, mut corners) = (None, Vec::new());
    for item in list.split(';') {
        let (first, last) = item.split_once(':').ok_or_else(refused)?;
        let (first, last) = (numbers::<u64>(first, text)?, numbers::<u64>(last, text)?);
        let is_box = first.len() == last.len() && first.iter().zip(&last).all(|(a, b)| a <= b);
        if first.is_empty() || !is_box || *rank.get_or_insert(first.len()) != first.len() {
            return Err(refused());
        }
        corners.extend(first.into_iter().chain(last));
    }
    Ok(Select(Kind::Boxes { rank: rank.unwrap_or(0), corners }))
}

fn mask(text: &str) -> Result<Mask> {
    let refused = || bad(text).with_hint("a mask is mask(SHAPE: places that are true, as 0, 4:6)");
    let (shape, list) = between(text, "mask(", ')').and_then(|t| t.split_once(':')).ok_or_else(refused)?;
    let dims: Vec<u64> = numbers(shape, text)?;
    let len = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).ok_or_else(refused)?;
    let (mut runs, mut end) = (Vec::new(), 0u64);
    for run in list.split(',').map(str::trim).filter(|r| !r.is_empty()) {
        let (start, after) = run.split_once(':').map_or((run, None), |(start, after)| (start, Some(after)));
        let number = |t: &str| t.trim().parse::<u64>().map_err(|_| refused());
        let start = number(start)?;
        let after = after.map_or(Ok(start.saturating_add(1)), number)?;
        if start < end || after <= start || after > len {
            return Err(refused().with_hint("the places ascend, up to the end of the mask"));
        }
        runs.push((start, after.saturating_sub(start)));
        end = after;
    }
    Ok(Mask { dims, len, runs })
}

impl FromStr for Slice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || bad(text);
        if text == "..." {
            return Ok(Slice::Ellipsis);
        }
        if let Some(list) = between(text, "[", ']') {
            return numbers(list, text).map(Slice::List);
        }
        if let Some(slab) = between(text, "slab(", ')') {
            return slab_of(slab).ok_or_else(|| bad().with_hint("a slab is slab(start,stride,count,block)"));
        }
        if text.starts_with("mask(") {
            return positions(&mask(text)?).ok_or_else(|| bad().with_hint("a mask of one dimension, of at most 2^26"));
        }
        let number = |t: &str| match t.trim() {
            "" => Ok(None),
            t => t.parse::<i64>().map(Some).map_err(|_| bad()),
        };
        let mut parts = text.split(':');
        let (first, second, third, more) = (parts.next(), parts.next(), parts.next(), parts.next());
        match (first, second, third, more) {
            (Some(i), None, None, None) => number(i)?.map(Slice::Index).ok_or_else(bad),
            (Some(start), Some(end), step, None) => {
                let step = number(step.unwrap_or(""))?.unwrap_or(1);
                let step = u64::try_from(step).ok().filter(|&s| s > 0);
                let step = step.ok_or_else(|| bad().with_hint("a step is a positive number"))?;
                Ok(Slice::Range { start: number(start)?, end: number(end)?, step })
            }
            _ => Err(bad()),
        }
    }
}

fn slab_of(text: &str) -> Option<Slice> {
    let mut numbers = text.split(',').map(|n| match n.trim() {
        "*" => Some(u64::MAX),
        n => n.parse().ok(),
    });
    let mut next = || numbers.next().flatten();
    let slab = Slice::Slab { start: next()?, stride: next()?, count: next()?, block: next()? };
    numbers.next().is_none().then_some(slab)
}

/// A mask of one dimension as positions.
fn positions(mask: &Mask) -> Option<Slice> {
    let [len] = mask.dims.as_slice() else { return None };
    let len = usize::try_from(*len).ok().filter(|&n| n as u64 <= MOST_POSITIONS)?;
    let mut out = vec![false; len];
    for &(place, len) in &mask.runs {
        let from = usize::try_from(place).ok()?;
        out.get_mut(from..)?.get_mut(..usize::try_from(len).ok()?)?.fill(true);
    }
    Some(Slice::Mask(out))
}

/// Items with separators between them.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    separator: &str,
    mut show: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        show(f, item)?;
    }
    Ok(())
}

fn shown<T: fmt::Display>(f: &mut fmt::Formatter<'_>, item: T) -> fmt::Result {
    write!(f, "{item}")
}

impl fmt::Display for Select {
    /// Text that parses to an equal selection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Slices(slices) => list(f, slices, ", ", shown),
            Kind::Union(all) => list(f, all, " | ", shown),
            Kind::Mask(mask) => write!(f, "{mask}"),
            Kind::Points { rank, coords } => {
                f.write_str("{")?;
                list(f, coords.chunks((*rank).max(1)), "; ", |f, point| list(f, point, ",", shown))?;
                f.write_str("}")
            }
            Kind::Boxes { rank, corners } => {
                f.write_str("boxes(")?;
                list(f, corners.chunks(rank.saturating_mul(2).max(1)), "; ", |f, corners| {
                    list(f, corners.chunks((*rank).max(1)), ":", |f, corner| list(f, corner, ",", shown))
                })?;
                f.write_str(")")
            }
            Kind::Refused(_, what) => write!(f, "<{what}>"),
        }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mask(")?;
        list(f, &self.dims, ",", shown)?;
        f.write_str(if self.runs.is_empty() { ":" } else { ": " })?;
        list(f, &self.runs, ", ", |f, &(place, len)| match len {
            1 => write!(f, "{place}"),
            len => write!(f, "{place}:{}", place.saturating_add(len)),
        })?;
        f.write_str(")")
    }
}

impl fmt::Display for Slice {
    /// Text that parses to an equal slice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slice::Index(i) => write!(f, "{i}"),
            Slice::Ellipsis => f.write_str("..."),
            Slice::Range { start, end, step } => {
                start.map_or(Ok(()), |start| write!(f, "{start}"))?;
                f.write_str(":")?;
                end.map_or(Ok(()), |end| write!(f, "{end}"))?;
                if *step == 1 { Ok(()) } else { write!(f, ":{step}") }
            }
            Slice::Slab { start, stride, count: u64::MAX, block } => write!(f, "slab({start},{stride},*,{block})"),
            Slice::Slab { start, stride, count, block } => write!(f, "slab({start},{stride},{count},{block})"),
            Slice::List(positions) => {
                f.write_str("[")?;
                list(f, positions, ",", shown)?;
                f.write_str("]")
            }
            Slice::Mask(mask) => write!(f, "{}", Mask::new(&[mask.len() as u64], mask)),
        }
    }
}

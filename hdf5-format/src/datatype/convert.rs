//! Stored elements of one type as stored elements of another, as libhdf5 converts them.
//!
//! A [`Converter`] is made once for a pair of types and used for any number of elements.

pub use super::number::Conversion;
use super::number::NumberFormat;
use super::odd::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype, StringPadding};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// How elements of one type become elements of another.
///
/// ```
/// use hdf5_format::datatype::convert::{Conversion, Converter};
/// use hdf5_format::format::message::datatype::{ByteOrder, Datatype};
/// let stored = Datatype::integer(2, true, ByteOrder::BigEndian);
/// let wanted = Datatype::integer(1, false, ByteOrder::LittleEndian);
/// let clamp = Converter::new(&stored, &wanted, Conversion::Clamp).unwrap();
/// let mut out = [0; 2];
/// clamp.run(&[0x01, 0x00, 0xff, 0xff], &mut out).unwrap();
/// assert_eq!(out, [255, 0]);
/// ```
pub struct Converter {
    from: Datatype,
    to: Datatype,
    how: Conversion,
    step: Step,
}

enum Step {
    Copy,
    Numbers(NumberFormat, NumberFormat),
    OddNumbers,
    /// Pairs of stored numbers of the same name; what has no name becomes all ones.
    Names(Vec<(i128, Vec<u8>)>),
    Bits,
    Text(StringPadding, StringPadding),
    /// Where a member was, where it goes, and how; members of one side only are left out.
    Members(Vec<(Range<usize>, Range<usize>, Converter)>),
    /// Elements in elements.
    Each(Box<Converter>),
    /// A complex number of a real one.
    Real(Box<Converter>),
}

impl Converter {
    /// How `from` becomes `to`.
    ///
    /// # Errors
    /// The types have nothing to do with each other.
    pub fn new(from: &Datatype, to: &Datatype, how: Conversion) -> Result<Self> {
        let step = if from.class == to.class && from.size == to.size { Step::Copy } else { step(from, to, how)? };
        Ok(Converter { from: from.clone(), to: to.clone(), how, step })
    }

    /// True if elements stay as they are.
    pub fn is_identity(&self) -> bool {
        matches!(self.step, Step::Copy)
    }

    /// Converts whole elements. Bytes of `out` that no member goes to stay as they are.
    ///
    /// # Errors
    /// A value does not fit, and must.
    pub fn run(&self, bytes: &[u8], out: &mut [u8]) -> Result<()> {
        match &self.step {
            Step::Copy => {
                let len = bytes.len().min(out.len());
                if let (Some(from), Some(to)) = (bytes.get(..len), out.get_mut(..len)) {
                    to.copy_from_slice(from);
                }
                Ok(())
            }
            Step::Numbers(from, to) => from.convert(*to, self.how, bytes, out).map_err(|i| {
                let element = bytes.chunks_exact(self.from.size().max(1)).nth(i).unwrap_or(&[]);
                self.misfit(i, element)
            }),
            _ => {
                let pairs =
                    bytes.chunks_exact(self.from.size().max(1)).zip(out.chunks_exact_mut(self.to.size().max(1)));
                for (i, (from, to)) in pairs.enumerate() {
                    self.one(from, to)?.then_some(()).ok_or_else(|| self.misfit(i, from))?;
                }
                Ok(())
            }
        }
    }

    /// Converts one element: whether it fits.
    fn one(&self, bytes: &[u8], out: &mut [u8]) -> Result<bool> {
        match &self.step {
            Step::Copy | Step::Numbers(..) => self.run(bytes, out).map(|()| true),
            Step::OddNumbers => {
                let value = Scalar::load(&self.from, bytes).ok_or_else(|| unsupported(&self.from, &self.to))?;
                Ok(value.store(&self.to, self.how, out).is_some())
            }
            Step::Names(names) => {
                let value = super::bits::integer(&self.from, bytes);
                match names.iter().find(|(number, _)| Some(*number) == value) {
                    Some((_, stored)) => out.copy_from_slice(stored.get(..out.len()).unwrap_or(stored)),
                    None if self.how == Conversion::Exact => return Ok(false),
                    None => out.fill(0xff),
                }
                Ok(true)
            }
            Step::Bits => {
                let value = super::bits::unsigned(&self.from, bytes);
                let value = value.ok_or_else(|| unsupported(&self.from, &self.to))?;
                // The lowest bits are kept; nothing is rounded to the nearest where bits are no number.
                let Class::BitField { precision, .. } = self.to.class else { return Ok(false) };
                let all = u128::MAX.checked_shr(128u32.saturating_sub(precision.into())).unwrap_or(0);
                super::bits::put_word(&self.to, value & all, out);
                Ok(value & all == value || self.how == Conversion::Clamp)
            }
            Step::Text(from, to) => Ok(text(*from, *to, bytes, out) || self.how == Conversion::Clamp),
            Step::Members(members) => {
                for (from, to, converter) in members {
                    if let (Some(from), Some(to)) = (bytes.get(from.clone()), out.get_mut(to.clone())) {
                        converter.run(from, to)?;
                    }
                }
                Ok(true)
            }
            Step::Each(converter) => converter.run(bytes, out).map(|()| true),
            Step::Real(converter) => {
                let (real, imaginary) = out.split_at_mut_checked(converter.to.size()).unwrap_or_default();
                imaginary.fill(0);
                converter.run(bytes, real).map(|()| true)
            }
        }
    }

    fn misfit(&self, i: usize, element: &[u8]) -> Error {
        let shown = match Scalar::load(&self.from, element) {
            Some(Scalar::Integer(value)) => format!(", {value},"),
            Some(Scalar::Unsigned(value)) => format!(", {value},"),
            Some(Scalar::Float { value, .. }) => format!(", {value},"),
            None => match &self.from.class {
                Class::String { padding, .. } => format!(", \"{}\",", padding.trim(element).escape_ascii()),
                _ => alloc::string::String::new(),
            },
        };
        Error::new(ErrorKind::TypeMismatch, format!("element {i}{shown} does not fit {}", self.to))
            .with_hint("choose Conversion::Clamp for the nearest value")
    }
}

/// Converts whole stored elements; what `to` has and `from` has not is zero.
///
/// # Errors
/// The types have nothing to do with each other, or a value does not fit and must.
pub fn elements(from: &Datatype, to: &Datatype, how: Conversion, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let converter = Converter::new(from, to, how)?;
    if converter.is_identity() {
        return Ok(bytes);
    }
    let count = bytes.len().checked_div(from.size()).unwrap_or(0);
    let mut out = alloc::vec![0; count.saturating_mul(to.size())];
    converter.run(&bytes, &mut out)?;
    Ok(out)
}

fn unsupported(from: &Datatype, to: &Datatype) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("there is no conversion from {from} to {to}"))
}

fn step(from: &Datatype, to: &Datatype, how: Conversion) -> Result<Step> {
    let unsupported = || unsupported(from, to);
    match (&from.class, &to.class) {
        (Class::Enum { base, members }, Class::Enum { base: other, members: others }) => {
            names(base, members, other, others).ok_or_else(unsupported).map(Step::Names)
        }
        (Class::BitField { .. }, Class::BitField { .. }) => Ok(match (NumberFormat::of(from), NumberFormat::of(to)) {
            (Some(from), Some(to)) if to.kind.size() >= from.kind.size() => Step::Numbers(from, to),
            _ => Step::Bits,
        }),
        (Class::String { padding, .. }, Class::String { padding: other, .. }) => Ok(Step::Text(*padding, *other)),
        (Class::Compound { members: pair }, Class::Complex { base }) => match pair.as_slice() {
            [real, imaginary] if real.datatype == imaginary.datatype => {
                let part = Converter::new(&real.datatype, base, how)?;
                let whole = (real.offset, imaginary.offset) == (0, real.datatype.size)
                    && from.size == real.datatype.size.saturating_mul(2);
                if whole { Ok(Step::Each(Box::new(part))) } else { Err(unsupported()) }
            }
            _ => Err(unsupported()),
        },
        (Class::Complex { base }, Class::Compound { members: pair }) => match pair.as_slice() {
            [real, imaginary] if real.datatype == imaginary.datatype => {
                let part = Converter::new(base, &real.datatype, how)?;
                let whole = (real.offset, imaginary.offset) == (0, real.datatype.size)
                    && to.size == real.datatype.size.saturating_mul(2);
                if whole { Ok(Step::Each(Box::new(part))) } else { Err(unsupported()) }
            }
            _ => Err(unsupported()),
        },
        (Class::Complex { base }, Class::Complex { base: other }) => {
            Ok(Step::Each(Box::new(Converter::new(base, other, how)?)))
        }
        (Class::FixedPoint { .. } | Class::FloatingPoint(_), Class::Complex { base }) => {
            Ok(Step::Real(Box::new(Converter::new(from, base, how)?)))
        }
        (Class::Compound { members }, Class::Compound { members: others }) => {
            let mut steps = Vec::new();
            for other in others {
                let Some(member) = members.iter().find(|m| m.name == other.name) else { continue };
                let converter = Converter::new(&member.datatype, &other.datatype, how)
                    .map_err(|e| e.within("a member of a compound"))?;
                steps.push((range(member.offset, &member.datatype), range(other.offset, &other.datatype), converter));
            }
            Ok(Step::Members(steps))
        }
        (Class::Array { dims, base }, Class::Array { dims: others, base: other }) if dims == others => {
            Ok(Step::Each(Box::new(Converter::new(base, other, how)?)))
        }
        (
            Class::FixedPoint { .. } | Class::FloatingPoint(_) | Class::Enum { .. },
            Class::FixedPoint { .. } | Class::FloatingPoint(_) | Class::Enum { .. },
        ) => Ok(match (NumberFormat::of(from), NumberFormat::of(to)) {
            (Some(from), Some(to)) => Step::Numbers(from, to),
            _ => Step::OddNumbers,
        }),
        _ => Err(unsupported()),
    }
}

fn range(offset: u32, datatype: &Datatype) -> Range<usize> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    start..start.saturating_add(datatype.size())
}

/// For each name of both enumerations: its number in one, its stored number in the other.
fn names(
    base: &Datatype,
    members: &[(Vec<u8>, Vec<u8>)],
    other: &Datatype,
    others: &[(Vec<u8>, Vec<u8>)],
) -> Option<Vec<(i128, Vec<u8>)>> {
    let pairs = members.iter().filter_map(|(name, stored)| {
        let (_, wanted) = others.iter().find(|(n, _)| n == name).filter(|(_, w)| w.len() == other.size())?;
        Some((super::bits::integer(base, stored), wanted.clone()))
    });
    pairs.map(|(number, stored)| number.map(|n| (n, stored))).collect()
}

/// A text with other padding and length; what does not fit is cut off. Whether all of it is there.
fn text(from: StringPadding, to: StringPadding, bytes: &[u8], out: &mut [u8]) -> bool {
    let text = match from {
        // Whatever follows the first NUL, as libhdf5 has it for both.
        StringPadding::NullTerminated | StringPadding::NullPadded => bytes.split(|&b| b == 0).next().unwrap_or(bytes),
        StringPadding::SpacePadded => from.trim(bytes),
    };
    let room = match to {
        StringPadding::NullTerminated => out.len().saturating_sub(1),
        _ => out.len(),
    };
    let kept = text.get(..room).unwrap_or(text);
    let (start, rest) = out.split_at_mut_checked(kept.len()).unwrap_or_default();
    start.copy_from_slice(kept);
    rest.fill(if to == StringPadding::SpacePadded { b' ' } else { 0 });
    let after = from != StringPadding::NullPadded || from.trim(bytes).len() == text.len();
    kept.len() == text.len() && after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::message::datatype::{ByteOrder, CharacterSet};

    const LE: ByteOrder = ByteOrder::LittleEndian;

    fn string(bytes: u32, padding: StringPadding) -> Datatype {
        let mut datatype = Datatype::string(bytes, CharacterSet::Ascii);
        datatype.class = Class::String { padding, charset: CharacterSet::Ascii };
        datatype
    }

    fn run(from: &Datatype, to: &Datatype, how: Conversion, bytes: &[u8]) -> Result<Vec<u8>> {
        elements(from, to, how, bytes.to_vec())
    }

    #[test]
    fn texts_keep_what_their_padding_says() {
        use StringPadding::{NullPadded, NullTerminated, SpacePadded};
        for (from, to, size, text, expected) in [
            (NullTerminated, SpacePadded, 8, b"ab\0de", &b"ab      "[..]),
            (NullPadded, NullTerminated, 5, b"abcde", b"abcd\0"),
            (NullPadded, NullPadded, 8, b"a\0 \0b", b"a\0\0\0\0\0\0\0"),
            (SpacePadded, NullTerminated, 3, b"abcde", b"ab\0"),
            (SpacePadded, NullPadded, 5, b"a\0 b ", b"a\0 b\0"),
        ] {
            let found = run(&string(5, from), &string(size, to), Conversion::Clamp, text).unwrap();
            assert_eq!(found, expected);
        }
        let (from, to) = (string(5, NullPadded), string(5, NullTerminated));
        assert_eq!(run(&from, &to, Conversion::Exact, b"abcd\0").unwrap(), b"abcd\0");
        assert!(run(&from, &to, Conversion::Exact, b"abcde").unwrap_err().to_string().contains("abcde"));
    }

    #[test]
    fn members_are_found_by_name() {
        let (int, short) = (Datatype::integer(4, true, LE), Datatype::integer(2, true, ByteOrder::BigEndian));
        let from = Datatype::compound([("a", int.clone()), ("b", short.clone()), ("c", int.clone())]);
        let to = Datatype::compound([("c", short), ("x", int.clone()), ("a", Datatype::float(8, LE).unwrap())]);
        let bytes = [7, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff];
        let found = run(&from, &to, Conversion::Exact, &bytes).unwrap();
        assert_eq!(found, [&[0xff, 0xfe, 0, 0, 0, 0][..], &7f64.to_le_bytes()].concat());
        assert!(Converter::new(&from, &int, Conversion::Clamp).is_err());
    }

    #[test]
    fn bit_fields_keep_their_lowest_bits() {
        let field = |bytes: u32| {
            let Class::FixedPoint { order, low_pad, high_pad, bit_offset, precision, .. } =
                Datatype::integer(u8::try_from(bytes).unwrap(), false, LE).class
            else {
                unreachable!()
            };
            let class = Class::BitField { order, low_pad, high_pad, bit_offset, precision };
            Datatype { version: 1, size: bytes, class }
        };
        assert_eq!(run(&field(2), &field(1), Conversion::Clamp, &[0x34, 0x12]).unwrap(), [0x34]);
        assert!(run(&field(2), &field(1), Conversion::Exact, &[0x34, 0x12]).is_err());
        assert_eq!(run(&field(1), &field(2), Conversion::Exact, &[0xff]).unwrap(), [0xff, 0]);
    }

    #[test]
    fn names_decide_which_number_it_is() {
        let (byte, short) = (Datatype::integer(1, true, LE), Datatype::integer(2, true, LE));
        let from = Datatype::enumeration(byte, [("A", [0]), ("B", [1]), ("C", [2])]);
        let to = Datatype::enumeration(short, [("C", [0x2c, 1]), ("A", [7, 0])]);
        let found = run(&from, &to, Conversion::Clamp, &[0, 1, 2, 3]).unwrap();
        assert_eq!(found, [7, 0, 0xff, 0xff, 0x2c, 1, 0xff, 0xff]);
        assert!(run(&from, &to, Conversion::Exact, &[0, 1]).is_err());
        assert_eq!(run(&from, &Datatype::integer(1, false, LE), Conversion::Exact, &[2]).unwrap(), [2]);
    }
}

//! Numbers, text and other values without parts.

use super::{Dumping, Loading, Persist, Place};
use crate::value::{Array, TimeIndex, Timestamp, Value, expected};
use half::{bf16, f16};
use hdf5_format::Result;
use num_bigint::BigInt;
use num_complex::{Complex32, Complex64};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes, where `Vec<u8>` is an array of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

macro_rules! many_are_arrays {
    () => {
        fn dump_all(values: &[Self], _: &mut Dumping<'_>) -> Result<Value> {
            Array::new([values.len() as u64], values).map(Value::Array)
        }

        fn load_all(value: Value, from: &mut Loading<'_>) -> Result<Vec<Self>> {
            match value {
                Value::Array(array) if array.shape().len() == 1 => array.to_vec(),
                Value::Node(node) if node.is_dataset() => Self::load_all(node.into_dataset()?.data.into(), from),
                other => super::collections::items(other)?.into_iter().map(|item| from.load(item)).collect(),
            }
        }
    };
}

macro_rules! integers {
    ($($type:ty),+) => { $(
        impl Persist for $type {
            const PLACE: Place = Place::Attr;

            fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
                Ok(i128::try_from(*self).map_or_else(|_| Value::BigInt(BigInt::from(*self)), Value::Int))
            }

            fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
                let fits = match value.simplified() {
                    Value::Int(number) => Self::try_from(number).map_err(|_| number.to_string()),
                    Value::BigInt(number) => Self::try_from(&number).map_err(|_| number.to_string()),
                    other => Err(other.describe()),
                };
                fits.map_err(|found| expected(stringify!($type), &found))
            }

            many_are_arrays!();
        }
    )+ };
}

integers!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, isize, usize);

macro_rules! plain {
    ($($type:ty: $wanted:literal, $self:ident => $dump:expr, $($pattern:pat $(if $guard:expr)? => $load:expr),+;)+) => { $(
        impl Persist for $type {
            const PLACE: Place = Place::Attr;

            fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
                let $self = self;
                Ok($dump)
            }

            fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
                match value.simplified() {
                    $( $pattern $(if $guard)? => Ok($load), )+
                    other => Err(expected($wanted, &other.describe())),
                }
            }

            many_are_arrays!();
        }
    )+ };
}

#[allow(clippy::cast_possible_truncation, reason = "a float of fewer bits was one of them before")]
fn single(number: f64) -> f32 {
    number as f32
}

/// An integer that a double holds exactly.
#[allow(clippy::cast_precision_loss, reason = "integers of 53 bits are exact")]
fn whole(number: i128) -> Option<f64> {
    (number.unsigned_abs() <= 1 << 53).then_some(number as f64)
}

plain! {
    bool: "a boolean", x => Value::Bool(*x), Value::Bool(x) => x, Value::Int(0) => false, Value::Int(1) => true;
    f64: "a float", x => Value::Float(*x), Value::Float(x) => x, Value::Int(x) if whole(x).is_some() => whole(x).unwrap_or(0.0);
    f32: "a float", x => Value::Float(f64::from(*x)), Value::Float(x) => single(x), Value::Int(x) if whole(x).is_some() => single(whole(x).unwrap_or(0.0));
    f16: "a float", x => Value::Float(x.to_f64()), Value::Float(x) => f16::from_f64(x);
    bf16: "a float", x => Value::Float(x.to_f64()), Value::Float(x) => bf16::from_f64(x);
    Complex64: "a complex number", x => Value::Complex(*x), Value::Complex(x) => x, Value::Float(x) => Complex64::from(x);
    Complex32: "a complex number", x => Value::Complex(Complex64::new(x.re.into(), x.im.into())), Value::Complex(x) => Complex32::new(single(x.re), single(x.im));
}

macro_rules! others {
    ($($type:ty: $place:ident, $wanted:literal, $self:ident => $dump:expr, $($pattern:pat => $load:expr),+;)+) => { $(
        impl Persist for $type {
            const PLACE: Place = Place::$place;

            fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
                let $self = self;
                Ok($dump)
            }

            fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
                match value.simplified() {
                    $( $pattern => Ok($load), )+
                    other => Err(expected($wanted, &other.describe())),
                }
            }
        }
    )+ };
}

others! {
    (): Attr, "nothing", _x => Value::Null, Value::Null => ();
    String: Attr, "text", x => Value::Text(x.clone()), Value::Text(x) => x;
    PathBuf: Attr, "a path", x => Value::Path(x.to_string_lossy().into_owned()), Value::Path(x) | Value::Text(x) => x.into();
    Bytes: Member, "bytes", x => Value::Bytes(x.0.clone()), Value::Bytes(x) => Bytes(x);
    BigInt: Attr, "an integer", x => i128::try_from(x).map_or_else(|_| Value::BigInt(x.clone()), Value::Int), Value::Int(x) => x.into(), Value::BigInt(x) => x;
    Timestamp: Member, "a time", x => Value::Time(x.clone()), Value::Time(x) => x;
    TimeIndex: Member, "an index of times", x => Value::TimeIndex(x.clone()), Value::TimeIndex(x) => x;
}

impl Persist for Value {
    const RAW: bool = true;

    fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
        Ok(self.clone())
    }

    fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
        Ok(value)
    }
}

impl Persist for Array {
    fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
        Ok(Value::Array(self.clone()))
    }

    fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
        value.into_array()
    }
}

impl Persist for SystemTime {
    fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
        let nanoseconds = match self.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()),
            Err(before) => i64::try_from(before.duration().as_nanos()).map(|n| n.saturating_neg()),
        };
        let nanoseconds = nanoseconds.map_err(|_| expected("a time between 1677 and 2262", &format!("{self:?}")))?;
        Ok(Value::Time(Timestamp::zoned(nanoseconds, "UTC")))
    }

    fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
        match value.simplified() {
            Value::Time(Timestamp { nanoseconds, zone }) if zone.as_deref() == Some("UTC") => {
                let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
                let time =
                    if nanoseconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
                time.ok_or_else(|| expected("a time of this system", &nanoseconds.to_string()))
            }
            other => Err(expected("a time of the zone UTC", &other.describe())),
        }
    }
}

//! One number as another.

use half::{bf16, f16};

/// A number made from another.
pub trait Cast<S>: Sized {
    /// The same value, if there is one.
    fn exact(source: S) -> Option<Self>;

    /// The nearest value: see [`Conversion::Clamp`](super::Conversion::Clamp).
    fn clamp(source: S) -> Self;
}

macro_rules! integers_from_integers {
    ($($from:ty),+) => { $( integers_from_integers!(@ $from => u8, i8, u16, i16, u32, i32, u64, i64, u128, i128); )+ };
    (@ $from:ty => $($to:ty),+) => { $(
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                source.try_into().ok()
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                source.try_into().unwrap_or(if source > 0 { <$to>::MAX } else { <$to>::MIN })
            }
        }
    )+ };
}

integers_from_integers!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128);

macro_rules! integers_from_floats {
    ($($to:ty),+) => { $(
        integers_from_floats!(@ f32 => $to);
        integers_from_floats!(@ f64 => $to);
        integers_from_floats!(# f16 => $to);
        integers_from_floats!(# bf16 => $to);
    )+ };
    (@ $from:ty => $to:ty) => {
        #[allow(clippy::cast_possible_truncation)] // Saturates; the way back shows whether anything was lost.
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                // The largest integer may come back as the float after it.
                const PAST: $from = (<$to>::MAX / 2 + 1) as $from * 2.0;
                let value = source as $to;
                (value as $from == source && source < PAST).then_some(value)
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                source as $to
            }
        }
    };
    (# $from:ty => $to:ty) => {
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                Cast::<f32>::exact(f32::from(source))
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                Cast::<f32>::clamp(f32::from(source))
            }
        }
    };
}

integers_from_floats!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128);

macro_rules! floats_from_integers {
    ($($from:ty),+) => { $(
        floats_from_integers!(@ $from => f32);
        floats_from_integers!(@ $from => f64);
        floats_from_integers!(# $from => f16);
        floats_from_integers!(# $from => bf16);
    )+ };
    (@ $from:ty => $to:ty) => {
        #[allow(clippy::cast_possible_truncation)] // The way back shows whether anything was lost.
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                let value = source as $to;
                (<$from as Cast<$to>>::exact(value) == Some(source)).then_some(value)
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                source as $to
            }
        }
    };
    (# $from:ty => $to:ty) => {
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                let value = <$to>::from_f32(odd_single(<f64 as Cast<$from>>::exact(source)?));
                (<$from as Cast<$to>>::exact(value) == Some(source)).then_some(value)
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                <$to>::from_f32(odd_single(Cast::<$from>::clamp(source)))
            }
        }
    };
}

floats_from_integers!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128);

/// Floats that have all values of others: nothing can be lost.
macro_rules! wider_floats {
    ($($from:ty => $to:ty),+) => { $(
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                Some(source.into())
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                source.into()
            }
        }
    )+ };
}

wider_floats!(
    f16 => f16, bf16 => bf16, f32 => f32, f64 => f64,
    f16 => f32, bf16 => f32, f16 => f64, bf16 => f64, f32 => f64
);

/// Floats that lack values of others.
macro_rules! narrower_floats {
    ($($from:ty => $to:ty: $round:expr),+) => { $(
        impl Cast<$from> for $to {
            #[inline]
            fn exact(source: $from) -> Option<Self> {
                let value: $to = $round(source);
                (f64::from(value) == f64::from(source) || source.is_nan()).then_some(value)
            }

            #[inline]
            fn clamp(source: $from) -> Self {
                $round(source)
            }
        }
    )+ };
}

#[allow(clippy::cast_possible_truncation)] // Rounds.
fn single(source: f64) -> f32 {
    source as f32
}

/// A single of which the lowest bit is set if anything was cut off: rounded further it becomes what the double would.
fn odd_single(source: f64) -> f32 {
    let near = single(source);
    if f64::from(near) == source || source.is_nan() {
        return near;
    }
    let past = f64::from(near).abs() > source.abs();
    f32::from_bits(near.to_bits().wrapping_sub(u32::from(past)) | 1)
}

narrower_floats!(
    f64 => f32: single,
    f64 => f16: |v| f16::from_f32(odd_single(v)), f32 => f16: f16::from_f32, bf16 => f16: |v: bf16| f16::from_f32(v.into()),
    f64 => bf16: |v| bf16::from_f32(odd_single(v)), f32 => bf16: bf16::from_f32, f16 => bf16: |v: f16| bf16::from_f32(v.into())
);

use super::*;
use alloc::vec;
use alloc::vec::Vec;

fn load<T: Number>(how: Conversion, kind: NumberKind, bytes: &[u8]) -> Result<Vec<T>, usize> {
    let mut out = vec![T::default(); bytes.len() / kind.size()];
    NumberFormat { kind, big: false }.load(how, bytes, &mut out).map(|()| out)
}

fn of<S: Number, T: Number>(how: Conversion, values: &[S]) -> Result<Vec<T>, usize> {
    let mut out = vec![T::default(); values.len()];
    NumberFormat::native::<S>().load(how, bytemuck::cast_slice(values), &mut out).map(|()| out)
}

#[test]
fn what_fits_is_exact_and_what_does_not_is_named() {
    let values: Vec<i64> = (0..1000).collect();
    assert_eq!(of::<i64, u16>(Conversion::Exact, &values).unwrap(), (0..1000).collect::<Vec<u16>>());
    let mut values = values;
    values[700] = -1;
    assert_eq!(of::<i64, u16>(Conversion::Exact, &values), Err(700));
    assert_eq!(of::<i64, u16>(Conversion::Clamp, &values).unwrap()[700], 0);
    assert_eq!(of::<f64, f32>(Conversion::Exact, &[0.5, f64::NAN, 0.1]), Err(2));
    assert_eq!(of::<f64, i64>(Conversion::Exact, &[-0.0, 9223372036854775808.0]), Err(1));
    assert_eq!(of::<u64, f32>(Conversion::Exact, &[1 << 24, u64::MAX]), Err(1));
    assert_eq!(of::<i128, f64>(Conversion::Exact, &[i128::MIN, i128::MAX]), Err(1));
}

#[test]
fn the_nearest_value_is_taken() {
    assert_eq!(of::<f64, u8>(Conversion::Clamp, &[300.0, -7.9, 254.9, f64::NAN]).unwrap(), [255, 0, 254, 0]);
    assert_eq!(of::<u128, i8>(Conversion::Clamp, &[u128::MAX, 127]).unwrap(), [127, 127]);
    assert_eq!(of::<i16, u64>(Conversion::Clamp, &[-1, 5]).unwrap(), [0, 5]);
    let past_half = 1.0 + 2f64.powi(-11) + 2f64.powi(-50);
    assert_eq!(of::<f64, f16>(Conversion::Clamp, &[past_half]).unwrap(), [f16::from_bits(0x3c01)]);
    assert_eq!(of::<f64, f16>(Conversion::Clamp, &[1e300, 65519.9]).unwrap(), [f16::INFINITY, f16::MAX]);
}

#[test]
fn both_byte_orders_are_read_and_made() {
    let big = NumberFormat { kind: NumberKind::I16, big: true };
    let bytes: Vec<u8> = (0..600i16).flat_map(|v| v.wrapping_mul(77).to_be_bytes()).collect();
    let mut out = vec![0f32; 600];
    big.load(Conversion::Exact, &bytes, &mut out).unwrap();
    assert!(out.iter().zip(0..600i16).all(|(&found, v)| found == f32::from(v.wrapping_mul(77))));
    let wide = NumberFormat { kind: NumberKind::F64, big: true };
    let mut stored = vec![0; 600 * 8];
    big.convert(wide, Conversion::Exact, &bytes, &mut stored).unwrap();
    assert_eq!(stored[8..16], 77f64.to_be_bytes());
    let mut back = vec![0; 600 * 2];
    wide.convert(big, Conversion::Exact, &stored, &mut back).unwrap();
    assert_eq!(back, bytes);
    assert_eq!(load::<u8>(Conversion::Exact, NumberKind::U16, &[5, 0, 0, 1]), Err(1));
}

use super::*;
use crate::format::message::datatype::{BitPadding, FloatFormat, Normalization};
use alloc::vec;
use proptest::prelude::*;

pub(crate) fn odd(size: u32, order: ByteOrder, signed: bool, bit_offset: u16, precision: u16) -> Datatype {
    let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
    Datatype { version: 1, size, class: Class::FixedPoint { order, low_pad, high_pad, signed, bit_offset, precision } }
}

pub(crate) fn int(size: u32, signed: bool) -> Datatype {
    odd(size, ByteOrder::LittleEndian, signed, 0, u16::try_from(size * 8).unwrap())
}

/// A format whose fields lie one above the other, the mantissa lowest.
fn format(size: u32, exponent_size: u8, mantissa_size: u8, exponent_bias: u32) -> Datatype {
    let format = FloatFormat {
        order: ByteOrder::LittleEndian,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        internal_pad: BitPadding::Zero,
        normalization: Normalization::Implied,
        sign_position: exponent_size + mantissa_size,
        bit_offset: 0,
        precision: u16::from(exponent_size + mantissa_size) + 1,
        exponent_position: mantissa_size,
        exponent_size,
        mantissa_position: 0,
        mantissa_size,
        exponent_bias,
    };
    Datatype { version: 1, size, class: Class::FloatingPoint(format) }
}

pub(crate) fn float(size: u32) -> Datatype {
    match size {
        2 => format(2, 5, 10, 15),
        4 => format(4, 8, 23, 127),
        _ => format(8, 11, 52, 1023),
    }
}

fn with(mut datatype: Datatype, change: impl Fn(&mut FloatFormat)) -> Datatype {
    if let Class::FloatingPoint(format) = &mut datatype.class {
        change(format);
    }
    datatype
}

#[test]
fn numbers_within_their_bytes() {
    // 17 bits at 3 of 0x000a_bcd8: the value is 0x1579b.
    let stored = [0xd8, 0xbc, 0x0a, 0];
    let swapped = [0, 0x0a, 0xbc, 0xd8];
    let value = (0x000a_bcd8 >> 3) & 0x1_ffff;
    for (order, bytes) in [(ByteOrder::LittleEndian, stored), (ByteOrder::BigEndian, swapped)] {
        assert_eq!(integer(&odd(4, order, false, 3, 17), &bytes), Some(value));
        assert_eq!(integer(&odd(4, order, true, 3, 17), &bytes), Some(value - (1 << 17)));
        let mut out = vec![];
        extend(&odd(4, order, true, 3, 17), &bytes, &mut out);
        assert_eq!(out, i32::try_from(value - (1 << 17)).unwrap().to_le_bytes());
    }
    assert_eq!(integer(&int(16, false), &[0xff; 16]), None);
    assert_eq!(integer(&int(16, true), &[0xff; 16]), Some(-1));
    assert_eq!(integer(&int(17, true), &[0xff; 17]), None);
    assert_eq!(integer(&float(4), &[0; 4]), None);
    // Too few bytes read as zeros above.
    assert_eq!(integer(&int(4, true), &[5]), Some(5));
}

#[test]
fn whole_bytes_have_no_unused_bits() {
    assert_eq!(whole_bytes(&int(3, true)), Some(ByteOrder::LittleEndian));
    assert_eq!(whole_bytes(&odd(4, ByteOrder::BigEndian, false, 0, 31)), None);
    assert_eq!(whole_bytes(&odd(4, ByteOrder::BigEndian, false, 1, 31)), None);
    assert_eq!(whole_bytes(&float(4)), None);
}

#[test]
fn vax_words_are_swapped() {
    let vax = with(format(4, 8, 23, 129), |f| f.order = ByteOrder::Vax);
    assert_eq!(little_endian(&vax, &[1, 2, 3, 4]), [3, 4, 1, 2]);
    // 1.0, -1.5 and 0 as a VAX writes them; a negative zero is a reserved operand.
    assert_eq!(super::float(&vax, &[0x80, 0x40, 0, 0]), Some(1.0));
    assert_eq!(super::float(&vax, &[0xc0, 0xc0, 0, 0]), Some(-1.5));
    assert_eq!(super::float(&vax, &[0, 0, 0, 0]), Some(0.0));
    assert!(super::float(&vax, &[0, 0x80, 0, 0]).unwrap().is_nan());
}

#[test]
fn small_formats() {
    let e4m3 = format(1, 4, 3, 7);
    assert_eq!(super::float(&e4m3, &[0x7e]), Some(448.0));
    assert!(super::float(&e4m3, &[0x7f]).unwrap().is_nan());
    assert_eq!(super::float(&e4m3, &[0x01]), Some(0.001_953_125));
    let e5m2 = format(1, 5, 2, 15);
    assert_eq!(super::float(&e5m2, &[0xfc]), Some(f64::NEG_INFINITY));
    assert_eq!(super::float(&e5m2, &[0x7b]), Some(57344.0));
    assert_eq!(super::float(&format(1, 2, 1, 1), &[0x07]), Some(6.0));
    assert_eq!(super::float(&format(1, 2, 3, 1), &[0x1f]), Some(7.5));
    assert_eq!(super::float(&format(1, 3, 2, 3), &[0x1f]), Some(28.0));
    let bf16 = format(2, 8, 7, 127);
    assert_eq!(super::float(&bf16, &[0x49, 0x40]), Some(3.140_625));
}

#[test]
fn wide_formats_are_rounded_only_when_asked() {
    // x87: an explicit highest bit, 16 bytes of which 10 are used.
    let x87 = with(format(16, 15, 64, 16383), |f| f.normalization = Normalization::None);
    let mut three = [0u8; 16];
    three[7] = 0xc0;
    three[8..10].copy_from_slice(&0x4000u16.to_le_bytes());
    assert_eq!(super::float(&x87, &three), None);
    assert_eq!(float_nearest(&x87, &three), Some(3.0));
    three[0] = 1;
    assert_eq!(float_nearest(&x87, &three), Some(3.0));
    let mut infinite = [0u8; 16];
    infinite[7] = 0x80;
    infinite[8..10].copy_from_slice(&0xffffu16.to_le_bytes());
    assert_eq!(float_nearest(&x87, &infinite), Some(f64::NEG_INFINITY));
    let quad = format(16, 15, 112, 16383);
    let one = (0x3fff_u128 << 112) | (1 << 59);
    // Exactly between 1 and the next number: to even.
    assert_eq!(float_nearest(&quad, &one.to_le_bytes()), Some(1.0));
    assert_eq!(float_nearest(&quad, &(one + 1).to_le_bytes()), Some(1.0 + f64::EPSILON));
    let tiny = (16383_u128 - 1075) << 112;
    assert_eq!(float_nearest(&quad, &tiny.to_le_bytes()), Some(0.0));
    assert_eq!(float_nearest(&quad, &(tiny + 1).to_le_bytes()), Some(f64::from_bits(1)));
}

#[test]
fn fields_count_from_the_elements_first_bit() {
    // 20 bits at 7: sign 26, exponent 6 bits at 20, mantissa 13 bits at 7.
    let odd = with(format(4, 6, 13, 31), |f| {
        (f.bit_offset, f.sign_position, f.exponent_position, f.mantissa_position) = (7, 26, 20, 7);
    });
    let stored = (1u32 << 26) | (31 << 20) | (1 << 19);
    assert_eq!(super::float(&odd, &stored.to_le_bytes()), Some(-1.5));
}

proptest! {
    #[test]
    fn agrees_with_the_machine(bits: u64) {
        let same = |a: Option<f64>, b: f64| a.is_some_and(|a| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
        prop_assert!(same(super::float(&float(8), &bits.to_le_bytes()), f64::from_bits(bits)));
        let low = bits as u32;
        prop_assert!(same(super::float(&float(4), &low.to_le_bytes()), f32::from_bits(low).into()));
        let low = bits as u16;
        prop_assert!(same(super::float(&float(2), &low.to_le_bytes()), half::f16::from_bits(low).to_f64()));
        let big = with(float(8), |f| f.order = ByteOrder::BigEndian);
        prop_assert!(same(super::float(&big, &bits.to_be_bytes()), f64::from_bits(bits)));
    }

    #[test]
    fn extension_agrees_with_shifts(bits: u64, offset in 0u16..64, precision in 1u16..64, signed: bool) {
        let precision = precision.min(64 - offset);
        let value = (bits >> offset) << (64 - precision);
        let want = if signed { (value as i64 >> (64 - precision)) as u64 } else { value >> (64 - precision) };
        for (order, stored) in [
            (ByteOrder::LittleEndian, bits.to_le_bytes()),
            (ByteOrder::BigEndian, bits.to_be_bytes()),
        ] {
            let mut out = vec![];
            extend(&odd(8, order, signed, offset, precision), &stored, &mut out);
            prop_assert_eq!(&out, &want.to_le_bytes());
        }
    }

    #[test]
    fn any_format_and_bytes_are_survived(element in proptest::collection::vec(any::<u8>(), 0..40), f: [u8; 8], bias: u32) {
        let odd = with(float(8), |t| {
            t.order = [ByteOrder::LittleEndian, ByteOrder::BigEndian, ByteOrder::Vax][usize::from(f[7]) % 3];
            (t.sign_position, t.exponent_position, t.exponent_size) = (f[0], f[1], f[2]);
            (t.mantissa_position, t.mantissa_size, t.exponent_bias) = (f[3], f[4], bias);
            t.normalization = [Normalization::Implied, Normalization::None][usize::from(f[5]) % 2];
        });
        float_nearest(&odd, &element);
    }
}

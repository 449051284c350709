use super::*;
use crate::filter::tests::{Random, decode, encode};
use crate::format::message::datatype::{BitPadding, ByteOrder, Class, Datatype};

fn integers(size: u32, signed: bool, big_endian: bool, elements: u32, fill: Option<u64>) -> Scaling {
    Scaling { scale: Scale::Integer(0), elements, size, signed, big_endian, fill }
}

fn bytes(scaling: &Scaling, values: &[u64]) -> Vec<u8> {
    let size = scaling.size as usize;
    let element = |value: u64| {
        if scaling.big_endian { value.to_be_bytes()[8 - size..].to_vec() } else { value.to_le_bytes()[..size].to_vec() }
    };
    values.iter().flat_map(|&value| element(value)).collect()
}

fn words(scaling: &Scaling, chunk: &[u8]) -> Vec<u64> {
    let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
    let word = |e: &[u8]| if scaling.big_endian { e.iter().fold(0, add) } else { e.iter().rev().fold(0, add) };
    chunk.chunks(scaling.size as usize).map(word).collect()
}

#[test]
fn integers_of_every_kind_come_back() {
    let mut random = Random(2);
    for case in 0..2000 {
        let size = [1, 2, 4, 8][random.below(4)];
        let (signed, big_endian) = (random.below(2) == 1, random.below(2) == 1);
        let spread = random.below(size as usize * 8 + 1) as u32;
        let base = random.next();
        let mut values: Vec<u64> =
            (0..17).map(|_| base.wrapping_add(random.next() & mask(spread)) & mask(size * 8)).collect();
        let fill = (random.below(2) == 1).then(|| random.next() & mask(size * 8));
        if let Some(fill) = fill {
            values[random.below(17)] = fill;
        }
        let mut scaling = integers(size, signed, big_endian, 17, fill);
        scaling.scale = Scale::Integer([0, random.below(size as usize * 8 + 1) as u32][random.below(2)]);
        let (chunk, client_data) = (bytes(&scaling, &values), scaling.client_data());
        let stored = encode(&ScaleOffset, &chunk, &client_data).unwrap().unwrap();
        assert_eq!(decode(&ScaleOffset, &stored, &client_data, chunk.len()).unwrap(), chunk, "{case} {scaling:?}");
    }
}

#[test]
fn codes_are_as_short_as_can_be() {
    for (values, fill, width) in [
        (&[7u64, 7, 7][..], None, 0),
        (&[7, 8, 7], None, 1),
        (&[7, 8, 7], Some(9), 2),
        (&[0, 255, 3], None, 8),
        (&[0, 255, 3], Some(300), 9),
        (&[300, 300], Some(300), 1),
        (&[0, 0xffff_ffff], None, 32),
    ] {
        let scaling = integers(4, false, false, values.len() as u32, fill);
        let stored = encode(&ScaleOffset, &bytes(&scaling, values), &scaling.client_data()).unwrap().unwrap();
        assert_eq!(stored[..4], [width, 0, 0, 0], "{values:?}");
        assert_eq!(stored.len(), HEAD + (usize::from(width) * values.len()).div_ceil(8));
    }
}

#[test]
fn decimals_come_back_to_the_digit() {
    let mut random = Random(3);
    for case in 0..2000 {
        let (size, digits) = ([4, 8][random.below(2)], random.below(6) as i32);
        let fill = (random.below(2) == 1).then_some(-9999.0f64);
        let bits = |value: f64| if size == 4 { u64::from((value as f32).to_bits()) } else { value.to_bits() };
        let values: Vec<u64> = (0..9)
            .map(|_| match (random.below(4), fill) {
                (0, Some(fill)) => bits(fill),
                _ => bits((random.next() % 20_000) as f64 / 1000.0 - 10.0),
            })
            .collect();
        let scaling = Scaling {
            scale: Scale::Decimal(digits),
            fill: fill.map(bits),
            ..integers(size, false, random.below(2) == 1, 9, None)
        };
        let (chunk, client_data) = (bytes(&scaling, &values), scaling.client_data());
        let stored = encode(&ScaleOffset, &chunk, &client_data).unwrap().unwrap();
        let found = decode(&ScaleOffset, &stored, &client_data, chunk.len()).unwrap();
        let float = |word: u64| if size == 4 { f32::from_bits(word as u32).into() } else { f64::from_bits(word) };
        for (was, is) in values.iter().zip(words(&scaling, &found)) {
            let error: f64 = float(*was) - float(is);
            assert!(error.abs() <= 0.5001 / 10f64.powi(digits) + 2e-6, "{case}: {} {}", float(*was), float(is));
            assert!(fill.is_none() || (*was == bits(-9999.0)) == (is == bits(-9999.0)));
        }
    }
}

#[test]
fn floats_beyond_scaling_are_stored_whole() {
    for values in [[f64::NAN, 1.0], [f64::INFINITY, 0.0], [1e300, -1e300], [1e15, 0.5]] {
        let scaling = Scaling { scale: Scale::Decimal(8), ..integers(8, false, true, 2, None) };
        let chunk = bytes(&scaling, &values.map(f64::to_bits));
        let stored = encode(&ScaleOffset, &chunk, &scaling.client_data()).unwrap().unwrap();
        assert_eq!((stored[0], stored.len()), (64, HEAD + 16));
        assert_eq!(decode(&ScaleOffset, &stored, &scaling.client_data(), 16).unwrap(), chunk);
    }
}

#[test]
fn wrong_client_data_is_refused() {
    let good = integers(4, true, false, 3, Some(1)).client_data();
    assert_eq!(good, [2, 0, 3, 0, 4, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(decode(&ScaleOffset, &[0; 22], &good, 12).is_ok());
    for (index, value) in [
        (0, 0),
        (0, 1),
        (0, 3),
        (1, 33),
        (2, 4),
        (2, u32::MAX),
        (3, 1),
        (3, 2),
        (4, 0),
        (4, 3),
        (4, 16),
        (5, 2),
        (6, 2),
        (7, 2),
    ] {
        let mut bad = good.clone();
        bad[index] = value;
        assert!(decode(&ScaleOffset, &[0; 22], &bad, 12).is_err(), "[{index}] = {value}");
    }
    assert!(decode(&ScaleOffset, &[0; 22], &good[..7], 12).is_err());
    assert!(decode(&ScaleOffset, &[0; 20], &good, 12).is_err());
    assert!(decode(&ScaleOffset, &[33; 100], &good, 12).is_err());
    let error = decode(&ScaleOffset, &[[12, 0, 0, 0].as_slice(), &[0; 21]].concat(), &good, 12).unwrap_err();
    assert_eq!(error.to_string(), "filter 6 (scaleoffset): expected 36 bits of codes, found 32");
}

#[test]
fn describes_datatypes() {
    let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
    let order = ByteOrder::BigEndian;
    let class = Class::FixedPoint { order, low_pad, high_pad, signed: true, bit_offset: 0, precision: 16 };
    let datatype = Datatype { version: 1, size: 2, class };
    let scaling = Scaling::of(&datatype, Scale::Integer(0), 5, Some(&[1, 2])).unwrap();
    assert_eq!(scaling, integers(2, true, true, 5, Some(0x0102)));
    assert!(Scaling::of(&datatype, Scale::Decimal(2), 5, None).is_err());
    let datatype = Datatype { size: 3, ..datatype };
    assert!(Scaling::of(&datatype, Scale::Integer(0), 5, None).is_err());
}

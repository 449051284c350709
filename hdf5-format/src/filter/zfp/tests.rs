use super::*;
use crate::datatype::bits::tests::{float, int};
use crate::error::ErrorKind;
use crate::filter::tests::{Random, decode, encode};
use crate::format::message::datatype::{ByteOrder, Class, Datatype, FloatFormat};

const EXPERT: Mode = Mode::Expert { min_bits: 1, max_bits: 500, max_prec: 30, min_exp: -100 };

/// What the plugin writes for chunks of 8 x 9 x 10.
const WORDS: [(Mode, &[u32]); 7] = [
    (Mode::Reversible, &[0x8800_0070]),
    (Mode::Rate(16.0), &[0x3ff0_0070]),
    (Mode::Rate(0.3), &[0x0120_0070]),
    (Mode::Rate(100.0), &[0xfff0_0070, 0xcc7f_98ff, 0x0007_87af]),
    (Mode::Precision(20), &[0x8130_0070]),
    (Mode::Accuracy(1e-3), &[0xca90_0070]),
    (EXPERT, &[0xfff0_0070, 0x40f9_8000, 0x0008_0167]),
];

fn big_endian(mut datatype: Datatype) -> Datatype {
    match &mut datatype.class {
        Class::FixedPoint { order, .. } => *order = ByteOrder::BigEndian,
        Class::FloatingPoint(float) => float.order = ByteOrder::BigEndian,
        _ => {}
    }
    datatype
}

#[test]
fn client_data_is_that_of_the_plugin() {
    let types = [(int(4, true), 0x0080_0098), (int(8, false), 0x0080_0099)];
    let types = types.into_iter().chain([(float(4), 0x0080_009a), (float(8), 0x0080_009b)]);
    for (datatype, second) in types {
        for (mode, rest) in WORDS {
            let expected = [&[0x1010_5111, 0x0570_667a, second], rest].concat();
            assert_eq!(client_data(mode, &datatype, &[8, 9, 10]).unwrap(), expected, "{mode:?}");
        }
    }
    let shapes: [(&[u64], [u32; 2]); 5] = [
        (&[1, 8], [0x0000_0072, 0x8800_0000]),
        (&[2, 1, 3, 1, 4], [0x0020_003a, 0x8800_0010]),
        (&[2, 2, 1, 1, 2, 2], [0x1001_001e, 0x8800_0100]),
        (&[7, 300], [0x6000_12b6, 0x8800_0000]),
        (&[5000, 5000], [0x7001_3876, 0x8800_0138]),
    ];
    for (chunk, expected) in shapes {
        assert_eq!(client_data(Mode::Reversible, &float(4), chunk).unwrap()[2..], expected);
    }
}

#[test]
fn client_data_of_big_endian_types_is_that_of_a_big_endian_machine() {
    for (mode, _) in WORDS {
        let little = client_data(mode, &float(8), &[8, 9, 10]).unwrap();
        let big = client_data(mode, &big_endian(float(8)), &[8, 9, 10]).unwrap();
        assert_eq!(big[0], little[0]);
        let swapped = little[1..].iter().map(|word| word.swap_bytes());
        assert!(big[1..].iter().copied().eq(swapped));
    }
}

#[test]
fn refuses_what_zfp_does_not_suit() {
    let error = |mode, datatype, chunk: &[u64]| client_data(mode, &datatype, chunk).unwrap_err().to_string();
    let text = "filter 32013 (zfp): expected integers or floats of 4 or 8 bytes, found others of 2";
    assert_eq!(error(Mode::Reversible, int(2, true), &[8]), text);
    let text = "filter 32013 (zfp): expected 1 to 4 chunk dimensions above 1, found ";
    assert_eq!(error(Mode::Reversible, float(4), &[1, 1]), format!("{text}0"));
    assert_eq!(error(Mode::Reversible, float(4), &[2; 5]), format!("{text}5"));
    assert!(client_data(Mode::Reversible, &float(4), &[1 << 13, 2, 2, 2]).is_err());
    assert!(client_data(Mode::Reversible, &float(4), &[u64::MAX]).is_err());
    for rate in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(client_data(Mode::Rate(rate), &float(4), &[8]).is_err());
    }
    let expert = Mode::Expert { min_bits: 9, max_bits: 8, max_prec: 1, min_exp: 0 };
    assert!(client_data(expert, &int(4, true), &[8]).is_err());
}

/// Smooth values, as the chunk's bytes and as numbers.
fn smooth(datatype: &Datatype, chunk: &[u64]) -> (Vec<u8>, Vec<f64>) {
    let count: u64 = chunk.iter().product();
    let values: Vec<f64> = (0..count).map(|i| ((i as f64 / 9.0).sin() * 1000.0).round()).collect();
    (store(datatype, &values), values)
}

fn store(datatype: &Datatype, values: &[f64]) -> Vec<u8> {
    let element = |&value: &f64| match (&datatype.class, datatype.size) {
        (Class::FloatingPoint(_), 4) => (value as f32).to_le_bytes().to_vec(),
        (Class::FloatingPoint(_), _) => value.to_le_bytes().to_vec(),
        (_, size) => (value as i64).to_le_bytes()[..size as usize].to_vec(),
    };
    let mut bytes: Vec<u8> = values.iter().flat_map(element).collect();
    if let Class::FixedPoint { order, .. } | Class::FloatingPoint(FloatFormat { order, .. }) = datatype.class
        && order == ByteOrder::BigEndian
    {
        swap(&mut bytes, datatype.size());
    }
    bytes
}

#[test]
fn arrays_of_every_shape_come_back() {
    let mut random = Random(7);
    for round in 0..400 {
        let mut datatype = [int(4, true), int(8, true), float(4), float(8)][random.below(4)].clone();
        if random.below(2) == 1 {
            datatype = big_endian(datatype);
        }
        let rank = 1 + random.below(4);
        let chunk: Vec<u64> = (0..rank).map(|_| 2 + random.below([90, 15, 9, 7][rank - 1]) as u64).collect();
        let (plain, values) = smooth(&datatype, &chunk);
        let words = client_data(Mode::Reversible, &datatype, &chunk).unwrap();
        let stored = encode(&Zfp, &plain, &words).unwrap().unwrap();
        assert_eq!(decode(&Zfp, &stored, &words, plain.len()).unwrap(), plain, "round {round}");
        if let Class::FixedPoint { .. } = datatype.class {
            continue;
        }
        let words = client_data(Mode::Accuracy(0.5), &datatype, &chunk).unwrap();
        let stored = encode(&Zfp, &plain, &words).unwrap().unwrap();
        let mut found = decode(&Zfp, &stored, &words, plain.len()).unwrap();
        if words[1] != u32::from_le_bytes(*b"zfp\x05") {
            swap(&mut found, datatype.size());
        }
        for (found, value) in found.chunks(datatype.size()).zip(values) {
            let found = match found.try_into() {
                Ok(found) => f64::from_le_bytes(found),
                Err(_) => f64::from(f32::from_le_bytes(found.try_into().unwrap())),
            };
            assert!((found - value).abs() <= 0.5, "round {round}: {found} for {value}");
        }
    }
}

#[test]
fn refuses_client_data_that_is_no_header() {
    let error = |words: &[u32]| decode(&Zfp, &[0; 64], words, 1 << 20).unwrap_err();
    let text = |words: &[u32]| error(words).to_string();
    assert_eq!(text(&[1]), "filter 32013 (zfp): client data: expected 4 to 6 values, found 1");
    let expected = "filter 32013 (zfp): client data: expected a zfp header, [7a, 66, 70, 5], found [1, 0, 0, 0]";
    assert_eq!(text(&[0, 1, 2, 3]), expected);
    for magic in [u32::from_le_bytes(*b"zfp\x04"), u32::from_be_bytes(*b"zfp\x04")] {
        assert_eq!(text(&[0, magic, 0, 0]), "filter 32013 (zfp): zfp codec version 5 is known, found 4");
        assert_eq!(error(&[0, magic, 0, 0]).kind(), ErrorKind::Unsupported);
    }
    let magic = u32::from_le_bytes(*b"zfp\x05");
    let cut = "filter 32013 (zfp): client data: a zfp header of 96 bits in 64";
    assert_eq!(text(&[0, magic, 0x72]), cut);
    let cut = "filter 32013 (zfp): client data: a zfp header of 148 bits in 128";
    assert_eq!(text(&[0, magic, 0x0080_009a, 0xfff0_0070, 0]), cut);
    // A rate of 2 bits a block.
    let few = "filter 32013 (zfp): blocks of at most 2 bits, expected at least 9";
    assert_eq!(text(&[0, magic, 0x72, 0x0010_0000]), few);
    assert_eq!(error(&[0, magic, 0x72, 0x0010_0000]).kind(), ErrorKind::Unsupported);
}

#[test]
fn refuses_chunks_of_the_wrong_length() {
    let words = client_data(Mode::Reversible, &float(4), &[40, 50]).unwrap();
    let error = |stored: &[u8], limit| decode(&Zfp, stored, &words, limit).unwrap_err().to_string();
    assert_eq!(error(&[0; 100], 7999), "filter 32013 (zfp): decodes to 8000 bytes, expected at most 7999");
    let short = "filter 32013 (zfp): 130 blocks of at least a bit each in 16 bytes";
    assert_eq!(error(&[0; 16], 8000), short);
    let short = error(&[0xff; 100], 8000);
    assert!(short.starts_with("filter 32013 (zfp): "), "{short}");
    let (plain, _) = smooth(&float(4), &[40, 49]);
    let error = encode(&Zfp, &plain, &words).unwrap_err();
    assert_eq!(error.to_string(), "filter 32013 (zfp): client data: for chunks of 8000 bytes, found 7840");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn declines_datasets_that_the_plugin_left_alone() {
    for words in [&[][..], &[5, 0, 0, 0, 0, 0], &[1, 0, 0, 0x4030_0000, 0, 0]] {
        assert_eq!(encode(&Zfp, &[0; 4], words).unwrap(), None);
        assert!(decode(&Zfp, &[0; 4], words, 4).is_err());
    }
}

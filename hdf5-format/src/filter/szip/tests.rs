use super::*;
use crate::datatype::bits::tests::{float, int, odd};
use crate::error::ErrorKind;
use crate::filter::tests::{Random, decode, encode, noise};
use crate::format::message::datatype::ByteOrder::{BigEndian, LittleEndian};
use alloc::string::{String, ToString};

/// NN, blocks of 8 bytes, lines of 16.
const BYTES: [u32; 4] = [169, 8, 8, 16];

#[test]
fn client_data_is_that_of_libhdf5() {
    let of = |block, chunk: &[u64]| client_data(Coding::NearestNeighbour, block, &int(2, true), chunk).unwrap();
    let lines: [(u32, &[u64], u32); 16] = [
        (16, &[16], 16),
        (16, &[17], 17),
        (16, &[2047], 2047),
        (16, &[2048], 2048),
        (16, &[2049], 2048),
        (16, &[100_000], 2048),
        (16, &[16, 3], 48),
        (16, &[3, 16], 16),
        (16, &[5, 5], 25),
        (16, &[1000, 7], 2048),
        (16, &[3, 1000, 8], 2048),
        (16, &[4, 4, 100], 100),
        (2, &[40960], 256),
        (30, &[40960], 3840),
        (32, &[4097, 1], 4096),
        (32, &[4095], 4095),
    ];
    for (block, chunk, line) in lines {
        assert_eq!(of(block, chunk), [169, block, 16, line], "{chunk:?}");
    }
    let types = [
        (odd(1, LittleEndian, false, 0, 1), 141, 1),
        (int(1, true), 141, 8),
        (odd(2, BigEndian, false, 0, 12), 149, 12),
        (odd(2, LittleEndian, false, 4, 12), 141, 16),
        (odd(4, LittleEndian, true, 0, 16), 141, 16),
        (odd(4, LittleEndian, true, 0, 24), 141, 24),
        (odd(4, BigEndian, true, 0, 25), 149, 32),
        (odd(8, BigEndian, true, 0, 32), 149, 32),
        (odd(8, LittleEndian, true, 0, 33), 141, 64),
        (float(4), 141, 32),
        (float(8), 141, 64),
    ];
    for (datatype, options, bits) in types {
        let words = client_data(Coding::EntropyCoding, 16, &datatype, &[100]).unwrap();
        assert_eq!(words, [options, 16, bits, 100], "{datatype:?}");
    }
}

#[test]
fn client_data_that_libhdf5_refuses() {
    let error = |block, datatype, chunk: &[u64]| {
        client_data(Coding::NearestNeighbour, block, &datatype, chunk).unwrap_err().to_string()
    };
    for block in [0, 1, 7, 33, 34] {
        let text = format!("filter 4 (szip): expected an even number of 2 to 32 samples in a block, found {block}");
        assert_eq!(error(block, int(2, true), &[100]), text);
    }
    let short = "filter 4 (szip): a chunk of 15 elements is shorter than a block of 16 samples";
    assert_eq!(error(16, int(2, true), &[3, 5]), short);
    let three = "filter 4 (szip): it does not restore LittleEndian numbers of 24 bits in 3 bytes";
    assert_eq!(error(16, int(3, true), &[100]), three);
    assert_eq!(error(16, int(16, true), &[100]), "filter 4 (szip): it codes numbers of up to 64 bits, found 128");
    let text = crate::format::message::datatype::Class::Opaque { tag: Vec::new() };
    let opaque = crate::format::message::datatype::Datatype { class: text, ..int(4, true) };
    assert_eq!(error(16, opaque, &[100]), "filter 4 (szip): it codes numbers, which this type is not");
}

/// A stream from its bits; what is no bit is for the reader.
fn stream(len: u32, bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|bit| matches!(bit, b'0' | b'1')).map(|bit| bit - b'0').collect();
    let bytes = bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | bit << (7 - at)));
    len.to_le_bytes().into_iter().chain(bytes).collect()
}

#[test]
fn each_kind_of_block() {
    let cases: [(&str, [u8; 16]); 4] = [
        // All equal: a run of two blocks after the first sample.
        ("000 0 00001001 01", [9; 16]),
        // Differences -1, 1, -2, 2, 0, 1, -3 in unary; then all bits of each.
        (
            "001 00000101 01 001 0001 00001 1 001 000001
             111 00000001 00000000 00000000 00000000 00000000 00000000 00000000 11111110",
            [5, 4, 5, 3, 5, 5, 6, 3, 2, 2, 2, 2, 2, 2, 2, 254],
        ),
        // Two lower bits, then the second extension.
        (
            "011 00000000 1 1 01 1 001 1 0001  00 01 00 11 10 01 00
             000 1 1 001 1 1",
            [0, 0, 1, 4, 2, 10, 9, 15, 15, 15, 15, 14, 14, 14, 14, 14],
        ),
        // The first sample and the second extension; a run of one block.
        ("000 1 00000111 001 1 01 0001 000 0 1", [7, 6, 6, 6, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]),
    ];
    for (bits, chunk) in cases {
        let stored = stream(16, bits);
        assert_eq!(decode(&Szip, &stored, &BYTES, 16).unwrap(), chunk, "{bits}");
    }
}

#[test]
fn refuses_what_is_no_stream() {
    let error = |stored: &[u8], words: &[u32], limit| {
        let error = decode(&Szip, stored, words, limit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        error.to_string().strip_prefix("filter 4 (szip): ").map(String::from).unwrap()
    };
    assert_eq!(error(&[1, 0, 0], &BYTES, 16), "expected at least 4 bytes, found 3");
    assert_eq!(error(&stream(17, ""), &BYTES, 16), "decodes to 17 bytes, expected at most 16");
    let short = |stored, len| format!("{stored} bytes are cut short: they are not all of a chunk of {len}");
    assert_eq!(error(&stream(16, ""), &BYTES, 16), short(0, 16));
    assert_eq!(error(&stream(16, "001 00000000"), &BYTES, 16), short(2, 16));
    assert_eq!(error(&stream(16, "000 0 00000000"), &BYTES, 16), short(2, 16));
    assert_eq!(error(&stream(16, "111 00000000 00000000"), &BYTES, 16), short(3, 16));
    assert_eq!(
        error(&stream(16, "000 0 00001001 001"), &BYTES, 16),
        "a run of 3 blocks, but only 2 are left in the line"
    );
    let narrow = [169, 8, 3, 16];
    let too_large = "a value has more bits than a sample";
    assert_eq!(error(&stream(16, "001 000 00000000 1 1 1 1 1 1 1"), &narrow, 16), too_large);
    assert_eq!(error(&stream(16, "010 000 0000 1 1 1 1 1 1 1 0000000"), &narrow, 16), too_large);
    let words =
        |words: &[u32]| error(&stream(16, ""), words, 16).strip_prefix("client data: ").map(String::from).unwrap();
    assert_eq!(words(&[169, 8, 8]), "expected 4 values, found 3");
    assert_eq!(words(&[169, 0, 8, 16]), "expected an even number up to 32 of samples in a block, found 0");
    assert_eq!(words(&[169, 7, 8, 16]), "expected an even number up to 32 of samples in a block, found 7");
    assert_eq!(words(&[169, 34, 8, 16]), "expected an even number up to 32 of samples in a block, found 34");
    for bits in [0, 33, 63, 65, u32::MAX] {
        assert_eq!(words(&[169, 8, bits, 16]), format!("expected samples of 1 to 32 or 64 bits, found {bits}"));
    }
    assert_eq!(words(&[169, 8, 8, 0]), "expected a line of 1 to 4096 blocks, found 0 samples");
    assert_eq!(words(&[169, 8, 8, 32769]), "expected a line of 1 to 4096 blocks, found 32769 samples");
}

#[test]
fn declines_what_would_not_come_back() {
    // Longer than the chunk.
    assert_eq!(encode(&Szip, &noise(4096, 9), &BYTES).unwrap(), None);
    // A bit above the twelve of a sample.
    let zeros = [0u8; 64];
    let mut wide = zeros;
    wide[9] = 0x10;
    let words = [169, 8, 12, 16];
    assert!(encode(&Szip, &zeros, &words).unwrap().is_some());
    assert_eq!(encode(&Szip, &wide, &words).unwrap(), None);
    // Half a sample, a quarter of an element.
    assert_eq!(encode(&Szip, &zeros[..63], &words).unwrap(), None);
    assert_eq!(encode(&Szip, &zeros[..62], &[169, 8, 32, 16]).unwrap(), None);
    let error = encode(&Szip, &zeros, &[169, 8, 25, 16]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn encodes_bit_for_bit_as_libaec() {
    for line in include_str!("../golden/szip.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let words: Vec<u32> = fields[2].split(',').map(|word| word.parse().unwrap()).collect();
        let ours = encode(&Szip, &bytes(fields[4]), &words).unwrap().unwrap();
        assert_eq!(ours, bytes(fields[3]), "{}", fields[0]);
    }
}

/// Samples of all kinds: constant, small, large, near the ends, walks.
fn samples(bits: u32, count: usize, random: &mut Random) -> Vec<u32> {
    let max = u32::MAX >> (32 - bits);
    let kind = random.below(6);
    let mut walk = random.next() as u32 & max;
    let sample = |index: usize| match kind {
        0 => walk,
        1 => random.below(3) as u32 & max,
        2 => random.next() as u32 & max & if random.below(9) > 0 { max >> 3 } else { max },
        3 => [0, max, max, 0, max / 2][random.below(5)],
        4 => {
            if index % 400 < 380 {
                walk
            } else {
                random.below(5) as u32 & max
            }
        }
        _ => {
            walk = (walk + random.below(9) as u32) & max;
            walk
        }
    };
    (0..count).map(sample).collect()
}

#[test]
fn restores_what_it_encodes() {
    let mut random = Random(4);
    let mut encoded = 0;
    for _ in 0..3000 {
        let bits = [1, 5, 8, 8, 9, 12, 16, 16, 17, 20, 24][random.below(11)];
        let block = 2 + 2 * random.below(16);
        let line = 1 + random.below(block * 3);
        let options = [4, 32][random.below(2)] | [8, 16][random.below(2)];
        let count = random.below(2000);
        let (big, size) = (options & 16 != 0, [1, 2, 4, 4][(bits as usize - 1) / 8]);
        let bytes = |sample: u32| {
            if big { sample.to_be_bytes()[4 - size..].to_vec() } else { sample.to_le_bytes()[..size].to_vec() }
        };
        let chunk: Vec<u8> = samples(bits, count, &mut random).into_iter().flat_map(bytes).collect();
        let bits = if bits == 8 { [8, 32, 64][random.below(3)] } else { bits };
        let words = [options, block as u32, bits, line as u32];
        if let Some(stored) = encode(&Szip, &chunk, &words).unwrap() {
            assert!(stored.len() <= chunk.len() + 4);
            assert_eq!(decode(&Szip, &stored, &words, chunk.len()).unwrap(), chunk, "{words:?}");
            encoded += 1;
        }
    }
    assert!(encoded > 1500, "{encoded}");
}

use super::*;
use crate::filter::tests::{Random, decode, encode, noise};
use crate::format::message::datatype::{BitPadding, ByteOrder, Class, Datatype, Member};

fn integer(size: u32, order: ByteOrder, precision: u16, bit_offset: u16) -> Datatype {
    let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
    let class = Class::FixedPoint { order, low_pad, high_pad, signed: false, bit_offset, precision };
    Datatype { version: 1, size, class }
}

fn opaque(size: u32) -> Datatype {
    Datatype { version: 1, size, class: Class::Opaque { tag: Vec::new() } }
}

fn compound(size: u32, members: Vec<(u32, Datatype)>) -> Datatype {
    let members = members.into_iter().map(|(offset, datatype)| Member { name: b"m".to_vec(), offset, datatype });
    Datatype { version: 1, size, class: Class::Compound { members: members.collect() } }
}

fn array(base: Datatype, count: u32) -> Datatype {
    let class = Class::Array { dims: alloc::vec![count.into()], base: Box::new(base.clone()) };
    Datatype { version: 1, size: base.size * count, class }
}

/// Types and client data as libhdf5 wrote it for them.
fn described() -> Vec<(Datatype, u32, Vec<u32>)> {
    use ByteOrder::{BigEndian, LittleEndian};
    alloc::vec![
        (integer(2, BigEndian, 11, 3), 7, alloc::vec![8, 0, 7, 1, 2, 1, 11, 3]),
        (integer(4, LittleEndian, 32, 0), 3, alloc::vec![8, 1, 3, 1, 4, 0, 32, 0]),
        (array(integer(2, LittleEndian, 5, 2), 6), 3, alloc::vec![10, 0, 3, 2, 12, 1, 2, 0, 5, 2]),
        (opaque(5), 3, alloc::vec![3, 1, 3]),
        (
            compound(
                18,
                alloc::vec![
                    (0, integer(1, LittleEndian, 3, 1)),
                    (4, opaque(3)),
                    (8, integer(4, BigEndian, 21, 6)),
                    (12, array(integer(2, LittleEndian, 9, 0), 2)),
                ]
            ),
            4,
            alloc::vec![29, 0, 4, 3, 18, 4, 0, 1, 1, 0, 3, 1, 4, 4, 3, 8, 1, 4, 1, 21, 6, 12, 2, 4, 1, 2, 0, 9, 0]
        ),
    ]
}

#[test]
fn describes_datatypes_as_libhdf5_does() {
    for (datatype, elements, expected) in described() {
        assert_eq!(NBitType::of(&datatype).unwrap().client_data(elements), expected, "{datatype:?}");
    }
    assert!(NBitType::of(&integer(4, ByteOrder::Vax, 32, 0)).is_err());
}

#[test]
fn padding_comes_back_as_zero_and_the_rest_as_it_was() {
    for (datatype, elements, client_data) in described() {
        let chunk = noise((datatype.size * elements) as usize, 8);
        let stored = encode(&NBit, &chunk, &client_data).unwrap().unwrap();
        let once = decode(&NBit, &stored, &client_data, chunk.len()).unwrap();
        assert_eq!(encode(&NBit, &once, &client_data).unwrap().unwrap(), stored);
        assert_eq!(decode(&NBit, &stored, &client_data, chunk.len()).unwrap(), once);
        assert!(once.iter().zip(&chunk).all(|(after, before)| after & before == *after));
    }
}

#[test]
fn every_precision_and_offset_of_every_size() {
    let mut random = Random(1);
    for size in [1, 2, 3, 4, 7, 8, 9, 16] {
        for precision in 1..=size * 8 {
            let offset = random.below((size * 8 - precision + 1) as usize) as u32;
            for order in [0, 1] {
                let client_data = [8, 0, 11, 1, size, order, precision, offset];
                let chunk = noise(11 * size as usize, u64::from(precision));
                let stored = encode(&NBit, &chunk, &client_data).unwrap().unwrap();
                assert_eq!(stored.len(), (11 * precision as usize).div_ceil(8));
                let found = decode(&NBit, &stored, &client_data, chunk.len()).unwrap();
                for (found, was) in found.chunks(size as usize).zip(chunk.chunks(size as usize)) {
                    let place = |k: u32| if order == 1 { size - 1 - k / 8 } else { k / 8 } as usize;
                    for k in 0..size * 8 {
                        let significant = (offset..offset + precision).contains(&k);
                        let (found, was) = (found[place(k)] >> (k % 8) & 1, was[place(k)] >> (k % 8) & 1);
                        assert_eq!(found, if significant { was } else { 0 }, "{client_data:?} bit {k}");
                    }
                }
            }
        }
    }
}

#[test]
fn wrong_client_data_is_refused() {
    let bad: &[&[u32]] = &[
        &[],
        &[2, 0],
        &[3, 0, 1],
        &[9, 0, 1, 1, 4, 0, 8, 0],
        &[8, 0, 1, 0, 4, 0, 8, 0],
        &[8, 0, 1, 5, 4, 0, 8, 0],
        &[8, 0, 1, 1, 0, 0, 8, 0],
        &[8, 0, 1, 1, 4, 2, 8, 0],
        &[8, 0, 1, 1, 4, 0, 0, 0],
        &[8, 0, 1, 1, 4, 0, 30, 3],
        &[8, 0, 1, 1, 4, 0, u32::MAX, u32::MAX],
        &[8, 0, u32::MAX, 1, u32::MAX, 0, 8, 0],
        &[7, 0, 1, 1, 4, 0, 8],
        &[10, 0, 1, 2, 3, 1, 4, 0, 8, 0],
        &[6, 0, 1, 3, 4, 0],
        &[6, 0, 1, 3, 4, u32::MAX],
        &[11, 0, 1, 3, 4, 1, 1, 1, 4, 0, 8],
        &[11, 0, 1, 3, 4, 1, 1, 4, 4, 0, 0],
    ];
    for client_data in bad {
        assert!(decode(&NBit, &[0xff; 64], client_data, 64).is_err(), "{client_data:?}");
        assert!(encode(&NBit, &[0xff; 4], client_data).is_err(), "{client_data:?}");
    }
    let mut deep = alloc::vec![0, 0, 1];
    for _ in 0..10_000 {
        deep.extend([2, 1]);
    }
    deep[0] = deep.len() as u32;
    let error = decode(&NBit, &[0xff; 64], &deep, 64).unwrap_err();
    assert!(error.to_string().contains("nested more than 32 deep"), "{error}");
}

#[test]
fn too_few_bits_are_refused() {
    let client_data = [8, 0, 10, 1, 4, 0, 17, 0];
    let stored = encode(&NBit, &noise(40, 1), &client_data).unwrap().unwrap();
    let error = decode(&NBit, &stored[..stored.len() - 1], &client_data, 40).unwrap_err();
    assert_eq!(error.to_string(), "filter 5 (nbit): expected 170 bits, found 168");
}

#[test]
fn types_that_libhdf5_miscounts_are_declined() {
    use ByteOrder::LittleEndian;
    let pair = compound(4, alloc::vec![(0, integer(2, LittleEndian, 9, 0)), (2, opaque(2))]);
    let small = || integer(1, LittleEndian, 3, 0);
    let last = compound(9, alloc::vec![(0, small()), (1, array(pair.clone(), 2))]);
    let before = compound(9, alloc::vec![(0, array(pair.clone(), 2)), (8, small())]);
    let inside = compound(10, alloc::vec![(0, last.clone()), (9, small())]);
    let strings = compound(9, alloc::vec![(0, array(array(opaque(2), 2), 2)), (8, small())]);
    let plain = compound(9, alloc::vec![(0, array(opaque(4), 2)), (8, small())]);
    for (datatype, fine) in [(last, true), (before, false), (inside, false), (strings, false), (plain, true)] {
        let client_data = NBitType::of(&datatype).unwrap().client_data(3);
        let chunk = noise(3 * datatype.size as usize, 3);
        assert_eq!(encode(&NBit, &chunk, &client_data).unwrap().is_some(), fine, "{client_data:?}");
        if !fine {
            let error = decode(&NBit, &[0; 5], &client_data, chunk.len()).unwrap_err();
            assert!(error.hint().unwrap_or("").starts_with("libhdf5 loses data of this type"), "{error}");
            assert!(decode(&NBit, &[0; 500], &client_data, chunk.len()).is_err());
        }
    }
}

use super::*;
use crate::codec::{Cursor, Sizes, testing};
use crate::limits::Limits;
use alloc::vec;

fn parse(cursor: &mut Cursor<'_>) -> crate::Result<Datatype> {
    Datatype::parse(cursor, &Limits::default())
}

fn int(size: u32, signed: bool) -> Datatype {
    let precision = u16::try_from(size * 8).unwrap();
    let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
    let order = ByteOrder::LittleEndian;
    Datatype {
        version: 1,
        size,
        class: Class::FixedPoint { order, low_pad, high_pad, signed, bit_offset: 0, precision },
    }
}

fn double() -> Datatype {
    let format = FloatFormat {
        order: ByteOrder::LittleEndian,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        internal_pad: BitPadding::Zero,
        normalization: Normalization::Implied,
        sign_position: 63,
        bit_offset: 0,
        precision: 64,
        exponent_position: 52,
        exponent_size: 11,
        mantissa_position: 0,
        mantissa_size: 52,
        exponent_bias: 1023,
    };
    Datatype { version: 1, size: 8, class: Class::FloatingPoint(format) }
}

fn with(version: u8, size: u32, class: Class) -> Datatype {
    Datatype { version, size, class }
}

fn member(name: &str, offset: u32, datatype: Datatype) -> Member {
    Member { name: name.as_bytes().to_vec(), offset, datatype }
}

fn every_class() -> Vec<Datatype> {
    let (padding, charset) = (StringPadding::SpacePadded, CharacterSet::Utf8);
    let order = ByteOrder::BigEndian;
    let pads = (BitPadding::One, BitPadding::Zero);
    let mut types = vec![
        int(4, true),
        double(),
        with(1, 8, Class::Time { order, precision: 64 }),
        with(1, 9, Class::String { padding, charset }),
        with(1, 2, Class::BitField { order, low_pad: pads.0, high_pad: pads.1, bit_offset: 3, precision: 7 }),
        with(1, 5, Class::Opaque { tag: b"NUMPY:M8".to_vec() }),
        with(1, 5, Class::Opaque { tag: vec![] }),
        with(1, 8, Class::Reference { kind: ReferenceKind::Object }),
        with(4, 18, Class::Reference { kind: ReferenceKind::Attribute }),
        with(5, 16, Class::Complex { base: Box::new(double()) }),
    ];
    let kind = VlenKind::String;
    types.push(with(1, 16, Class::Vlen { kind, padding, charset, base: Box::new(int(1, false)) }));
    for version in 1..=4 {
        let members = vec![member("x", 0, int(4, true)), member("longer name", 8, double())];
        types.push(with(version, 300, Class::Compound { members }));
        let members = vec![(b"FALSE".to_vec(), vec![0]), (b"TRUE".to_vec(), vec![1])];
        types.push(with(version, 1, Class::Enum { base: Box::new(int(1, true)), members }));
    }
    for version in 2..=3 {
        types.push(with(version, 48, Class::Array { dims: vec![2, 3], base: Box::new(double()) }));
    }
    types
}

#[test]
fn parses_what_it_encodes() {
    for datatype in every_class() {
        testing::round_trip(&datatype, Sizes::EIGHT, parse, Datatype::encode);
    }
}

#[test]
fn golden_double() {
    let golden = [0x11, 0x20, 0x3f, 0, 8, 0, 0, 0, 0, 0, 0x40, 0, 0x34, 0x0b, 0, 0x34, 0xff, 3, 0, 0];
    assert_eq!(parse(&mut Cursor::new(&golden, 0, "datatype", Sizes::EIGHT)).unwrap(), double());
}

#[test]
fn version_1_members_with_dimensions_become_arrays() {
    let mut bytes = vec![0x16, 1, 0, 0, 12, 0, 0, 0];
    bytes.extend(b"a\0\0\0\0\0\0\0");
    bytes.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    bytes.extend([0; 8]);
    bytes.extend([3, 0, 0, 0]);
    bytes.extend([0; 12]);
    bytes.extend([0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]);
    let datatype = parse(&mut Cursor::new(&bytes, 0, "datatype", Sizes::EIGHT)).unwrap();
    let Class::Compound { members } = datatype.class else { panic!("not a compound") };
    assert!(matches!(&members[0].datatype.class, Class::Array { dims, .. } if dims == &[3]));
}

#[test]
fn refuses_each_broken_rule() {
    let refused = |datatype: Datatype| {
        let mut writer = crate::codec::Writer::new(Sizes::EIGHT);
        datatype.encode(&mut writer).unwrap();
        testing::refused(writer.as_slice(), Sizes::EIGHT, parse);
    };
    refused(with(1, 0, Class::Reference { kind: ReferenceKind::Object }));
    refused(with(6, 8, Class::Reference { kind: ReferenceKind::Object }));
    refused(with(1, 12, Class::Compound { members: vec![member("a", 8, double())] }));
    refused(with(1, 16, Class::Compound { members: vec![member("a", 0, double()), member("a", 8, double())] }));
    refused(with(1, 16, Class::Compound { members: vec![member("a", 0, double()), member("b", 4, double())] }));
    refused(with(1, 16, Class::Compound { members: vec![] }));
    refused(with(2, 47, Class::Array { dims: vec![2, 3], base: Box::new(double()) }));
    refused(with(2, 8, Class::Array { dims: vec![1; 33], base: Box::new(double()) }));
    refused(with(1, 2, Class::Enum { base: Box::new(int(1, true)), members: vec![] }));
    refused(with(5, 12, Class::Complex { base: Box::new(double()) }));
    let mut narrow = int(4, true);
    narrow.size = 3;
    refused(narrow);
    let Class::FloatingPoint(mut format) = double().class else { panic!("not a float") };
    format.exponent_position = 51;
    refused(with(1, 8, Class::FloatingPoint(format)));
    format.exponent_position = 60;
    refused(with(1, 8, Class::FloatingPoint(format)));
}

#[test]
fn depth_is_bounded() {
    let mut datatype = double();
    for _ in 0..40 {
        datatype = with(2, datatype.size, Class::Array { dims: vec![1], base: Box::new(datatype) });
    }
    let mut writer = crate::codec::Writer::new(Sizes::EIGHT);
    datatype.encode(&mut writer).unwrap();
    let error = parse(&mut Cursor::new(writer.as_slice(), 0, "datatype", Sizes::EIGHT)).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Limit);
}

#[test]
fn strings_lose_their_padding() {
    assert_eq!(StringPadding::NullTerminated.trim(b"ab\0c"), b"ab");
    assert_eq!(StringPadding::NullPadded.trim(b"a\0b\0\0"), b"a\0b");
    assert_eq!(StringPadding::SpacePadded.trim(b"ab  "), b"ab");
    assert_eq!(StringPadding::NullPadded.trim(b"\0\0"), b"");
    assert_eq!(StringPadding::NullTerminated.trim(b"abc"), b"abc");
}

use super::*;
use crate::codec::{Cursor, Sizes, Writer, testing};
use crate::limits::Limits;
use alloc::string::String;
use alloc::vec;
use proptest::prelude::*;

fn parse(cursor: &mut Cursor<'_>) -> crate::Result<Datatype> {
    Datatype::parse(cursor, &Limits::default())
}

fn parse_bytes(bytes: &[u8]) -> crate::Result<Datatype> {
    parse(&mut Cursor::new(bytes, 0, "datatype", Sizes::EIGHT))
}

fn encoded(datatype: &Datatype, low: u8) -> Vec<u8> {
    let mut writer = Writer::new(Sizes::EIGHT);
    datatype.encode_at_least(&mut writer, low).unwrap();
    assert_eq!(datatype.encoded_len(Sizes::EIGHT, low).unwrap(), writer.position());
    writer.into_bytes()
}

fn with(version: u8, size: u32, class: Class) -> Datatype {
    Datatype { version, size, class }
}

fn int(size: u32, signed: bool) -> Datatype {
    let precision = u16::try_from(size * 8).unwrap();
    let (low_pad, high_pad, order) = (BitPadding::Zero, BitPadding::Zero, ByteOrder::LittleEndian);
    with(1, size, Class::FixedPoint { order, low_pad, high_pad, signed, bit_offset: 0, precision })
}

fn float(order: ByteOrder, precision: u16, fields: [u8; 5], exponent_bias: u32) -> FloatFormat {
    let [sign_position, exponent_position, exponent_size, mantissa_position, mantissa_size] = fields;
    FloatFormat {
        order,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        internal_pad: BitPadding::Zero,
        normalization: Normalization::Implied,
        sign_position,
        bit_offset: 0,
        precision,
        exponent_position,
        exponent_size,
        mantissa_position,
        mantissa_size,
        exponent_bias,
    }
}

fn double() -> Datatype {
    with(1, 8, Class::FloatingPoint(float(ByteOrder::LittleEndian, 64, [63, 52, 11, 0, 52], 1023)))
}

fn member(name: &str, offset: u32, datatype: Datatype) -> Member {
    Member { name: name.as_bytes().to_vec(), offset, datatype }
}

fn compound(version: u8, size: u32, members: &[(&str, u32, Datatype)]) -> Datatype {
    let members = members.iter().map(|(name, offset, t)| member(name, *offset, t.clone())).collect();
    with(version, size, Class::Compound { members })
}

fn boolean(version: u8) -> Datatype {
    let members = vec![(b"FALSE".to_vec(), vec![0]), (b"TRUE".to_vec(), vec![1])];
    with(version, 1, Class::Enum { base: Box::new(int(1, true)), members })
}

fn array(version: u8, dims: &[u64], base: Datatype) -> Datatype {
    let size = dims.iter().product::<u64>() as u32 * base.size;
    with(version, size, Class::Array { dims: dims.to_vec(), base: Box::new(base) })
}

fn sequence(version: u8, base: Datatype) -> Datatype {
    let (kind, padding, charset) = (VlenKind::Sequence, StringPadding::NullTerminated, CharacterSet::Ascii);
    with(version, 16, Class::Vlen { kind, padding, charset, base: Box::new(base) })
}

fn every_class() -> Vec<Datatype> {
    let (padding, charset) = (StringPadding::SpacePadded, CharacterSet::Utf8);
    let order = ByteOrder::BigEndian;
    let (low_pad, high_pad) = (BitPadding::One, BitPadding::Zero);
    let vax = float(ByteOrder::Vax, 32, [31, 23, 8, 0, 23], 129);
    let mut types = vec![
        int(4, true),
        double(),
        with(3, 4, Class::FloatingPoint(vax)),
        with(1, 8, Class::Time { order, precision: 64 }),
        with(1, 9, Class::String { padding, charset }),
        with(1, 2, Class::BitField { order, low_pad, high_pad, bit_offset: 3, precision: 7 }),
        with(1, 5, Class::Opaque { tag: b"NUMPY:M8".to_vec() }),
        with(1, 5, Class::Opaque { tag: b"tag".to_vec() }),
        with(1, 5, Class::Opaque { tag: vec![] }),
        with(1, 5, Class::Opaque { tag: vec![b'x'; LONGEST_TAG] }),
        with(1, 8, Class::Reference { kind: ReferenceKind::Object }),
        with(1, 12, Class::Reference { kind: ReferenceKind::Region }),
        with(4, 18, Class::Reference { kind: ReferenceKind::Object2 }),
        with(4, 18, Class::Reference { kind: ReferenceKind::Region2 }),
        with(4, 18, Class::Reference { kind: ReferenceKind::Attribute }),
        with(5, 16, Class::Complex { base: Box::new(double()) }),
        sequence(3, array(3, &[2], int(2, false))),
    ];
    let kind = VlenKind::String;
    types.push(with(1, 16, Class::Vlen { kind, padding, charset, base: Box::new(int(1, false)) }));
    for version in 1..=5 {
        for size in [16, 255, 256, 65_535, 65_536, 1 << 24] {
            types.push(compound(version, size, &[("x", 0, int(4, true)), ("longer name", size - 8, double())]));
        }
        types.push(compound(version, 9, &[("", 8, boolean(1)), ("\u{e9}", 0, double())]));
        types.push(boolean(version));
        types.push(array(version.max(2), &[2, 3], double()));
    }
    types
}

#[test]
fn parses_what_it_encodes() {
    for datatype in every_class() {
        testing::round_trip(&datatype, Sizes::EIGHT, parse, Datatype::encode);
    }
    let mut narrow = sequence(1, double());
    narrow.size = 12;
    testing::round_trip(&narrow, Sizes { offset: 4, length: 4 }, parse, Datatype::encode);
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

/// Messages as libhdf5 2.0 writes them.
#[test]
fn golden_messages() {
    let big = |bits| FloatFormat { order: ByteOrder::BigEndian, ..bits };
    let odd = FloatFormat { bit_offset: 7, ..big(float(ByteOrder::BigEndian, 20, [26, 20, 6, 7, 13], 31)) };
    let complex = with(1, 4, Class::FloatingPoint(float(ByteOrder::LittleEndian, 32, [31, 23, 8, 0, 23], 127)));
    let (padding, charset) = (StringPadding::SpacePadded, CharacterSet::Utf8);
    let (kind, base) = (VlenKind::String, Box::new(int(1, false)));
    let mixed = [("a", 0, array(2, &[2, 3], int(2, true))), ("e", 16, boolean(1))];
    for (hex, datatype) in [
        ("10080000 04000000 0000 2000", int(4, true)),
        ("11203f00 08000000 0000 4000 340b0034 ff030000", double()),
        ("11211a00 04000000 0700 1400 1406070d 1f000000", with(1, 4, Class::FloatingPoint(odd))),
        ("13120000 09000000", with(1, 9, Class::String { padding, charset })),
        ("15080000 05000000 4e554d50593a4d38", with(1, 5, Class::Opaque { tag: b"NUMPY:M8".to_vec() })),
        ("15080000 05000000 7461670000000000", with(1, 5, Class::Opaque { tag: b"tag".to_vec() })),
        ("17010000 0c000000", with(1, 12, Class::Reference { kind: ReferenceKind::Region })),
        ("18020000 01000000 10080000 01000000 0000 0800 46414c5345000000 5452554500000000 00 01", boolean(1)),
        (
            "19010100 10000000 10000000 01000000 0000 0800",
            with(1, 16, Class::Vlen { kind, padding: StringPadding::NullTerminated, charset, base }),
        ),
        (
            "26020000 14000000 6100000000000000 00000000 2a000000 0c000000 02000000 02000000 03000000 00000000 01000000
             10080000 02000000 0000 1000 6500000000000000 10000000 18020000 01000000 10080000 01000000 0000 0800
             46414c5345000000 5452554500000000 00 01",
            compound(2, 20, &mixed),
        ),
        (
            "5b010000 08000000 11201f00 04000000 0000 2000 17080017 7f000000",
            with(5, 8, Class::Complex { base: Box::new(complex) }),
        ),
    ] {
        assert_eq!(parse_bytes(&bytes(hex)).unwrap(), datatype);
        assert_eq!(encoded(&datatype, 1), bytes(hex));
    }
}

#[test]
fn the_bound_raises_compounds_arrays_and_enumerations_only() {
    let kinds = compound(
        1,
        33,
        &[("a", 0, array(2, &[2], int(2, true))), ("v", 16, sequence(1, double())), ("e", 32, boolean(1))],
    );
    for low in 3..=5 {
        let raised = parse_bytes(&encoded(&kinds, low)).unwrap();
        let Class::Compound { members } = &raised.class else { panic!("not a compound") };
        let versions: Vec<u8> = members.iter().map(|m| m.datatype.version).collect();
        assert_eq!((raised.version, versions), (low, vec![low, 1, low]));
    }
    assert_eq!(sequence(1, kinds.clone()).stored_version(4), 4);
    assert_eq!(int(4, true).stored_version(5), 1);
    // What a container holds raises it; nothing is ever lowered.
    assert_eq!(kinds.stored_version(1), 2);
    assert_eq!(compound(4, 8, &[("x", 0, double())]).stored_version(3), 4);
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
    assert_eq!(parse_bytes(&bytes).unwrap(), compound(2, 12, &[("a", 0, array(2, &[3], int(4, true)))]));
}

#[test]
fn containers_with_too_low_a_version_are_raised() {
    let mut bytes = encoded(&array(2, &[3], int(4, true)), 1);
    bytes[0] = 0x1a;
    assert_eq!(parse_bytes(&bytes).unwrap().version, 2);
    let mut bytes = encoded(&sequence(1, array(3, &[3], int(4, true))), 1);
    bytes[0] = 0x19;
    assert_eq!(parse_bytes(&bytes).unwrap().version, 3);
    let mut bytes = encoded(&with(4, 18, Class::Reference { kind: ReferenceKind::Object2 }), 1);
    bytes[0] = 0x17;
    assert_eq!(parse_bytes(&bytes).unwrap().version, 4);
}

#[test]
fn refuses_each_broken_rule() {
    let refused = |datatype: Datatype| testing::refused(&encoded(&datatype, 1), Sizes::EIGHT, parse);
    let patched = |datatype: Datatype, at: usize, byte: u8| {
        let mut bytes = encoded(&datatype, 1);
        assert!(parse_bytes(&bytes).is_ok());
        bytes[at] = byte;
        testing::refused(&bytes, Sizes::EIGHT, parse);
    };
    let object = || with(1, 8, Class::Reference { kind: ReferenceKind::Object });
    // Version, class, size.
    patched(object(), 0, 0x07);
    patched(object(), 0, 0x67);
    patched(object(), 0, 0x1c);
    patched(object(), 4, 0);
    // Numbers: precision of 0, past the end; order; normalization; fields empty, outside, overlapping.
    patched(int(4, true), 10, 0);
    patched(int(4, true), 8, 1);
    patched(double(), 2, 64);
    patched(double(), 1, 0x30);
    patched(double(), 13, 0);
    patched(double(), 15, 0);
    patched(double(), 12, 60);
    patched(double(), 12, 51);
    patched(double(), 2, 52);
    let vax = float(ByteOrder::Vax, 32, [31, 23, 8, 0, 23], 129);
    patched(with(3, 4, Class::FloatingPoint(vax)), 1, 0x60);
    // Padding, character set, length of the tag, references.
    patched(with(1, 9, Class::String { padding: StringPadding::NullPadded, charset: CharacterSet::Ascii }), 1, 3);
    patched(with(1, 9, Class::String { padding: StringPadding::NullPadded, charset: CharacterSet::Ascii }), 1, 0x21);
    patched(with(1, 5, Class::Opaque { tag: b"NUMPY:M8".to_vec() }), 1, 7);
    patched(object(), 1, 5);
    patched(with(4, 18, Class::Reference { kind: ReferenceKind::Object2 }), 1, 0x22);
    // Compounds: no members, past the end, twice the name, overlap.
    patched(compound(1, 8, &[("a", 0, double())]), 1, 0);
    refused(compound(1, 12, &[("a", 8, double())]));
    refused(compound(1, 16, &[("a", 0, double()), ("a", 8, double())]));
    refused(compound(1, 16, &[("a", 0, double()), ("b", 4, double())]));
    // Enumerations: base, name. Sequences: size, kind. Arrays: size, rank. Complex: base, bits.
    patched(boolean(1), 4, 2);
    patched(boolean(3), 20, 0);
    refused(with(1, 8, Class::Enum { base: Box::new(double()), members: vec![] }));
    patched(sequence(1, double()), 4, 12);
    patched(sequence(1, double()), 1, 2);
    refused(with(2, 47, Class::Array { dims: vec![2, 3], base: Box::new(double()) }));
    refused(with(2, 8, Class::Array { dims: vec![1, 0], base: Box::new(double()) }));
    patched(array(3, &[1], double()), 8, 0);
    refused(with(5, 12, Class::Complex { base: Box::new(double()) }));
    refused(with(5, 8, Class::Complex { base: Box::new(int(4, true)) }));
    patched(with(5, 16, Class::Complex { base: Box::new(double()) }), 1, 3);
}

#[test]
fn does_not_write_what_it_could_not_read() {
    let refused = |datatype: Datatype| assert!(datatype.encode(&mut Writer::new(Sizes::EIGHT)).is_err());
    refused(with(1, 8, Class::Compound { members: vec![] }));
    refused(compound(1, 8, &[("a\0b", 0, double())]));
    refused(with(1, 1, Class::Opaque { tag: vec![b'x'; LONGEST_TAG + 1] }));
    refused(with(1, 1, Class::Opaque { tag: b"a\0b".to_vec() }));
    refused(with(2, 8, Class::Array { dims: vec![1; 33], base: Box::new(double()) }));
    refused(with(2, 8, Class::Array { dims: vec![1 << 32], base: Box::new(double()) }));
    let members = vec![(b"a".to_vec(), vec![1, 2])];
    refused(with(1, 1, Class::Enum { base: Box::new(int(1, true)), members }));
    let members = (0..65_536).map(|i: u32| (i.to_le_bytes().map(|b| b | 1).to_vec(), vec![0])).collect();
    refused(with(1, 1, Class::Enum { base: Box::new(int(1, true)), members }));
}

#[test]
fn depth_is_bounded_and_fits_a_small_stack() {
    let nested = |levels: usize| {
        let one = |inner, _| compound(1, 8, &[("a", 0, inner)]);
        encoded(&(1..levels).fold(double(), one), 1)
    };
    let run = move || {
        let deepest = parse_bytes(&nested(32)).unwrap();
        assert_eq!(encoded(&deepest, 1), nested(32));
        let error = parse_bytes(&nested(33)).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Limit);
        assert!(alloc::format!("{error}").contains("`datatype_depth` is 32, 33 asked"));
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn strings_lose_their_padding() {
    assert_eq!(StringPadding::NullTerminated.trim(b"ab\0c"), b"ab");
    assert_eq!(StringPadding::NullPadded.trim(b"a\0b\0\0"), b"a\0b");
    assert_eq!(StringPadding::SpacePadded.trim(b"ab  "), b"ab");
    assert_eq!(StringPadding::NullPadded.trim(b"\0\0"), b"");
    assert_eq!(StringPadding::NullTerminated.trim(b"abc"), b"abc");
}

#[test]
fn ieee_formats_are_known_by_all_their_fields() {
    assert_eq!(double().ieee_bits(), Some(64));
    let Class::FloatingPoint(format) = double().class else { panic!("not a float") };
    for odd in [
        FloatFormat { exponent_bias: 1022, ..format },
        FloatFormat { normalization: Normalization::None, ..format },
        FloatFormat { order: ByteOrder::Vax, ..format },
        FloatFormat { precision: 63, ..format },
    ] {
        assert_eq!(with(1, 8, Class::FloatingPoint(odd)).ieee_bits(), None);
    }
    assert_eq!(with(1, 9, Class::FloatingPoint(format)).ieee_bits(), None);
}

fn any_datatype() -> impl Strategy<Value = Datatype> {
    let classes = every_class();
    let leaf = (0..classes.len()).prop_map(move |i| classes[i].clone());
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec((inner.clone(), "[a-z]{0,9}"), 1..4).prop_map(|parts| {
                let mut members: Vec<Member> = vec![];
                let mut end = 0;
                for (i, (datatype, name)) in parts.into_iter().enumerate() {
                    let offset = end;
                    end += datatype.size;
                    members.push(member(&alloc::format!("{name}{i}"), offset, datatype));
                }
                with(1, end, Class::Compound { members })
            }),
            (inner.clone(), 1u64..4, 1u64..3).prop_map(|(base, a, b)| array(2, &[a, b], base)),
            inner.prop_map(|base| sequence(1, base)),
        ]
    })
}

proptest! {
    #[test]
    fn any_type_survives_the_way_there_and_back(datatype in any_datatype(), low in 1u8..=5) {
        let bytes = encoded(&datatype, low);
        let parsed = parse_bytes(&bytes).unwrap();
        prop_assert_eq!(encoded(&parsed, 1), bytes);
        prop_assert_eq!(parsed.size, datatype.size);
    }

    #[test]
    fn damaged_bytes_are_survived(datatype in any_datatype(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = encoded(&datatype, 1);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(parsed) = parse_bytes(&bytes) {
            encoded(&parsed, 1);
        }
        bytes.truncate(cut.index(bytes.len()));
        parse_bytes(&bytes).ok();
    }
}

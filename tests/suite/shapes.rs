//! Samples of derived types: structs and enums of many shapes, stored and loaded. The program `shapes` has them in files for
//! a judge.

use half::f16;
use hdf5_format::{FixedAscii, FixedUnicode, Group, H5Type, Load, Opaque, Result, Scalar, VarLenAscii};
use num_complex::Complex;
use std::fmt::Debug;

macro_rules! shapes {
    ($($name:literal: $type:ty = $samples:expr;)+) => {
        /// How many shapes there are.
        pub(crate) const COUNT: usize = [$($name),+].len();

        /// Stores the samples of each shape in a dataset of its name.
        pub(crate) fn write_all(root: &Group) -> Result<()> {
            $( write::<$type>(root, $name, $samples)?; )+
            Ok(())
        }

        /// What is not as it was stored: a line each.
        pub(crate) fn differences(root: &Group) -> Vec<String> {
            let mut wrong = Vec::new();
            $(
                let samples: Vec<$type> = $samples;
                wrong.extend(difference(root, $name, &samples));
            )+
            wrong
        }
    };
}

fn write<T: Scalar>(root: &Group, name: &str, samples: Vec<T>) -> Result<()> {
    root.create_dataset(name, samples).map(|_| ())
}

fn difference<T: Load + PartialEq + Debug>(root: &Group, name: &str, samples: &[T]) -> Option<String> {
    match root.dataset(name).and_then(|d| d.read_vec::<T>()) {
        Ok(found) if found == samples => None,
        Ok(found) => Some(format!("{name}: expected {samples:?}, found {found:?}")),
        Err(error) => Some(format!("{name}: {error}")),
    }
}

macro_rules! types {
    ($($item:item)+) => { $( #[derive(H5Type, Debug, PartialEq, Clone)] $item )+ };
}

types! {
    struct Point { x: f64, y: f64 }
    struct Mixed { a: u8, b: i64, c: f32, d: i16, e: u32, f: i8, g: u16, h: i32, i: u64 }
    struct Tuple(i32, f64, u8);
    struct Newtype(u32);
    struct Nested { id: u16, at: Point }
    struct Deep { nested: Nested, more: Vec<Nested> }
    struct Pair<T> { first: T, second: T }
    struct Two<A, B> { a: A, b: B }
    struct Renamed { #[h5(rename = "Über x")] x: i32, #[h5(rename = "type")] kind: u8 }
    struct Ordered { #[h5(order = 1)] a: u8, #[h5(order = 0)] b: u16, c: u32 }
    struct Skipping { kept: i32, #[h5(skip)] left: u64 }
    struct Defaulted { there: i32, #[h5(default)] maybe: i32 }
    struct Text { name: String, note: VarLenAscii }
    struct Fixed { code: FixedAscii<6>, city: FixedUnicode<8> }
    struct Bits { flag: bool, other: bool, number: i16 }
    struct Arrays { m: [[f32; 3]; 2], v: [u8; 4] }
    struct Lists { counts: Vec<i32>, names: Vec<String> }
    struct Ragged { rows: Vec<Vec<f64>> }
    struct Waves { z: Complex<f64>, w: Complex<f32> }
    struct Halves { h: f16, pair: [f16; 2] }
    struct Raw { bytes: Opaque<5>, n: u8 }
    struct State { color: Color, level: Level }
    struct Palette { colors: [Color; 3], list: Vec<Color> }
    struct TuplesIn { t: (u8, f64), u: (i32,) }
    struct r#Keyword { r#type: u8, r#match: i8 }
    struct Wide { signed: i64, unsigned: u64, least: i8, most: u8 }
    struct Table { rows: Vec<Point>, labels: [FixedAscii<2>; 2] }
}

macro_rules! enums {
    ($($item:item)+) => { $( #[derive(H5Type, Debug, PartialEq, Clone, Copy)] $item )+ };
}

enums! {
    enum Color { Red, Green, Blue }
    enum Level { Low = -1, Middle = 0, High = 100 }
    #[repr(u16)] enum Code { Ok = 200, Missing = 404, Broken = 500 }
    #[repr(i64)] enum Big { Small = 1, Large = 5_000_000_000 }
    enum Named { #[h5(rename = "the one")] One = 1, #[h5(rename = "zwei")] Two = 2 }
    enum Single { Only = 7 }
}

fn text(s: &str) -> String {
    s.into()
}

fn ascii<const N: usize>(s: &str) -> FixedAscii<N> {
    FixedAscii::new(s).unwrap_or_default()
}

shapes! {
    "point": Point = vec![Point { x: 1.5, y: -2.0 }, Point { x: 0.0, y: 1e300 }];
    "mixed": Mixed = vec![Mixed { a: 255, b: i64::MIN, c: 0.5, d: -3, e: 7, f: -128, g: 65535, h: -1, i: u64::MAX }];
    "tuple": Tuple = vec![Tuple(-1, 2.5, 3), Tuple(4, 5.0, 6)];
    "newtype": Newtype = vec![Newtype(9)];
    "nested": Nested = vec![Nested { id: 1, at: Point { x: 2.0, y: 3.0 } }];
    "deep": Deep = vec![Deep {
        nested: Nested { id: 1, at: Point { x: 0.5, y: 0.25 } },
        more: vec![Nested { id: 2, at: Point { x: 1.0, y: 2.0 } }; 2],
    }];
    "pair": Pair<i16> = vec![Pair { first: 1, second: -1 }];
    "pair_of_text": Pair<String> = vec![Pair { first: text("ä"), second: text("") }];
    "two": Two<u8, [i32; 2]> = vec![Two { a: 1, b: [2, 3] }];
    "renamed": Renamed = vec![Renamed { x: 5, kind: 6 }];
    "ordered": Ordered = vec![Ordered { a: 1, b: 2, c: 3 }];
    "skipping": Skipping = vec![Skipping { kept: 4, left: 0 }];
    "defaulted": Defaulted = vec![Defaulted { there: 1, maybe: 2 }];
    "text": Text = vec![Text { name: text("naïve"), note: VarLenAscii(text("plain")) }];
    "fixed": Fixed = vec![Fixed { code: ascii("abc"), city: FixedUnicode::new("Köln").unwrap_or_default() }];
    "bits": Bits = vec![Bits { flag: true, other: false, number: -5 }];
    "arrays": Arrays = vec![Arrays { m: [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], v: [9, 8, 7, 6] }];
    "lists": Lists = vec![Lists { counts: vec![1, 2, 3], names: vec![text("a"), text("bc")] }, Lists {
        counts: vec![],
        names: vec![],
    }];
    "ragged": Ragged = vec![Ragged { rows: vec![vec![1.0], vec![], vec![2.0, 3.0]] }];
    "waves": Waves = vec![Waves { z: Complex::new(1.0, -1.0), w: Complex::new(0.5, 2.0) }];
    "halves": Halves = vec![Halves { h: f16::from_f32(1.5), pair: [f16::from_f32(-2.0), f16::from_f32(0.25)] }];
    "raw": Raw = vec![Raw { bytes: Opaque([1, 2, 3, 4, 5]), n: 6 }];
    "state": State = vec![State { color: Color::Blue, level: Level::Low }, State { color: Color::Red, level: Level::High }];
    "palette": Palette = vec![Palette { colors: [Color::Red, Color::Blue, Color::Green], list: vec![Color::Green] }];
    "tuples": TuplesIn = vec![TuplesIn { t: (1, 2.0), u: (3,) }];
    "keyword": Keyword = vec![Keyword { r#type: 1, r#match: -1 }];
    "wide": Wide = vec![Wide { signed: i64::MAX, unsigned: u64::MAX, least: i8::MIN, most: u8::MAX }];
    "table": Table = vec![Table { rows: vec![Point { x: 1.0, y: 2.0 }], labels: [ascii("x"), ascii("yy")] }];
    "color": Color = vec![Color::Green, Color::Red];
    "level": Level = vec![Level::Low, Level::High, Level::Middle];
    "code": Code = vec![Code::Missing, Code::Broken, Code::Ok];
    "big": Big = vec![Big::Large, Big::Small];
    "named": Named = vec![Named::Two, Named::One];
    "single": Single = vec![Single::Only];
}

#[cfg(test)]
mod tests {
    use super::{COUNT, Newtype, differences, write_all};
    use hdf5_format::CreateOptions;
    use hdf5_format::io::MemoryFile;

    #[test]
    fn what_is_stored_is_loaded() {
        let file = CreateOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap();
        let root = file.root().unwrap();
        write_all(&root).unwrap();
        assert_eq!(differences(&root), Vec::<String>::new());
        // A sample that was changed is found: the comparison can fail.
        root.delete("newtype").unwrap();
        root.create_dataset("newtype", vec![Newtype(8)]).unwrap();
        assert_eq!(differences(&root).len(), 1);
        const { assert!(COUNT >= 30) };
    }
}

//! Derived types in files, for a judge: `shapes write FILE` stores samples of many structs and enums, `shapes check FILE`
//! reads them back, whoever wrote them.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the judge")]

use half::f16;
use hdf5_format::{Dataset, File, FixedAscii, FixedUnicode, Group, H5Type, Load, Opaque, Result, Scalar, VarLenAscii};
use num_complex::Complex;
use std::fmt::Debug;

macro_rules! shapes {
    ($($name:literal: $type:ty = $samples:expr;)+) => {
        const COUNT: usize = [$($name),+].len();

        fn write_all(root: &Group) -> Result<()> {
            $( write::<$type>(root, $name, $samples)?; )+
            Ok(())
        }

        fn check_all(root: &Group) -> Result<usize> {
            let mut wrong = 0;
            $( wrong += usize::from(!check::<$type>(root, $name, $samples)); )+
            Ok(wrong)
        }
    };
}

fn write<T: Scalar>(root: &Group, name: &str, samples: Vec<T>) -> Result<()> {
    root.create_dataset(name, samples).map(|_| ())
}

fn check<T: Load + PartialEq + Debug>(root: &Group, name: &str, samples: Vec<T>) -> bool {
    match root.dataset(name).and_then(|d| d.read_vec::<T>()) {
        Ok(found) if found == samples => true,
        Ok(found) => {
            println!("{name}: expected {samples:?}, found {found:?}");
            false
        }
        Err(error) => {
            println!("{name}: {error}");
            false
        }
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
    enum Big { Small = 1, Large = 5_000_000_000 }
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

/// A dataset with scales and a label, and a reference to it.
fn write_scales(root: &Group) -> Result<()> {
    let group = root.create_group("scales")?;
    let grid = group.new_dataset_of::<f64>().shape([2, 3]).create_with("grid", 0.5)?;
    let (rows, columns) = (group.create_dataset("rows", &[1, 2])?, group.create_dataset("columns", &[1, 2, 3])?);
    rows.make_scale("the rows")?;
    grid.attach_scale(0, &rows)?;
    grid.attach_scale(1, &columns)?;
    grid.set_label(1, "across")?;
    group.set_attr("best", grid.reference())
}

fn check_scales(root: &Group) -> Result<bool> {
    let group = root.group("scales")?;
    let grid = root.file().dereference(&group.attr("best")?)?.into_dataset()?;
    let (rows, columns) = (grid.scales(0)?, grid.scales(1)?);
    let same = |scales: &[Dataset], name: &str| match scales {
        [scale] => group.dataset(name).is_ok_and(|wanted| wanted.address() == scale.address() && scale.is_scale()),
        _ => false,
    };
    let names = rows.first().and_then(Dataset::scale_name).as_deref() == Some("the rows");
    let labels = grid.label(0)?.is_none() && grid.label(1)?.as_deref() == Some("across");
    Ok(same(&rows, "rows") && same(&columns, "columns") && names && labels)
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, verb, path] = &words[..] else {
        println!("usage: shapes write|check FILE");
        std::process::exit(2);
    };
    if verb == "write" {
        let file = File::create(path)?;
        write_all(&file.root()?)?;
        write_scales(&file.root()?)?;
        file.commit()?;
        println!("{COUNT} written");
        return Ok(());
    }
    let root = File::open(path)?.root()?;
    let scales = check_scales(&root)?;
    if !scales {
        println!("scales: not as they were written");
    }
    let wrong = check_all(&root)? + usize::from(!scales);
    println!("{COUNT} read, {wrong} wrong");
    std::process::exit(i32::from(wrong > 0));
}

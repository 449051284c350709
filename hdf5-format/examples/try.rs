use hdf5_format::edit::*;
use hdf5_format::format::message::datatype::*;
use hdf5_format::*;
fn int() -> Datatype {
    Datatype {
        version: 1,
        size: 4,
        class: Class::FixedPoint {
            order: ByteOrder::LittleEndian,
            low_pad: BitPadding::Zero,
            high_pad: BitPadding::Zero,
            signed: true,
            bit_offset: 0,
            precision: 32,
        },
    }
}
fn main() -> Result<()> {
    let mut style = FileStyle::default();
    style.bounds.low = match std::env::args().nth(2).as_deref() {
        Some("old") => Version::Earliest,
        Some("v110") => Version::V110,
        Some("v200") => Version::V200,
        _ => Version::V18,
    };
    let f = CreateOptions::new().style(style).create(std::env::args().nth(1).unwrap())?;
    let root = f.root()?;
    let g = root.create_group("a")?;
    g.create_group("b")?;
    let d = g.new_dataset(int()).shape([3, 4]).create("d")?;
    let data: Vec<u8> = (0..12i32).flat_map(i32::to_le_bytes).collect();
    d.write_raw(Select::all(), &data)?;
    d.set_attr_raw("units", &int(), Some(&[]), &5i32.to_le_bytes())?;
    let c = root.new_dataset(int()).shape([5]).compact().create("c")?;
    c.write_raw("1:3".parse::<Select>()?, &data[8..16])?;
    root.link_path("soft", "/a/d")?;
    root.link_object("hard", &d)?;
    root.link_external("ext", "other.h5", "/x")?;
    f.commit()?;
    for i in 0..5 {
        d.set_attr_raw(format!("n{i}"), &int(), Some(&[2]), &data[..8])?;
    }
    g.delete("b")?;
    root.rename("c", "a/compact")?;
    f.commit()?;
    println!("{:?}", f.dataset("a/d")?.read_vec::<i32>()?);
    Ok(())
}

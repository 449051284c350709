//! Derived types in files, for a judge: `shapes write FILE` stores samples of many structs and enums, `shapes check FILE`
//! reads them back, whoever wrote them.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the judge")]

use hdf5_format::format::message::datatype::Class;
use hdf5_format::{Dataset, File, Group, NativeComplex, Result};
use num_complex::Complex;

#[path = "../suite/shapes.rs"]
mod shapes;

/// A dataset with scales and a label, and a reference to it.
fn write_scales(root: &Group) -> Result<()> {
    let group = root.create_group("scales")?;
    let grid = group.new_dataset_of::<f64>().shape([2, 3]).create_with("grid", 0.5)?;
    let (rows, columns) = (group.create_dataset("rows", [1, 2])?, group.create_dataset("columns", [1, 2, 3])?);
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

/// Numbers of the complex class, in datasets and attributes.
fn write_native(root: &Group) -> Result<()> {
    let group = root.create_group("native")?;
    let numbers = [(1.5, -2.0), (0.0, 1e30), (-0.25, 4096.0)];
    let wide = numbers.map(|(re, im)| NativeComplex(Complex::<f64>::new(re, im)));
    let short = numbers.map(|(re, im)| NativeComplex(Complex::new(re as f32, im as f32)));
    group.create_dataset("f64", wide)?.set_attr("one", wide[0])?;
    group.create_dataset("f32", short)?.set_attr("all", short)
}

fn check_native(root: &Group) -> Result<bool> {
    let group = root.group("native")?;
    let numbers = [(1.5, -2.0), (0.0, 1e30), (-0.25, 4096.0)].map(|(re, im)| Complex::<f64>::new(re, im));
    let short = numbers.map(|z| NativeComplex(Complex::new(z.re as f32, z.im as f32)));
    let native = numbers.map(NativeComplex);
    let mut same = true;
    for name in ["f64", "f64be"] {
        let dataset = group.dataset(name)?;
        same &= matches!(dataset.dtype().class, Class::Complex { .. });
        same &= dataset.read_vec::<Complex<f64>>()? == numbers && dataset.read_vec::<NativeComplex<f64>>()? == native;
        same &= dataset.attr::<Complex<f64>>("one")? == numbers[0];
    }
    let dataset = group.dataset("f32")?;
    same &= dataset.read_vec::<NativeComplex<f32>>()? == short;
    Ok(same && dataset.attribute("all")?.read_vec::<NativeComplex<f32>>()? == short)
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, verb, path] = &words[..] else {
        println!("usage: shapes write|check FILE");
        std::process::exit(2);
    };
    if verb == "write" {
        let file = File::create(path)?;
        shapes::write_all(&file.root()?)?;
        write_scales(&file.root()?)?;
        write_native(&file.root()?)?;
        file.commit()?;
        println!("{} written", shapes::COUNT);
        return Ok(());
    }
    let root = File::open(path)?.root()?;
    let scales = check_scales(&root)?;
    if !scales {
        println!("scales: not as they were written");
    }
    let native = check_native(&root)?;
    if !native {
        println!("native complex: not as they were written");
    }
    let differences = shapes::differences(&root);
    differences.iter().for_each(|difference| println!("{difference}"));
    let wrong = differences.len() + usize::from(!scales) + usize::from(!native);
    println!("{} read, {wrong} wrong", shapes::COUNT);
    std::process::exit(i32::from(wrong > 0));
}

//! Derived types in files, for a judge: `shapes write FILE` stores samples of many structs and enums, `shapes check FILE`
//! reads them back, whoever wrote them.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the judge")]

use hdf5_format::{Dataset, File, Group, Result};

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
        file.commit()?;
        println!("{} written", shapes::COUNT);
        return Ok(());
    }
    let root = File::open(path)?.root()?;
    let scales = check_scales(&root)?;
    if !scales {
        println!("scales: not as they were written");
    }
    let differences = shapes::differences(&root);
    differences.iter().for_each(|difference| println!("{difference}"));
    let wrong = differences.len() + usize::from(!scales);
    println!("{} read, {wrong} wrong", shapes::COUNT);
    std::process::exit(i32::from(wrong > 0));
}

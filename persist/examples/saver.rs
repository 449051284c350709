//! Saves over one file again and again, telling each time, until it is killed: `saver save FILE DIALECT`; `saver check FILE
//! LEAST` loads the file and tells which save it is.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the judge")]

use hdf5_persist::*;
use std::io::Write;

fn value(number: i64) -> Result<Value> {
    let data: Vec<f64> = (0..20_000).map(|i| (i * number) as f64).collect();
    let inner = GroupNode::new().attr("number", number).member("data", Array::new([20_000], &data)?);
    let list = (0..50).map(|i| Value::Int(i128::from(i * number))).collect::<Vec<_>>();
    let node = inner.member("list", list).into();
    Ok(Value::from(Object { tag: Tag::new("kills", "Saved", 1), node }))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["save", path, dialect] => {
            let options = StoreOptions::new().dialect_named(dialect)?;
            let first = match options.open(path, Mode::Read) {
                Ok(store) => number(&store.value("root")?)?,
                Err(_) => 0,
            };
            for number in first + 1.. {
                options.save_value(path, value(number)?)?;
                println!("{number}");
                std::io::stdout().flush()?;
            }
            Ok(())
        }
        ["check", path, least] => {
            let found = load_value(path)?;
            let number = number(&found)?;
            if number < least.parse()? {
                return Err(format!("save {number} found, {least} was told").into());
            }
            println!("{number}");
            Ok(())
        }
        _ => Err("usage: saver save FILE DIALECT | check FILE LEAST".into()),
    }
}

/// The number of a save, all of whose parts are its own.
fn number(found: &Value) -> std::result::Result<i64, Box<dyn std::error::Error>> {
    let Value::Object(object) = found else { return Err("no object".into()) };
    let Node::Group(group) = &object.node else { return Err("no group".into()) };
    let number = match group.attrs.get("number").or_else(|| group.members.get("number")) {
        Some(Value::Int(number)) => i64::try_from(*number)?,
        other => return Err(format!("no number: {other:?}").into()),
    };
    let Value::Object(wanted) = value(number)? else { return Err("no object".into()) };
    let Node::Group(wanted) = wanted.node else { return Err("no group".into()) };
    for name in ["data", "list"] {
        if group.members.get(name) != wanted.members.get(name) {
            return Err(format!("{name} of save {number} is another").into());
        }
    }
    Ok(number)
}

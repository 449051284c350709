//! Writes images that crashes leave into a folder, for other libraries to open; and what is whole in each.
//!
//! ```text
//! images FOLDER COUNT
//! ```
//! Beside the images are the files after each commit of a workload, `NAME-state-N.h5`, and `images.json`: for each image
//! its workload, the commits that had returned, and what `h5 recover` would find.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

#[path = "../suite/files.rs"]
mod files;

#[path = "../suite/crash/content.rs"]
mod content;
#[path = "../suite/crash/disk.rs"]
mod disk;
#[path = "../suite/crash/images.rs"]
mod images;
#[path = "../suite/crash/workloads.rs"]
mod workloads;

use disk::SimDisk;
use hdf5_format::File;
use hdf5_format::edit::Recovery;
use images::{Effort, Random};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;

const EFFORT: Effort = Effort { all: 4, subsets: 6, cuts: 2, company: 1 };

/// An image, and the number of commits that had returned.
type Image = (Vec<u8>, usize);

/// The files after each commit, and the images.
fn crash(workload: &workloads::Workload) -> (Vec<Vec<u8>>, Vec<Image>) {
    let disk = SimDisk::default().holding(&workload.start);
    let file = workload.open(disk.clone()).unwrap();
    let mut states = vec![workload.start.clone()];
    if workload.start.is_empty() {
        disk.commit_returned();
        states.push(disk.bytes());
    }
    for step in 0..workload.steps {
        workload.change(&file, step).unwrap();
        file.commit().unwrap();
        disk.commit_returned();
        states.push(disk.bytes());
    }
    let mut found = Vec::new();
    let mut random = Random(11);
    for epoch in disk::epochs(&workload.start, &disk.ops(), &disk.acked()) {
        images::each(&epoch, EFFORT, &mut random, &mut |image, _| found.push((image, epoch.acked)));
    }
    (states, found)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (folder, count) = (Path::new(&args[1]), args[2].parse::<usize>().unwrap());
    let workloads = workloads::all();
    let each = count.div_ceil(workloads.len());
    let mut list: Vec<Value> = Vec::new();
    for workload in &workloads {
        let name = workload.name.replace([' ', ','], "-");
        let (states, mut images) = crash(workload);
        for (i, state) in states.iter().enumerate() {
            std::fs::write(folder.join(format!("{name}-state-{i}.h5")), state).unwrap();
        }
        let mut seen = HashSet::new();
        images.retain(|(image, _)| seen.insert(image.clone()));
        // Before the first commit there may be no file.
        images.retain(|(image, _)| File::from_bytes(image.as_slice()).is_ok());
        let step = (images.len() / each).max(1);
        for (i, (image, acked)) in images.iter().step_by(step).enumerate() {
            let left = match File::options().recovery_in(image.clone()).unwrap() {
                Recovery::Commit { .. } => "commit",
                Recovery::Mark => "mark",
                _ => "clean",
            };
            let file = format!("{name}-image-{i}.h5");
            std::fs::write(folder.join(&file), image).unwrap();
            list.push(json!({ "file": file, "workload": name, "acked": acked, "left": left }));
        }
    }
    std::fs::write(folder.join("images.json"), json!(list).to_string()).unwrap();
}

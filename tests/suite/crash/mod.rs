//! Crashes: every image that one can leave holds the last commit that returned, or the one being made.

mod barriers;
mod content;
mod creation;
mod disk;
mod faults;
mod images;
mod members;
mod recovery;
mod sweep;
mod workloads;

use rayon::prelude::*;
use sweep::Sweep;

#[test]
fn every_image_holds_a_whole_commit() {
    let found: Vec<Sweep> = workloads::all().par_iter().map(|workload| sweep::run(workload, None)).collect();
    let mut total = 0;
    for sweep in &found {
        println!("{:34} {:7} images, {} bad", sweep.name, sweep.images, sweep.bad.len());
        total += sweep.images;
    }
    let bad: Vec<&String> = found.iter().flat_map(|sweep| &sweep.bad).collect();
    assert!(bad.is_empty(), "{} bad images; {:#?}", bad.len(), &bad[..bad.len().min(5)]);
    assert!(total >= 100_000, "{total} images");
}

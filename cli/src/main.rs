//! `h5`: look into HDF5 files.

use std::process::ExitCode;

fn main() -> ExitCode {
    h5_cli::main()
}

//! The `h5` command, as a library: its commands, and the digest of a file for other programs.

mod apply;
mod args;
mod attrs;
mod beside;
mod cat;
mod check;
mod demo;
mod diff;
pub mod digest;
mod edit;
mod info;
mod objects;
mod progress;
mod recover;
mod repack;
mod target;
mod term;
mod text;
mod tree;

use args::{Cli, Command};
use clap::Parser;
use std::path::Path;
use std::process::ExitCode;

/// What a command ends with.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command failed.
pub(crate) enum Failure {
    /// The file, or what is asked of it.
    File(hdf5_format::Error),
    /// Standard output: a closed pipe ends the program quietly.
    Output(std::io::Error),
    /// What the user asked for.
    Request(String),
    /// Some objects could not be read; they are named in the output.
    Partial(usize),
    /// A checked file is damaged; the findings are in the output.
    Damaged(usize),
    /// A file to be checked or compared can not be opened.
    Unreadable(hdf5_format::Error),
    /// What was compared is different; how is in the output.
    Different,
    /// Some things could not be compared; they are named in the output.
    NotCompared(usize),
}

impl Failure {
    pub(crate) fn text(text: String) -> Self {
        Failure::Request(text)
    }

    /// What the system says of a file.
    pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Failure::Request(format!("{}: {error}", path.display()))
    }
}

impl From<hdf5_format::Error> for Failure {
    fn from(error: hdf5_format::Error) -> Self {
        Failure::File(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Output(error)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.write_global();
    if let Some(threads) = cli.threads {
        // Fails only if a pool exists already, and none does.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(e)) => fail(&e),
        Err(Failure::File(e)) => fail(&e),
        Err(Failure::Request(text)) => fail(&text),
        Err(Failure::Partial(n)) => {
            anstream::eprintln!("h5: {n} {} could not be read", if n == 1 { "thing" } else { "things" });
            ExitCode::from(3)
        }
        Err(Failure::Damaged(n)) => {
            anstream::eprintln!("h5: {n} {} of damage", if n == 1 { "finding" } else { "findings" });
            ExitCode::from(1)
        }
        Err(Failure::Unreadable(e)) => {
            fail(&e);
            ExitCode::from(2)
        }
        Err(Failure::Different) => ExitCode::from(1),
        Err(Failure::NotCompared(n)) => {
            anstream::eprintln!("h5: {n} {} could not be compared", if n == 1 { "thing" } else { "things" });
            ExitCode::from(2)
        }
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    anstream::eprintln!("{}h5:{} {error}", term::ERROR, term::ERROR.render_reset());
    ExitCode::from(1)
}

fn run(cli: &Cli) -> Outcome {
    match &cli.command {
        Command::Tree(args) => tree::tree(cli, args),
        Command::Ls(args) => tree::ls(cli, args),
        Command::Info(args) => info::run(cli, args),
        Command::Cat(args) => cat::run(cli, args),
        Command::Attrs(args) => attrs::run(cli, args),
        Command::Digest(args) => digest::run(cli, args),
        Command::Diff(args) => diff::run(cli, args),
        Command::Demo(args) => demo::run(cli, args),
        Command::Check(args) => check::run(cli, args),
        Command::Mkdir(args) => edit::mkdir(cli, args),
        Command::Rm(args) => edit::rm(cli, args),
        Command::Mv(args) => edit::mv(cli, args),
        Command::Cp(args) => edit::cp(cli, args),
        Command::Ln(args) => edit::ln(cli, args),
        Command::Set(args) => edit::set(cli, args),
        Command::Apply(args) => apply::run(cli, args),
        Command::Recover(args) => recover::run(cli, args),
        Command::Repack(args) => repack::run(cli, args),
        Command::Compact(args) => repack::compact(cli, args),
        Command::Objects(args) => objects::objects(cli, args),
        Command::Migrate(args) => objects::migrate(cli, args),
    }
}

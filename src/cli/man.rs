//! `man`: the manual, a page for each command.

use clap::CommandFactory;

use super::{Cli, Exit, Failure, ManArgs, print};

pub(super) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let shown = args.dir.display();
    std::fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(Cli::command(), &args.dir)).map_err(
        |why| Failure::new("output", format!("{shown} cannot be written: {why}"), "name a folder you may write"),
    )?;
    print::show(&format!("wrote the manual to {shown}; read it with man -l {shown}/pivotal-sync.1\n"))?;
    Ok(Exit::Done)
}

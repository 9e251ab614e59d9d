//! `completions`: for the shell.

use clap::CommandFactory;

use super::{Cli, CompletionsArgs, Exit, Failure, print};

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    print::show_as_is(&script(args.shell))?;
    Ok(Exit::Done)
}

fn script(shell: clap_complete::Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pivotal-sync", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

//! What was typed, where it cannot be read.

use std::ffi::OsString;

use clap::Parser;

use super::render::failure_json;
use super::{Cli, Exit, Failure, print};

/// Reads what was typed, the program's name first. What cannot be read is told on stderr, and as one object on stdout too when
/// `--json` stands among the words.
///
/// # Errors
/// How the program ends: help and version are answers, anything else is bad usage.
pub fn typed(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let words: Vec<OsString> = words.into_iter().collect();
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    Cli::try_parse_from(words).map_err(|error| {
        // Should the stream be gone, the exit code still tells.
        let _ = error.print();
        if !error.use_stderr() {
            return Exit::Done;
        }
        if json {
            let _ = print::show_json(&failure_json(&failure(&error)));
        }
        Exit::Usage
    })
}

fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    // The first paragraph says what is wrong; usage and tips follow.
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = lines.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Failure::new(
        "usage",
        message,
        "`pivotal-sync help` lists the commands, and `pivotal-sync help COMMAND` what one takes",
    )
}

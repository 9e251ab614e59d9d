//! The only file that writes to the terminal. Colours are kept or taken out as the stream at hand asks (pipes, NO_COLOR).

use std::io::{ErrorKind, Write};

use super::Failure;

/// Prints to stdout: what was asked for. A reader that went away (`| head`) is no failure.
pub(super) fn show(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new("output", format!("stdout cannot be written: {why}"), "check where the output goes"))
        }
        _ => Ok(()),
    }
}

/// Prints to stderr: what is said beside the answer. There is nowhere left to complain to should that fail.
pub(super) fn say(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// One JSON object on stdout, and a line's end.
pub(super) fn show_json(value: &serde_json::Value) -> Result<(), Failure> {
    show(&format!("{value:#}\n"))
}

/// Columns to fit what goes to stdout into; `None` when it does not go to a terminal.
pub(super) fn width() -> Option<usize> {
    // comfy-table asks the terminal anyway; a second crate for it is not needed.
    comfy_table::Table::new().width().map(usize::from)
}

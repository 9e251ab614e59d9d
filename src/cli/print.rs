//! The only file that writes to the terminal. Colours are kept or taken out as the stream at hand asks (pipes, NO_COLOR).

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::Failure;
use super::render::{with_config, within};

/// The configuration that was named when this command was typed.
static CONFIG: OnceLock<PathBuf> = OnceLock::new();

/// From now on the commands that are printed name this configuration: typed without it they would mean another.
pub(super) fn name_config(file: &Path) {
    // A program has one command line.
    let _ = CONFIG.set(file.to_owned());
}

pub(super) fn told(text: &str) -> Cow<'_, str> {
    CONFIG.get().map_or(Cow::Borrowed(text), |file| Cow::Owned(with_config(text, file)))
}

/// Prints to stdout: what was asked for. A reader that went away (`| head`) is no failure.
pub(super) fn show(text: &str) -> Result<(), Failure> {
    let text = told(text);
    match width() {
        Some(columns) => show_as_is(&within(&text, columns)),
        None => show_as_is(&text),
    }
}

/// Prints to stdout what is for programs, to the letter.
pub(super) fn show_as_is(text: &str) -> Result<(), Failure> {
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
    let _ = anstream::stderr().lock().write_all(told(text).as_bytes());
}

/// One JSON object on stdout, and a line's end. What it tells a person to type names the configuration, too.
pub(super) fn show_json(value: &serde_json::Value) -> Result<(), Failure> {
    let mut value = Cow::Borrowed(value);
    if value.pointer("/error/hint").is_some()
        && let Some(serde_json::Value::String(hint)) = value.to_mut().pointer_mut("/error/hint")
    {
        *hint = told(hint).into_owned();
    }
    show_as_is(&format!("{value:#}\n"))
}

/// Columns to fit what goes to stdout into; `None` when it does not go to a terminal.
pub(super) fn width() -> Option<usize> {
    // comfy-table asks the terminal anyway; a second crate for it is not needed.
    comfy_table::Table::new().width().map(usize::from)
}

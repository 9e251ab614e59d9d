//! `init`: a commented configuration to fill in.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::config::{DEFAULT_FILES, EXAMPLE};

use super::{Exit, Failure, InitArgs, print};

pub(super) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    write(&args.file)?;
    print::show(&next_steps(&args.file))?;
    Ok(Exit::Done)
}

/// Writes the example; never over something.
fn write(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    let mut out = OpenOptions::new().write(true).create_new(true).open(file).map_err(|why| match why.kind() {
        ErrorKind::AlreadyExists => {
            let hint = "name another file: pivotal-sync init FILE";
            Failure::new("usage", format!("{shown} is there already; nothing was written"), hint)
        }
        ErrorKind::NotFound => {
            Failure::new("usage", format!("the folder of {shown} is not there"), "make it, or name another file")
        }
        _ => Failure::new("usage", format!("{shown} cannot be written: {why}"), "name a file you may write"),
    })?;
    out.write_all(EXAMPLE.as_bytes()).map_err(|why| {
        Failure::new("output", format!("{shown} cannot be written: {why}"), "free some space and try again")
    })
}

fn next_steps(file: &Path) -> String {
    let is_found = DEFAULT_FILES.iter().any(|usual| Path::new(usual) == file);
    let config = if is_found { String::new() } else { format!(" --config {}", file.display()) };
    format!(
        "wrote {}\nset pivotal.workspace in it, and say where the keys are; then\n  pivotal-sync check{config}\n  pivotal-sync plan{config}\n",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        write(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), EXAMPLE);
        std::fs::write(&file, "mine").unwrap();
        let refused = write(&file).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(write(&dir.path().join("no/such/folder.toml")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_next_two_commands_can_be_typed_as_they_stand() {
        let text = next_steps(Path::new("config.toml"));
        assert!(
            text.contains("\n  pivotal-sync check --config config.toml\n  pivotal-sync plan --config config.toml\n")
        );
        assert!(next_steps(Path::new("config/local.toml")).ends_with("\n  pivotal-sync check\n  pivotal-sync plan\n"));
    }
}

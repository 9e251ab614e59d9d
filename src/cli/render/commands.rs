//! Commands inside what is told: found, so that they can be listed, and completed, so that they work as printed.

use std::path::Path;

/// What begins every command.
const PROGRAM: &str = "pivotal-sync";
/// Commands that read no configuration.
const WITHOUT: [&str; 6] = ["demo", "init", "help", "sandbox", "completions", "man"];
/// Leads the one command to type next.
const NEXT: &str = "next:";

/// Where the first command of a text begins, its mark included.
pub(super) fn first_command(text: &str) -> Option<usize> {
    quoted(text).next().map(|(at, _)| at - 1)
}

/// The text with the configuration named in every command that stands between backticks or is the next one to type.
pub fn with_config(text: &str, file: &Path) -> String {
    let option = format!(" --config {}", spelled(file));
    let mut ends: Vec<usize> = quoted(text)
        .filter(|(_, command)| reads_configuration(command))
        .map(|(start, command)| start + command.len())
        .collect();
    ends.extend(text.match_indices(NEXT).filter_map(|(at, _)| {
        let start = at + text[at..].find(PROGRAM).filter(|far| !text[at..at + far].contains('\n'))?;
        let line = text[start..].split('\n').next().unwrap_or_default();
        let command = line.split("  (").next().unwrap_or(line);
        (reads_configuration(command) && !command.contains('`')).then_some(start + command.len())
    }));
    ends.sort_unstable();
    let mut out = String::with_capacity(text.len() + ends.len() * option.len());
    let mut from = 0;
    for end in ends {
        out.push_str(&text[from..end]);
        out.push_str(&option);
        from = end;
    }
    out + &text[from..]
}

/// Commands between backticks, with where they begin. Settings of the environment may stand before the program.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('`').filter_map(|(at, _)| {
        let inside = &text[at + 1..];
        let command = &inside[..inside.find('`')?];
        let mut words = command.split_whitespace().skip_while(|word| word.contains('='));
        (words.next() == Some(PROGRAM) && words.next().is_some()).then_some((at + 1, command))
    })
}

fn reads_configuration(command: &str) -> bool {
    let mut words = command.split_whitespace().skip_while(|word| *word != PROGRAM).skip(1);
    words.next().is_some_and(|word| !WITHOUT.contains(&word)) && !command.contains("--config")
}

/// As a shell takes it.
fn spelled(file: &Path) -> String {
    let text = file.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ',' | '@' | '%' | ':');
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_commands_carry_the_configuration_they_were_asked_with() {
        for (text, expected) in [
            ("say `pivotal-sync link a b` or not", "say `pivotal-sync link a b --config my.toml` or not"),
            ("`A=1 B=2 pivotal-sync sync` once", "`A=1 B=2 pivotal-sync sync --config my.toml` once"),
            ("`pivotal-sync\n  approve x`", "`pivotal-sync\n  approve x --config my.toml`"),
            ("next: pivotal-sync sync  (does it)\n", "next: pivotal-sync sync --config my.toml  (does it)\n"),
            (
                "next: pivotal-sync plan  (then `pivotal-sync sync`)\n",
                "next: pivotal-sync plan --config my.toml  (then `pivotal-sync sync --config my.toml`)\n",
            ),
            (
                "`pivotal-sync help` lists, `pivotal-sync init x` writes",
                "`pivotal-sync help` lists, `pivotal-sync init x` writes",
            ),
            (
                "created by pivotal-sync, by `hand`, as `a` and `b`",
                "created by pivotal-sync, by `hand`, as `a` and `b`",
            ),
            ("a ` alone, then `pivotal-sync sync`", "a ` alone, then `pivotal-sync sync --config my.toml`"),
        ] {
            assert_eq!(with_config(text, Path::new("my.toml")), expected);
        }
        assert_eq!(
            with_config("`pivotal-sync sync`", Path::new("/my files/it's.toml")),
            "`pivotal-sync sync --config '/my files/it'\\''s.toml'`"
        );
    }
}

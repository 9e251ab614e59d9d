//! Lines that are wider than the terminal after all: a command that got the configuration's name, a ref that no column has room
//! for.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

/// The text with every line that is wider than so many columns broken between words, and led in a little deeper than it began.
/// Colours count for nothing. A word that is wider alone stays whole: it may have to be copied.
pub fn within(text: &str, columns: usize) -> Cow<'_, str> {
    if text.lines().all(|line| seen(line) <= columns) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        if seen(body) <= columns {
            out.push_str(body)
        } else {
            broken(&mut out, body, columns)
        }
        out.push_str(end);
    }
    Cow::Owned(out)
}

fn broken(out: &mut String, line: &str, columns: usize) {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let deeper = (indent + 2).min(columns / 2);
    out.push_str(&line[..indent]);
    let (mut used, mut gap, mut begun) = (indent, 0, false);
    for (at, word) in line[indent..].split(' ').enumerate() {
        gap += usize::from(at > 0);
        // Between columns several spaces stand, of which a break leaves none.
        if word.is_empty() {
            continue;
        }
        let wide = seen(word);
        if used + gap + wide > columns && begun {
            out.push('\n');
            out.push_str(&" ".repeat(deeper));
            used = deeper;
        } else {
            out.push_str(&" ".repeat(gap));
            used += gap;
        }
        out.push_str(word);
        used += wide;
        (gap, begun) = (0, true);
    }
}

/// Columns that a line takes.
fn seen(line: &str) -> usize {
    anstream::adapter::strip_str(line).to_string().width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_do_not_fit_are_broken() {
        for (text, columns, shown) in [
            ("short\n  fits as well\n", 14, "short\n  fits as well\n"),
            ("  one two three four\nnext\n", 12, "  one two\n    three\n    four\nnext\n"),
            ("a  b    c\n", 6, "a  b\n  c\n"),
            ("  a `verylongcommand --config x`\n", 10, "  a\n    `verylongcommand\n    --config\n    x`\n"),
            ("verylongwordalone\n", 5, "verylongwordalone\n"),
            ("\u{1b}[1mbold words\u{1b}[0m here\n", 10, "\u{1b}[1mbold words\u{1b}[0m\n  here\n"),
            ("日本語 会社\n", 10, "日本語\n  会社\n"),
            ("no end of line", 9, "no end of\n  line"),
            ("", 3, ""),
        ] {
            assert_eq!(within(text, columns), shown);
        }
    }
}

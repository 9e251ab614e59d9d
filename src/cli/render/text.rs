//! Words, numbers and colours that all output shares.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::{Span, Timestamp, Value};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(super) const MAGENTA: Style = AnsiColor::Magenta.on_default();

/// The text in a style.
pub(super) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Text from outside on one line: control characters are shown, never obeyed.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            // C1 controls and the marks that turn the direction of writing.
            '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                '\u{fffd}'
            }
            other => other,
        })
        .collect()
}

/// The text in at most so many columns, with an ellipsis where it was cut.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let mut cut = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= columns {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// The text in lines of at most so many columns, broken between words; a longer word stands alone. The lines after the first
/// are led by so many spaces.
pub(super) fn wrap(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let (mut out, mut used) = (String::new(), 0);
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && used + 1 + word.width() > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if at > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += word.width();
    }
    out
}

/// A value as people read it: of a number four decimals, the rest is rounding.
pub(super) fn brief(value: &Value) -> String {
    match value {
        Value::Number(number) => number.round_dp(4).normalize().to_string(),
        other => other.to_string(),
    }
}

/// `4960` as `4,960`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 request`, `2 requests`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// How long so many requests take at so many a minute, to the minute: what fits into one goes out at once, the next lot a
/// minute later.
pub(super) fn time_for(requests: u64, per_minute: u32) -> Span {
    Span(Duration::from_secs(requests.saturating_sub(1) / u64::from(per_minute.max(1)) * 60))
}

/// An instant, to the minute.
pub(super) fn stamp(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// An instant, and how long ago it was.
pub(super) fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ({})", stamp(at), since(now, at))
}

/// How long ago an instant was.
fn since(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", age(now, at))
}

/// How old something is.
pub(super) fn age(now: Timestamp, at: Timestamp) -> Span {
    // Clocks differ a little; nothing was in the future.
    Span((now - at).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown = [0, 999, 1000, 4960, 1_234_567].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "4,960", "1,234,567"]);
    }

    #[test]
    fn a_number_has_four_decimals_at_most() {
        let shown =
            ["665.83333333333333333333333333", "1250.50", "0.00004"].map(|n| brief(&Value::Number(n.parse().unwrap())));
        assert_eq!(shown, ["665.8333", "1250.5", "0"]);
    }

    #[test]
    fn wide_letters_count_double_when_text_is_cut() {
        assert_eq!(fit("Acme Inc", 8), "Acme Inc");
        assert_eq!(fit("Acme Inc", 7), "Acme I…");
        assert_eq!(fit("日本語会社", 7), "日本語…");
        assert_eq!(fit("", 0), "");
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("one two three", None, 2), "one two three");
        assert_eq!(wrap("one two three", Some(13), 2), "one two three");
        assert_eq!(wrap("one two three", Some(9), 2), "one two\n  three");
        assert_eq!(wrap("a verylongwordindeed b", Some(6), 2), "a\n  verylongwordindeed\n  b");
    }

    #[test]
    fn no_name_can_move_the_cursor() {
        assert_eq!(visible("a\u{1b}[2Jb\r\nc\u{202e}d\u{9b}"), "a␛[2Jb␍␊c\u{fffd}d\u{fffd}");
    }

    #[test]
    fn an_estimate_counts_full_minutes() {
        let shown =
            [(0, 60), (60, 60), (61, 60), (1240, 60), (4960, 54)].map(|(n, rate)| time_for(n, rate).to_string());
        assert_eq!(shown, ["0s", "0s", "1m", "20m", "1h 31m"]);
    }
}

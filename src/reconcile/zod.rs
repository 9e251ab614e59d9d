//! What Pivotal's validation makes of texts: it is written with Zod (pivotal-api.md 5), and so counts and reads as JavaScript.

use unicode_segmentation::UnicodeSegmentation;

/// The length of a text as JavaScript counts it, in UTF-16 units: an emoji outside the basic plane is two.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The start of a text that is no longer than so many UTF-16 units. What people see as one character stays whole, unless it
/// alone is longer (hubspot-api.md trap 21).
pub(super) fn start(text: &str, longest: usize) -> &str {
    let start = fitting(text, text.graphemes(true), longest);
    if start.is_empty() { fitting(text, text.split_inclusive(|_| true), longest) } else { start }
}

/// As many of a text's pieces, from its first, as fit into so many UTF-16 units.
fn fitting<'a>(text: &'a str, pieces: impl Iterator<Item = &'a str>, longest: usize) -> &'a str {
    let (mut units, mut bytes) = (0, 0);
    for piece in pieces {
        units += length(piece);
        if units > longest {
            break;
        }
        bytes += piece.len();
    }
    &text[..bytes]
}

/// Whether Zod v3 takes a text for a mail address: ASCII alone, no dot first, last or doubled before the `@`, and a last label
/// of two letters or more.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '+' | '-' | '.');
    let local_is_sound = local.chars().all(is_sound) && !local.starts_with('.') && !local.ends_with(['.', '\'']);
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let label_is_sound = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let top_is_sound = top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic());
    !local.is_empty() && local_is_sound && !text.contains("..") && labels.split('.').all(label_is_sound) && top_is_sound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_as_long_as_javascript_says() {
        for (text, units) in [("", 0), ("żółw", 4), ("𝔸", 2), ("👩‍🚀", 5), ("日本", 2)] {
            assert_eq!(length(text), units, "{text}");
        }
    }

    #[test]
    fn the_start_of_a_text_ends_between_what_people_see_as_characters() {
        // hubspot-api.md trap 21.
        for (text, longest, expected) in [
            ("abc", 2, "ab"),
            ("ab😀", 3, "ab"),
            ("ab😀", 4, "ab😀"),
            ("a👩‍🚀b", 5, "a"),
            ("a👩‍🚀b", 6, "a👩‍🚀"),
            ("ae\u{301}", 2, "a"),
            ("🇩🇪🇫🇷", 6, "🇩🇪"),
            ("👩‍🚀", 4, "👩\u{200d}"),
            ("😀", 1, ""),
        ] {
            assert_eq!(start(text, longest), expected, "{text} {longest}");
        }
    }

    #[test]
    fn addresses_that_pivotal_refuses_are_known() {
        for good in ["a@b.co", "a.b+c_d'e-f@x-y.example.com", "1@2.ab", "-@a.bc"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "o'@example.com",
            "ümläut@example.com",
            "a@bücher.de",
            "a@b@example.com",
            "a&b@example.com",
            "a@-b.com",
            "a@b_c.com",
            "a@b..com",
            "a@b.c",
            "a@b.c1",
            "a@xn--bcher-kva.xn--p1ai",
            "a@b",
            "@b.com",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_start_is_a_start_and_fits(text in ".*", longest in 0_usize..40) {
            let start = start(&text, longest);
            prop_assert!(text.starts_with(start) && length(start) <= longest);
            prop_assert!(length(&text) > longest || start == text);
        }
    }
}

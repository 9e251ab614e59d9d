//! Texts that say the same of different records, told once.
//!
//! Two texts are the same when their words are, whatever stands in the places of refs, quoted values, ids, paths and numbers.
//! Where those differ, the folded text shows what is common, and of the refs the first.
//!
//! What waits for a person ends with the commands that settle it. Where these are each member's own, the folded text is the story
//! without them, and each member keeps its end: see [`ways_out`].

use super::commands::first_command;
use crate::domain::SourceKey;

/// Values shown of a place where they differ.
const VALUES: usize = 3;

/// Refs named of a folded note; the rest is counted.
const NAMED: usize = 3;

/// Members that share their words, in the order in which each text was first met.
pub(super) struct Folded<'a, T> {
    /// What they say.
    pub(super) words: String,
    /// Who says it.
    pub(super) members: Vec<&'a T>,
    /// Whether each of them has ways out of its own, which the words leave out.
    pub(super) apart: bool,
}

/// Brings together what says the same.
pub(super) fn fold<'a, T>(items: &'a [T], text: impl Fn(&'a T) -> &'a str) -> Vec<Folded<'a, T>> {
    let folded = alike(items, &text).into_iter().map(|(parts, members)| {
        let ends: Vec<&str> = members.iter().map(|member| ways_out(text(member))).collect();
        let apart = ends.windows(2).any(|pair| pair[0] != pair[1]);
        let words = match members.as_slice() {
            [one] => text(one).to_owned(),
            // Told by the first, where they name others.
            _ if apart => {
                let parts = &parts[..story(&parts)];
                let story = spell(parts, Refs::First);
                let story = story.trim_end().trim_end_matches(['.', ';', ':']);
                match parts.iter().any(Part::names_several) {
                    true => format!("{story} (and {} more like it)", members.len() - 1),
                    false => story.to_owned(),
                }
            }
            _ => spell(&parts, Refs::First),
        };
        Folded { words, members, apart }
    });
    folded.collect()
}

/// The end of a text that tells what to do, with its commands; empty when it has none.
pub(super) fn ways_out(text: &str) -> &str {
    let Some(command) = first_command(text) else { return "" };
    let sentence = [". ", "; "].iter().filter_map(|mark| text[..command].rfind(mark)).max();
    &text[sentence.map_or(0, |at| at + 2)..]
}

/// What says the same, and the pieces they have in common.
fn alike<'a, T>(items: &'a [T], text: impl Fn(&'a T) -> &'a str) -> Vec<(Vec<Part<'a>>, Vec<&'a T>)> {
    let mut groups: Vec<(Vec<Part<'a>>, Vec<&'a T>)> = Vec::new();
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for item in items {
        let said = text(item);
        let parts = parts(said);
        let key: String = parts.iter().map(Part::key).collect::<Vec<_>>().join("\n");
        match places.get(&key) {
            Some(&at) => {
                let (common, members) = &mut groups[at];
                common.iter_mut().zip(&parts).for_each(|(one, other)| one.meet(other));
                members.push(item);
            }
            None => {
                places.insert(key, groups.len());
                groups.push((parts, vec![item]));
            }
        }
    }
    groups
}

/// Notes as they are printed: those that say the same of several records as one, with the first of them.
pub(super) fn fold_notes<'a>(notes: impl Iterator<Item = &'a String>) -> Vec<String> {
    let notes: Vec<(Option<&str>, &str)> = notes
        .map(|note| match note.split_once(": ") {
            Some((key, message)) if key.parse::<SourceKey>().is_ok() => (Some(key), message),
            _ => (None, note.as_str()),
        })
        .collect();
    let told = alike(&notes, |(_, message)| message).into_iter().flat_map(|(parts, members)| {
        let words = spell(&parts, Refs::Each);
        let keys: Vec<&str> = members.iter().filter_map(|(key, _)| *key).collect();
        match keys.as_slice() {
            [] => members.iter().map(|(_, message)| (*message).to_owned()).collect(),
            [key] => vec![format!("{key}: {words}")],
            keys => {
                let rest = keys.len().saturating_sub(NAMED);
                let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
                vec![format!("{} records: {words} ({}{more})", keys.len(), keys[..keys.len() - rest].join(", "))]
            }
        }
    });
    told.collect()
}

/// A piece of a text.
enum Part<'a> {
    /// Words, and what stands between.
    Words(&'a str),
    /// What measures one thing, or is its id.
    Value(Option<&'a str>),
    /// What names one thing: each that was met, the first of them shown.
    Ref(Vec<&'a str>),
    /// What was said word by word: each that was met, the first of them shown.
    Quoted(Vec<&'a str>),
    /// A path of a request, by segments.
    Path(Vec<Option<&'a str>>),
}

/// How refs are spelled that differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refs {
    /// The first alone.
    First,
    /// The first few.
    Each,
}

impl<'a> Part<'a> {
    fn key(&self) -> String {
        match self {
            Self::Words(words) => (*words).to_owned(),
            Self::Ref(_) => "\0ref".to_owned(),
            Self::Quoted(_) => "\0quoted".to_owned(),
            Self::Value(_) => "\0plain".to_owned(),
            Self::Path(segments) => format!("\0path {} {}", segments.len(), segments[1].unwrap_or_default()),
        }
    }

    /// What it has in common with the same piece of another text.
    fn meet(&mut self, other: &Self) {
        match (self, other) {
            (Self::Quoted(mine), Self::Quoted(its)) | (Self::Ref(mine), Self::Ref(its)) => {
                for value in its {
                    if mine.len() <= VALUES && !mine.contains(value) {
                        mine.push(value);
                    }
                }
            }
            (Self::Value(mine), Self::Value(its)) if mine != its => *mine = None,
            (Self::Path(mine), Self::Path(its)) => {
                mine.iter_mut().zip(its).filter(|(mine, its)| mine != its).for_each(|(mine, _)| *mine = None);
            }
            _ => {}
        }
    }

    fn spell(&self, refs: Refs) -> String {
        match self {
            Self::Words(words) | Self::Value(Some(words)) => (*words).to_owned(),
            Self::Ref(_) if refs == Refs::First => self.first().to_owned(),
            Self::Ref(values) | Self::Quoted(values) => some(values),
            Self::Value(None) => "…".to_owned(),
            Self::Path(segments) => segments.iter().map(|s| s.unwrap_or("…")).collect::<Vec<_>>().join("/"),
        }
    }

    /// The first of what was met.
    fn first(&self) -> &'a str {
        match self {
            Self::Ref(values) | Self::Quoted(values) => values.first().copied().unwrap_or_default(),
            Self::Words(words) | Self::Value(Some(words)) => words,
            Self::Value(None) | Self::Path(_) => "…",
        }
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self, Self::Words(words) if *words == mark)
    }

    /// A ref that is not the same for all.
    const fn names_several(&self) -> bool {
        matches!(self, Self::Ref(values) if values.len() > 1)
    }
}

fn some(values: &[&str]) -> String {
    match values {
        [rest @ .., last] if values.len() <= VALUES && !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        [one] => (*one).to_owned(),
        many => format!("{} or another", many.get(..VALUES).unwrap_or(many).join(", ")),
    }
}

/// What all have in common. A ref or a request's name in brackets adds nothing where there are several; a command takes one ref,
/// and the first is as good as any.
fn spell(parts: &[Part<'_>], refs: Refs) -> String {
    let mut text = String::new();
    let mut in_command = false;
    for (at, part) in parts.iter().enumerate() {
        in_command ^= part.is("`");
        let alone = at.checked_sub(1).is_some_and(|before| parts[before].is("("))
            && parts.get(at + 1).is_some_and(|after| after.is(")"));
        // The name of the ref before it.
        let names = matches!(part, Part::Quoted(_))
            && at >= 2
            && parts[at - 1].is(" ")
            && matches!(parts[at - 2], Part::Ref(_));
        text.push_str(&match part.names_several() {
            false if names && refs == Refs::First => part.first().to_owned(),
            true if alone => "\0".to_owned(),
            true if in_command => part.first().to_owned(),
            _ => part.spell(refs),
        });
    }
    text.replace(" (\0)", "").replace(" [request …]", "")
}

/// How many pieces of a text come before its ways out.
fn story(parts: &[Part<'_>]) -> usize {
    let command = parts.windows(2).position(|pair| pair[0].is("`") && pair[1].is("pivotal-sync"));
    let ends = |pair: &[Part<'_>]| (pair[0].is(".") || pair[0].is(";")) && pair[1].is(" ");
    command.and_then(|command| parts[..command].windows(2).rposition(ends)).unwrap_or(0)
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut inside_word = false;
    while let Some(first) = rest.chars().next() {
        let quoted = (first == '\'' && !inside_word).then(|| closing(rest)).flatten();
        if let Some(end) = quoted {
            parts.push(Part::Quoted(vec![&rest[..end]]));
            rest = &rest[end..];
        } else if first.is_whitespace() || is_edge(first) {
            parts.push(Part::Words(&rest[..first.len_utf8()]));
            rest = &rest[first.len_utf8()..];
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '`' | '(' | ')' | '[' | ']'))
                .unwrap_or(rest.len());
            let word = rest[..end].trim_end_matches([',', ';', ':', '.']);
            // A mark alone.
            let word = if word.is_empty() { &rest[..end] } else { word };
            parts.push(sort(word));
            rest = &rest[word.len()..];
            inside_word = true;
            continue;
        }
        inside_word = false;
    }
    parts
}

const fn is_edge(c: char) -> bool {
    matches!(c, '`' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '.')
}

/// Where a quotation ends: at a quote that no word goes on after.
fn closing(text: &str) -> Option<usize> {
    let ends = text.char_indices().skip(1).filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    ends.into_iter().find(|end| !text[*end..].starts_with(char::is_alphanumeric))
}

fn sort(word: &str) -> Part<'_> {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if word.starts_with('/') && word.len() > 1 {
        return Part::Path(word.split('/').map(Some).collect());
    }
    if word.parse::<SourceKey>().is_ok() || word.starts_with("pivotal:") {
        return Part::Ref(vec![word]);
    }
    // Numbers, and ids that are one long word.
    let is_id =
        digits > 0 && word.len() >= 12 && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match is_id || (digits > 0 && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))) {
        true => Part::Value(Some(word)),
        false => Part::Words(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(texts: &[&str]) -> Vec<(String, usize)> {
        fold(texts, |text| text).into_iter().map(|one| (one.words, one.members.len())).collect()
    }

    #[test]
    fn the_same_words_with_other_values_are_one() {
        for (texts, words) in [
            (["a rule failed (hubspot:company:1)", "a rule failed (hubspot:company:2)"], "a rule failed"),
            (["tier 'a b' is no tier", "tier 'it's c' is no tier"], "tier 'a b' or 'it's c' is no tier"),
            (["tier 'a' is no tier", "tier 'a' is no tier"], "tier 'a' is no tier"),
            (
                [
                    "Pivotal PATCH /contacts/ckx1 answered 409: taken",
                    "Pivotal PATCH /contacts/ckx2 answered 409: taken",
                ],
                "Pivotal PATCH /contacts/… answered 409: taken",
            ),
            (
                [
                    "lost; `pivotal-sync approve hubspot:company:1` helps",
                    "lost; `pivotal-sync approve hubspot:company:9` helps",
                ],
                "lost",
            ),
            (
                [
                    "hubspot:company:1 is pivotal:customer:2. To keep it: `pivotal-sync link hubspot:company:1 pivotal:customer:2`",
                    "hubspot:company:3 is pivotal:customer:4. To keep it: `pivotal-sync link hubspot:company:3 pivotal:customer:4`",
                ],
                "hubspot:company:1 is pivotal:customer:2 (and 1 more like it)",
            ),
            (
                [
                    "hubspot:company:1 waits for hubspot:company:2; `pivotal-sync plan` tells",
                    "hubspot:company:1 waits for hubspot:company:3; `pivotal-sync plan` tells",
                ],
                "hubspot:company:1 waits for hubspot:company:2; `pivotal-sync plan` tells",
            ),
            (
                [
                    "hubspot:company:1 'Acme' is held; `pivotal-sync ignore hubspot:company:1` leaves it out",
                    "hubspot:company:2 'O'Hara's' is held; `pivotal-sync ignore hubspot:company:2` leaves it out",
                ],
                "hubspot:company:1 'Acme' is held (and 1 more like it)",
            ),
            (
                ["customer 4 is gone [request req_1a2b3c4d5e6f]", "customer 7 is gone [request req_9a2b3c4d5e6f]"],
                "customer … is gone",
            ),
        ] {
            assert_eq!(folded(&texts), [(words.to_owned(), 2)]);
        }
    }

    #[test]
    fn each_keeps_the_end_that_tells_what_to_do() {
        for (text, end) in [
            (
                "No. Nobody can say; `pivotal-sync link a b` says, `pivotal-sync ignore a` rests",
                "`pivotal-sync link a b` says, `pivotal-sync ignore a` rests",
            ),
            (
                "They are one. To keep a: `pivotal-sync link a b`; to keep c: `pivotal-sync link c d`. Done",
                "To keep a: `pivotal-sync link a b`; to keep c: `pivotal-sync link c d`. Done",
            ),
            ("`pivotal-sync approve a` alone", "`pivotal-sync approve a` alone"),
            ("nothing to type. At all", ""),
        ] {
            assert_eq!(ways_out(text), end);
        }
        let texts = ["held; `pivotal-sync retry hubspot:company:1`", "held; `pivotal-sync retry hubspot:company:2`"];
        assert!(fold(&texts, |text| text)[0].apart && !fold(&texts[..1], |text| text)[0].apart);
        assert!(!fold(&[texts[0], texts[0]], |text| text)[0].apart, "told once where it is the same");
    }

    #[test]
    fn other_words_are_others() {
        let texts = ["4 customers differ", "4 contacts differ", "another person's", "another person is"];
        assert_eq!(folded(&texts).len(), 4);
        assert_eq!(folded(&["alone 'x' (hubspot:company:1)"])[0].0, "alone 'x' (hubspot:company:1)");
        assert_eq!(folded(&["", "' '", "'", "/", ".", "É'È"]).len(), 6);
    }

    #[test]
    fn notes_of_many_records_are_one_line_that_names_the_first() {
        let mut notes: Vec<String> =
            (1..=44).map(|n| format!("hubspot:company:{n}: plan yields 'p{n}', which is no plan")).collect();
        notes.insert(0, "mrr is not written until pivotal.mrr_unit is set".to_owned());
        notes.push("hubspot:company:9: was cut".to_owned());
        for n in 1..=2 {
            notes.push(format!(
                "hubspot:company:{n}: names stripe:customer:cus_{n}; `pivotal-sync unlink hubspot:company:{n}`"
            ));
        }
        assert_eq!(
            fold_notes(notes.iter()),
            [
                "mrr is not written until pivotal.mrr_unit is set",
                "44 records: plan yields 'p1', 'p2', 'p3' or another, which is no plan (hubspot:company:1, hubspot:company:2, hubspot:company:3 and 41 \
                 more)",
                "hubspot:company:9: was cut",
                "2 records: names stripe:customer:cus_1 or stripe:customer:cus_2; `pivotal-sync unlink hubspot:company:1` \
                 (hubspot:company:1, hubspot:company:2)",
            ]
        );
    }
}

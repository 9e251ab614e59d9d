//! Texts that say the same of different records, told once.
//!
//! Two texts are the same when their words are, whatever stands in the places of refs, quoted values, ids, paths and numbers.
//! Where those differ, the folded text shows what is common.

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
}

/// Brings together what says the same.
pub(super) fn fold<'a, T>(items: &'a [T], text: impl Fn(&'a T) -> &'a str) -> Vec<Folded<'a, T>> {
    let mut groups: Vec<(Vec<Part<'a>>, Folded<'a, T>)> = Vec::new();
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for item in items {
        let said = text(item);
        let parts = parts(said);
        let key: String = parts.iter().map(Part::key).collect::<Vec<_>>().join("\n");
        match places.get(&key) {
            Some(&at) => {
                let (common, folded) = &mut groups[at];
                common.iter_mut().zip(&parts).for_each(|(one, other)| one.meet(other));
                folded.members.push(item);
            }
            None => {
                places.insert(key, groups.len());
                groups.push((parts, Folded { words: said.to_owned(), members: vec![item] }));
            }
        }
    }
    for (parts, folded) in &mut groups {
        if folded.members.len() > 1 {
            folded.words = spell(parts);
        }
    }
    groups.into_iter().map(|(_, folded)| folded).collect()
}

/// Notes as they are printed: those that say the same of several records as one, with the first of them.
pub(super) fn fold_notes<'a>(notes: impl Iterator<Item = &'a String>) -> Vec<String> {
    let notes: Vec<(Option<&str>, &str)> = notes
        .map(|note| match note.split_once(": ") {
            Some((key, message)) if key.parse::<SourceKey>().is_ok() => (Some(key), message),
            _ => (None, note.as_str()),
        })
        .collect();
    let told = fold(&notes, |(_, message)| message).into_iter().flat_map(|Folded { words, members }| {
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
    /// What names or measures one thing.
    Value(Sort, Option<&'a str>),
    /// What was said word by word: each that was met, the first of them shown.
    Quoted(Vec<&'a str>),
    /// A path of a request, by segments.
    Path(Vec<Option<&'a str>>),
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Ref,
    Plain,
}

impl<'a> Part<'a> {
    fn key(&self) -> String {
        match self {
            Self::Words(words) => (*words).to_owned(),
            Self::Value(Sort::Ref, _) => "\0ref".to_owned(),
            Self::Quoted(_) => "\0quoted".to_owned(),
            Self::Value(Sort::Plain, _) => "\0plain".to_owned(),
            Self::Path(segments) => format!("\0path {} {}", segments.len(), segments[1].unwrap_or_default()),
        }
    }

    /// What it has in common with the same piece of another text.
    fn meet(&mut self, other: &Self) {
        match (self, other) {
            (Self::Quoted(mine), Self::Quoted(its)) => {
                for value in its {
                    if mine.len() <= VALUES && !mine.contains(value) {
                        mine.push(value);
                    }
                }
            }
            (Self::Value(_, mine), Self::Value(_, its)) if mine != its => *mine = None,
            (Self::Path(mine), Self::Path(its)) => {
                mine.iter_mut().zip(its).filter(|(mine, its)| mine != its).for_each(|(mine, _)| *mine = None);
            }
            _ => {}
        }
    }

    fn spell(&self) -> String {
        match self {
            Self::Words(words) | Self::Value(_, Some(words)) => (*words).to_owned(),
            Self::Value(Sort::Ref, None) => "REF".to_owned(),
            Self::Quoted(values) => match values.as_slice() {
                [rest @ .., last] if values.len() <= VALUES && !rest.is_empty() => {
                    format!("{} or {last}", rest.join(", "))
                }
                [one] => (*one).to_owned(),
                many => format!("{} or another", many.get(..VALUES).unwrap_or(many).join(", ")),
            },
            Self::Value(Sort::Plain, None) => "…".to_owned(),
            Self::Path(segments) => segments.iter().map(|s| s.unwrap_or("…")).collect::<Vec<_>>().join("/"),
        }
    }
}

/// What all have in common. A ref or a request's name in brackets adds nothing where there are several.
fn spell(parts: &[Part<'_>]) -> String {
    let text: String = parts.iter().map(Part::spell).collect();
    text.replace(" (REF)", "").replace(" [request …]", "")
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
        return Part::Value(Sort::Ref, Some(word));
    }
    // Numbers, and ids that are one long word.
    let is_id =
        digits > 0 && word.len() >= 12 && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match is_id || (digits > 0 && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))) {
        true => Part::Value(Sort::Plain, Some(word)),
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
                "lost; `pivotal-sync approve REF` helps",
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
        assert_eq!(
            fold_notes(notes.iter()),
            [
                "mrr is not written until pivotal.mrr_unit is set",
                "44 records: plan yields 'p1', 'p2', 'p3' or another, which is no plan (hubspot:company:1, hubspot:company:2, hubspot:company:3 and 41 \
                 more)",
                "hubspot:company:9: was cut",
            ]
        );
    }
}

//! What is kept of a stream's records.

use std::collections::BTreeSet;
use std::fmt;

/// How a stream's records are read, and which of their properties are kept. Stored with the cursor: while what was kept covers
/// what is wanted, nothing needs to be read anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeps {
    /// How facts are made, in the adapter's own words, without line breaks; any other way means reading anew.
    pub facts: String,
    /// The properties, by name.
    pub properties: BTreeSet<String>,
}

impl Keeps {
    /// Reads the stored form. Text of another version covers nothing.
    pub fn read(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned);
        Self { facts: lines.next().unwrap_or_default(), properties: lines.collect() }
    }

    /// Whether everything that is wanted is kept.
    pub fn covers(&self, wanted: &Self) -> bool {
        self.facts == wanted.facts && self.properties.is_superset(&wanted.properties)
    }
}

/// The stored form: a line for the facts, a line for each property.
impl fmt::Display for Keeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.facts)?;
        self.properties.iter().try_for_each(|property| write!(f, "\n{property}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(facts: &str, properties: &[&str]) -> Keeps {
        Keeps { facts: facts.to_owned(), properties: properties.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[test]
    fn fewer_properties_need_no_reading() {
        let kept = keeps("v1", &["name", "size"]);
        assert_eq!(Keeps::read(&kept.to_string()), kept);
        for (wanted, covered) in [
            (keeps("v1", &["name"]), true),
            (kept.clone(), true),
            (keeps("v1", &["name", "plan"]), false),
            (keeps("v2", &["name"]), false),
        ] {
            assert_eq!(kept.covers(&wanted), covered, "{wanted:?}");
        }
        assert!(!Keeps::read("k1").covers(&kept));
    }
}

//! Pivotal's handle for a customer: `[a-z0-9-]`, 1 to 60 characters, unique in the workspace (pivotal-api.md 10.1).

use deunicode::deunicode_with_tofu;
use sha2::{Digest, Sha256};

use crate::domain::SourceKey;

const LONGEST: usize = 60;
const LONGEST_ID: usize = 20;

/// A name as a handle; `fallback` when nothing of it can be written in Latin letters.
pub(super) fn slugify(name: &str, fallback: &SourceKey) -> String {
    let slug = squeeze(&deunicode_with_tofu(name, " "));
    if !slug.is_empty() {
        return slug;
    }
    format!("customer-{}", suffix(fallback))
}

/// The slug, or the same with a suffix made from the record's id while it is taken.
pub(super) fn free_slug(name: &str, key: &SourceKey, taken: &dyn Fn(&str) -> bool) -> String {
    let plain = slugify(name, key);
    if !taken(&plain) {
        return plain;
    }
    let first = fallback_slug(key, &plain);
    if taken(&first) { fallback_slug(key, &first) } else { first }
}

/// What a create retries under when `slug` belongs to a stranger. Deterministic; applied to its own outcome it gives a longer
/// one, and from there on always the same.
pub(super) fn fallback_slug(key: &SourceKey, slug: &str) -> String {
    let short = suffix(key);
    let long = digest(key, 16);
    let bare = slug.strip_suffix(&format!("-{short}")).filter(|bare| !bare.is_empty());
    match bare.or_else(|| slug.strip_suffix(&format!("-{long}"))) {
        Some(bare) => join(bare, &long),
        None => join(slug, &short),
    }
}

fn join(slug: &str, suffix: &str) -> String {
    let room = LONGEST.saturating_sub(suffix.len() + 1);
    let base: String = slug.chars().take(room).collect();
    format!("{}-{suffix}", base.trim_end_matches('-'))
}

/// The id where it survives lower-casing, else a digest: Stripe's ids differ by case alone (stripe-api.md trap 61).
fn suffix(key: &SourceKey) -> String {
    let id = key.id.as_str();
    let plain = id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_digit());
    if plain && !id.is_empty() { id.to_owned() } else { digest(key, 8) }
}

fn digest(key: &SourceKey, length: usize) -> String {
    let mut digest = hex::encode(Sha256::digest(key.to_string()));
    digest.truncate(length);
    digest
}

/// Lower-case letters and digits in runs joined by single hyphens, cut to the longest.
fn squeeze(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if c != '\'' && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == LONGEST {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Stream;

    fn company(id: &str) -> SourceKey {
        SourceKey::new(Stream::HubspotCompanies, id)
    }

    #[test]
    fn names_become_handles() {
        for (name, slug) in [
            ("Acme Inc.", "acme-inc"),
            ("Łukasz & Søn", "lukasz-son"),
            ("  --Ünïcödé--  ", "unicode"),
            ("Joe's Diner", "joes-diner"),
            ("北京", "bei-jing"),
            ("💥", "boom"),
            ("\u{10FFFF}", "customer-7"),
            ("", "customer-7"),
        ] {
            assert_eq!(slugify(name, &company("7")), slug, "{name}");
        }
    }

    #[test]
    fn a_taken_slug_gets_the_id_behind_it() {
        assert_eq!(free_slug("Acme", &company("7"), &|_| false), "acme");
        assert_eq!(free_slug("Acme", &company("7"), &|slug| slug == "acme"), "acme-7");
        let third = free_slug("Acme", &company("7"), &|slug| slug == "acme" || slug == "acme-7");
        assert!(third.starts_with("acme-") && third.len() == "acme-".len() + 16, "{third}");
        // stripe-api.md trap 61: ids differ by case alone.
        let stripe = |id: &str| fallback_slug(&SourceKey::new(Stream::StripeCustomers, id), "acme");
        assert_ne!(stripe("cus_aB"), stripe("cus_Ab"));
    }

    proptest! {
        #[test]
        fn every_slug_is_one_pivotal_takes(name in ".{0,90}", id in "[0-9]{1,30}|cus_[A-Za-z0-9]{1,60}|.{1,20}") {
            let key = company(&id);
            let first = slugify(&name, &key);
            let second = fallback_slug(&key, &first);
            let third = fallback_slug(&key, &second);
            prop_assert_ne!(&first, &second);
            prop_assert_eq!(&fallback_slug(&key, &third), &third);
            for slug in [first, second, third] {
                prop_assert!((1..=60).contains(&slug.len()), "{}", slug);
                prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", slug);
                prop_assert!(!slug.starts_with('-') && !slug.ends_with('-'), "{}", slug);
            }
        }
    }
}

//! REF: how a person points at one thing.

use crate::domain::{Kind, PivotalId, SourceKey};

/// What a REF points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `hubspot:company:123`
    Record(SourceKey),
    /// `pivotal:customer:42`: the number in Pivotal's pages.
    Display(Kind, i64),
    /// A Pivotal cuid, alone or as `pivotal:customer:<cuid>`.
    Cuid(PivotalId),
    /// An email address, lower case.
    Email(String),
    /// A domain, lower case.
    Domain(String),
}

const EXPECTED: &str =
    "expected hubspot:company:123, stripe:customer:cus_…, pivotal:customer:42, a Pivotal cuid, a domain or an email";

/// Reads a REF.
pub(super) fn parse(text: &str) -> Result<Reference, String> {
    let text = text.trim();
    let bad = || Err(EXPECTED.to_owned());
    if text.is_empty() || text.contains(char::is_whitespace) {
        return bad();
    }
    if let Some(rest) = text.strip_prefix("pivotal:") {
        let Some((kind, id)) = rest.split_once(':') else { return bad() };
        return match (kind.parse::<Kind>(), id.parse()) {
            (Ok(kind), Ok(number)) => Ok(Reference::Display(kind, number)),
            (Ok(_), Err(_)) if !id.is_empty() => Ok(Reference::Cuid(PivotalId::new(id))),
            _ => bad(),
        };
    }
    if let Some((mailbox, domain)) = text.rsplit_once('@') {
        let is_address = !mailbox.is_empty() && is_domain(domain);
        return if is_address { Ok(Reference::Email(text.to_lowercase())) } else { bad() };
    }
    if let Ok(key) = text.parse::<SourceKey>() {
        return Ok(Reference::Record(key));
    }
    if is_domain(text) {
        return Ok(Reference::Domain(text.to_lowercase()));
    }
    // Cuids are opaque; a word of letters and digits that is nothing else may be one.
    let may_be_cuid = text.len() >= 20 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if may_be_cuid { Ok(Reference::Cuid(PivotalId::new(text))) } else { bad() }
}

fn is_domain(text: &str) -> bool {
    text.contains('.') && text.split('.').all(|label| !label.is_empty()) && !text.contains([':', '/', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Stream;

    #[test]
    fn every_way_to_point_is_understood() {
        for (text, meant) in [
            ("hubspot:company:123", Reference::Record(SourceKey::new(Stream::HubspotCompanies, "123"))),
            // stripe-api.md trap 61: ids keep their case.
            ("stripe:customer:cus_aB", Reference::Record(SourceKey::new(Stream::StripeCustomers, "cus_aB"))),
            ("pivotal:customer:42", Reference::Display(Kind::Customer, 42)),
            ("pivotal:contact:clx1", Reference::Cuid(PivotalId::new("clx1"))),
            ("cl9ebqhxk00003b600tymydho", Reference::Cuid(PivotalId::new("cl9ebqhxk00003b600tymydho"))),
            ("Acme.CO.uk", Reference::Domain("acme.co.uk".into())),
            (" Ann@Acme.com ", Reference::Email("ann@acme.com".into())),
        ] {
            assert_eq!(parse(text), Ok(meant), "{text}");
        }
    }

    #[test]
    fn what_points_at_nothing_is_refused_with_examples() {
        for text in [
            "",
            "acme",
            "hubspot:company:",
            "pivotal:invoice:1",
            "pivotal:customer:",
            "a b.com",
            "@acme.com",
            "x@",
            "https://acme.com",
        ] {
            assert_eq!(parse(text), Err(EXPECTED.to_owned()), "{text}");
        }
    }
}

//! What a record shows of its identity: evidence tokens, and which account a person or a deal belongs to.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::domain::{AccountLink, Facts, Fields, Mirror, Record, SourceKey, Stream, Value};

use super::freemail;

/// Evidence as text, so that the store can find what shares it:
///
/// * `is:<key>`: the record itself, records it names as the same account, and older ids merged into it;
/// * `domain:<registrable domain>`: of its web domains and of its mail addresses, mail providers left out;
/// * `email:<address>`: for finding a record by address; never evidence that two accounts are one (stripe-api.md trap 24);
/// * `of:<account key>`: the account a person, a deal or a subscription belongs to.
pub(super) fn tokens(record: &Record, own_free: &BTreeSet<String>) -> Vec<String> {
    let mut tokens = BTreeSet::new();
    match &record.facts {
        Facts::Account(account) => {
            let named = account.links.iter().chain(&account.merged).chain([&record.key]);
            tokens.extend(named.map(names));
            let hosts = account.domains.iter().filter_map(|text| host(text));
            let mail_hosts = account.emails.iter().filter_map(|text| mail_host(text));
            for domain in hosts.chain(mail_hosts).filter_map(|host| registrable(&host)) {
                if !freemail::is_free(&domain) && !own_free.contains(&domain) {
                    tokens.insert(format!("domain:{domain}"));
                }
            }
            tokens.extend(account.emails.iter().filter_map(|text| email(text)).map(|email| format!("email:{email}")));
        }
        Facts::Person(person) => {
            tokens.extend(person.accounts.iter().map(|link| format!("of:{}", link.account)));
            tokens.extend(person.email.as_deref().and_then(email).map(|email| format!("email:{email}")));
        }
        Facts::Deal(deal) => tokens.extend(deal.accounts.iter().map(|link| format!("of:{}", link.account))),
        Facts::Subscription(subscription) => {
            tokens.insert(format!("of:{}", subscription.account));
        }
    }
    tokens.into_iter().collect()
}

/// The token of a record that says it is, or is one with, another.
pub(super) fn names(key: &SourceKey) -> String {
    format!("is:{key}")
}

/// The account records whose ids a customer in Pivotal carries.
pub(super) fn carried(customer: &Fields) -> Vec<SourceKey> {
    let fields = Stream::ALL.into_iter().filter_map(|stream| Some((stream, stream.customer_field()?)));
    fields
        .filter_map(|(stream, field)| {
            let id = match customer.get(field)? {
                Value::Text(text) => text.trim().to_owned(),
                number @ Value::Number(_) => number.to_string(),
                _ => return None,
            };
            (!id.is_empty()).then(|| SourceKey::new(stream, id))
        })
        .collect()
}

/// Whether the id of a record on a customer was found there: what was written there from here is no evidence, but its echo.
pub(super) fn is_found(mirror: &Mirror, key: &SourceKey) -> bool {
    let field = key.stream.customer_field();
    field.is_some_and(|field| mirror.written.get(field).is_none() || mirror.is_found(field))
}

/// The primary account of a person or a deal (hubspot-api.md trap 15). When none is primary, or several are, the one with
/// the lowest id, so that the choice never changes by itself.
pub(super) fn account_of(links: &[AccountLink]) -> Option<SourceKey> {
    let primary = links.iter().filter(|link| link.primary).map(|link| &link.account).min_by(|a, b| key_order(a, b));
    primary.or_else(|| links.iter().map(|link| &link.account).min_by(|a, b| key_order(a, b))).cloned()
}

/// Keys by stream, then by id: numbers by size and before words, words by their letters.
pub(super) fn key_order(a: &SourceKey, b: &SourceKey) -> Ordering {
    let number = |key: &SourceKey| key.id.as_str().parse::<u128>().ok();
    let by_id = match (number(a), number(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    a.stream.cmp(&b.stream).then(by_id).then_with(|| a.id.cmp(&b.id))
}

/// The host of a domain or URL as people type it: no scheme, user, port, path or leading `www.`; lower case.
pub(super) fn host(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default().trim_matches('.');
    let host = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host);
    let sound =
        host.contains('.') && !host.contains("..") && !host.chars().any(|c| c.is_whitespace() || c.is_control());
    sound.then(|| host.to_owned())
}

/// A mail address in lower case, if it looks like one.
pub(super) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>');
    let sound = !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.');
    (sound && !domain.contains("..") && !text.contains(bad)).then_some(text)
}

fn mail_host(text: &str) -> Option<String> {
    email(text)?.rsplit_once('@').map(|(_, domain)| domain.to_owned())
}

/// The registrable domain of a host in lower case: `eu.shop.acme.co.uk` is `acme.co.uk`. Nothing for an IP address, a bare
/// suffix, or an ending the public suffix list does not know (crates.md 1.2: psl answers `0.1` for an address).
pub(super) fn registrable(host: &str) -> Option<String> {
    let domain = psl::domain(host.as_bytes())?;
    if !domain.suffix().is_known() {
        return None;
    }
    String::from_utf8(domain.as_bytes().to_vec()).ok()
}

/// What a person wrote under `identity.free_mail_domains`, ready for comparing.
pub(super) fn own_free_domains(configured: &[String]) -> BTreeSet<String> {
    configured
        .iter()
        .map(|text| text.trim().trim_start_matches(['@', '*', '.']).to_lowercase())
        .map(|text| host(&text).and_then(|host| registrable(&host)).unwrap_or(text))
        .collect()
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;

//! What a record shows of its identity: evidence tokens, and which account a person or a deal belongs to.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::domain::{AccountFacts, AccountLink, Facts, Fields, Mirror, Record, SourceKey, Stream, Value};

use super::freemail;

/// Evidence as text, so that the store can find what shares it:
///
/// * `is:<key>`: the record itself, records it names as the same account, and older ids merged into it;
/// * `domain:<registrable domain>`: of its web domains and of its mail addresses, mail providers left out;
/// * `host:<host>`: of its web domains and its own mail hosts that are no such evidence, for finding a record by its domain;
/// * `email:<address>`: for finding a record by address; never evidence that two accounts are one (stripe-api.md trap 24);
/// * `of:<account key>`: the account a person, a deal or a subscription belongs to.
///
/// Hosts are in ASCII, as [`ascii`] has them.
pub(super) fn tokens(record: &Record, own_free: &BTreeSet<String>) -> Vec<String> {
    let mut tokens = BTreeSet::new();
    match &record.facts {
        Facts::Account(account) => {
            let named = account.links.iter().chain(&account.merged).chain([&record.key]);
            tokens.extend(named.map(names));
            for (host, is_of_mail) in hosts(account) {
                match telling(&host, own_free) {
                    Ok(domain) => {
                        tokens.insert(format!("domain:{domain}"));
                    }
                    // Who has a mailbox there is not called by it.
                    Err(Untelling::Provider | Untelling::Named) if is_of_mail => {}
                    Err(_) => tokens.extend(names_of(&host).into_iter().map(|name| format!("host:{name}"))),
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

/// The hosts that an account shows, in ASCII, and whether it is one of its mail addresses that does.
pub(super) fn hosts(account: &AccountFacts) -> impl Iterator<Item = (String, bool)> {
    let web = account.domains.iter().filter_map(|text| compared_host(text)).map(|host| (host, false));
    web.chain(account.emails.iter().filter_map(|text| mail_host(text)).map(|host| (host, true)))
}

/// Why a host does not tell whose an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untelling {
    /// Its domain is a mail provider's.
    #[error("it gives mailboxes to anybody")]
    Provider,
    /// Its domain is one of a mail provider that a person named.
    #[error("identity.free_mail_domains names it")]
    Named,
    /// It is a public suffix.
    #[error("many have a name of their own below it")]
    Suffix,
    /// It is no name at all.
    #[error("it is an IP address")]
    Address,
    /// The public suffix list does not know its ending.
    #[error("the public suffix list knows no such ending")]
    Unlisted,
}

/// The registrable domain of a host in ASCII, where sharing that is evidence that two accounts are one.
pub(super) fn telling(host: &str, own_free: &BTreeSet<String>) -> Result<String, Untelling> {
    match registrable(host) {
        Some(domain) if freemail::is_free(&domain) => Err(Untelling::Provider),
        Some(domain) if own_free.contains(&domain) => Err(Untelling::Named),
        Some(domain) => Ok(domain),
        None if host.parse::<IpAddr>().is_ok() => Err(Untelling::Address),
        None if psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known()) => Err(Untelling::Suffix),
        None => Err(Untelling::Unlisted),
    }
}

/// What people may call a host that is no evidence: itself, and the domain above it.
fn names_of(host: &str) -> BTreeSet<String> {
    let domain = psl::domain(host.as_bytes()).filter(|_| host.parse::<IpAddr>().is_err());
    let domain = domain.and_then(|domain| String::from_utf8(domain.as_bytes().to_vec()).ok());
    domain.into_iter().chain([host.to_owned()]).collect()
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

/// A host in lower case as it is compared: an international name in its ASCII form, so that both its spellings are one.
fn ascii(host: String) -> String {
    if host.is_ascii() && !host.contains("xn--") {
        return host;
    }
    idna::domain_to_ascii(&host).ok().filter(|ascii| !ascii.is_empty()).unwrap_or(host)
}

/// The [`host`] of a domain or URL as it is compared.
pub(super) fn compared_host(text: &str) -> Option<String> {
    host(text).map(ascii)
}

/// A mail address in lower case, if it looks like one. Its host is in ASCII, the only form that Pivotal takes.
pub(super) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>');
    let sound = !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.');
    let sound = sound && !domain.contains("..") && !text.contains(bad);
    sound.then(|| format!("{local}@{}", ascii(domain.to_owned())))
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
        .map(|text| compared_host(&text).and_then(|host| registrable(&host)).unwrap_or(text))
        .collect()
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;

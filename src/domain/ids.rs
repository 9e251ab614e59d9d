//! Names of things: sources, streams, kinds, and opaque ids. Ids are never parsed, trimmed or lower-cased.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A system that records are pulled from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceName {
    /// HubSpot CRM.
    Hubspot,
    /// Stripe Billing.
    Stripe,
}

impl SourceName {
    /// Every source, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::Hubspot, Self::Stripe];

    /// The word used in configuration, references and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Stripe => "stripe",
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SourceName {
    type Err = ParseKeyError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| ParseKeyError(text.to_owned()))
    }
}

/// What the records of a stream speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A company or a paying customer: becomes, or joins, a Pivotal customer.
    Account,
    /// A person at an account: becomes a Pivotal contact.
    Person,
    /// A deal of an account: a won one becomes a Pivotal onboarding.
    Deal,
    /// A subscription of an account: an input to the account's billing figures.
    Subscription,
}

/// One kind of record of one source. A third source adds its variants here and nowhere else outside its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// `hubspot.companies`
    HubspotCompanies,
    /// `hubspot.contacts`
    HubspotContacts,
    /// `hubspot.deals`
    HubspotDeals,
    /// `stripe.customers`
    StripeCustomers,
    /// `stripe.subscriptions`
    StripeSubscriptions,
    /// `stripe.contacts`: the people that bills are sent to. Stripe has no such object: its customers show them.
    StripeContacts,
}

impl Stream {
    /// Every stream, in pull order: what others refer to comes first.
    pub const ALL: [Self; 6] = [
        Self::HubspotCompanies,
        Self::HubspotContacts,
        Self::HubspotDeals,
        Self::StripeCustomers,
        Self::StripeSubscriptions,
        Self::StripeContacts,
    ];

    /// The name in the store, in reports and in logs, e.g. `hubspot.companies`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HubspotCompanies => "hubspot.companies",
            Self::HubspotContacts => "hubspot.contacts",
            Self::HubspotDeals => "hubspot.deals",
            Self::StripeCustomers => "stripe.customers",
            Self::StripeSubscriptions => "stripe.subscriptions",
            Self::StripeContacts => "stripe.contacts",
        }
    }

    /// The source the stream belongs to.
    pub const fn source(self) -> SourceName {
        match self {
            Self::HubspotCompanies | Self::HubspotContacts | Self::HubspotDeals => SourceName::Hubspot,
            Self::StripeCustomers | Self::StripeSubscriptions | Self::StripeContacts => SourceName::Stripe,
        }
    }

    /// The word for one record in a reference, e.g. `company` in `hubspot:company:123`.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::HubspotCompanies => "company",
            Self::HubspotContacts | Self::StripeContacts => "contact",
            Self::HubspotDeals => "deal",
            Self::StripeCustomers => "customer",
            Self::StripeSubscriptions => "subscription",
        }
    }

    /// The name field rules know the record by: `company`, `contact`, `deal` or `stripe` (design section 6).
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::HubspotCompanies => "company",
            Self::HubspotContacts => "contact",
            Self::HubspotDeals => "deal",
            Self::StripeCustomers | Self::StripeSubscriptions | Self::StripeContacts => "stripe",
        }
    }

    /// The name under which rules see all records of an account that has several: `companies`, `stripes`.
    pub const fn plural_namespace(self) -> &'static str {
        match self {
            Self::HubspotCompanies => "companies",
            Self::HubspotContacts => "contacts",
            Self::HubspotDeals => "deals",
            Self::StripeCustomers | Self::StripeSubscriptions | Self::StripeContacts => "stripes",
        }
    }

    /// The Pivotal customer field that carries this record's id, if there is one (pivotal-api.md 10.1).
    pub const fn customer_field(self) -> Option<&'static str> {
        match self {
            Self::HubspotCompanies => Some("hubspot_company_id"),
            Self::StripeCustomers => Some("stripe_customer_id"),
            Self::HubspotContacts | Self::HubspotDeals | Self::StripeSubscriptions | Self::StripeContacts => None,
        }
    }

    /// What the stream's records speak of.
    pub const fn role(self) -> Role {
        match self {
            Self::HubspotCompanies | Self::StripeCustomers => Role::Account,
            Self::HubspotContacts | Self::StripeContacts => Role::Person,
            Self::HubspotDeals => Role::Deal,
            Self::StripeSubscriptions => Role::Subscription,
        }
    }

    /// The stream whose records this one's are made of, under the same ids, where it is not pulled by itself.
    pub const fn shown_by(self) -> Option<Self> {
        match self {
            Self::StripeContacts => Some(Self::StripeCustomers),
            _ => None,
        }
    }

    /// The Pivotal object one of its records becomes, or joins; a subscription stands for none.
    pub const fn kind(self) -> Option<Kind> {
        match self.role() {
            Role::Account => Some(Kind::Customer),
            Role::Person => Some(Kind::Contact),
            Role::Deal => Some(Kind::Onboarding),
            Role::Subscription => None,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stream {
    type Err = ParseKeyError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| ParseKeyError(text.to_owned()))
    }
}

impl Serialize for Stream {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it came.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            /// The text as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque!(
    /// A record's id at its source: up to 255 characters, case-sensitive (stripe-api.md trap 61).
    ExternalId
);
opaque!(
    /// A Pivotal cuid (pivotal-api.md 9). Never a `display_id`, never a slug.
    PivotalId
);
opaque!(
    /// The key under which Pivotal recognises a repeated POST, at most 255 bytes (pivotal-api.md 8).
    IdempotencyKey
);

/// Our own number for an entity; means nothing outside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityId(pub i64);

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a run, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which record of which stream: unique everywhere, since ids are unique per type only (hubspot-api.md trap 16).
/// Prints and parses as `hubspot:company:123`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey {
    /// The stream the record belongs to.
    pub stream: Stream,
    /// Its id there.
    pub id: ExternalId,
}

impl SourceKey {
    /// Names a record.
    pub fn new(stream: Stream, id: impl Into<String>) -> Self {
        Self { stream, id: ExternalId::new(id) }
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.stream.source(), self.stream.noun(), self.id)
    }
}

/// A text that names no source, stream or record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseKeyError(pub String);

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' names no record; write it like hubspot:company:123 or stripe:customer:cus_123", self.0)
    }
}

impl std::error::Error for ParseKeyError {}

impl FromStr for SourceKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseKeyError(text.to_owned());
        let mut parts = text.splitn(3, ':');
        let (source, noun, id) = (parts.next(), parts.next(), parts.next());
        let (Some(source), Some(noun), Some(id)) = (source, noun, id) else { return Err(bad()) };
        let stream = Stream::ALL
            .into_iter()
            .find(|s| s.source().as_str() == source && s.noun() == noun)
            .filter(|_| !id.is_empty())
            .ok_or_else(bad)?;
        Ok(Self::new(stream, id))
    }
}

impl Serialize for SourceKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A kind of Pivotal object. A new one is a variant here, a file in `reconcile/desire/` and a shape in `pivotal/wire.rs`.
/// The order is the order of creation: parents first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Pivotal customer.
    Customer,
    /// A Pivotal contact, always under a customer.
    Contact,
    /// A Pivotal onboarding, always under a customer.
    Onboarding,
}

impl Kind {
    /// Every kind, parents first.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Contact, Self::Onboarding];

    /// The word in the store and in output (`mapping.object`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Contact => "contact",
            Self::Onboarding => "onboarding",
        }
    }

    /// In a sentence: `a customer`, `an onboarding`.
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Customer => "a customer",
            Self::Contact => "a contact",
            Self::Onboarding => "an onboarding",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ParseKeyError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|k| k.as_str() == text).ok_or_else(|| ParseKeyError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_key_prints_and_parses_the_same() {
        for stream in Stream::ALL {
            let key = SourceKey::new(stream, "aB:9");
            assert_eq!(key.to_string().parse::<SourceKey>(), Ok(key));
            assert_eq!(stream.as_str().parse::<Stream>(), Ok(stream));
        }
        assert_eq!(SourceKey::new(Stream::HubspotCompanies, "123").to_string(), "hubspot:company:123");
    }

    #[test]
    fn what_names_no_record_is_refused_with_an_example() {
        for text in ["", "hubspot", "hubspot:company", "hubspot:company:", "stripe:company:1", "acme.com"] {
            let error = text.parse::<SourceKey>().expect_err(text);
            assert!(error.to_string().contains("hubspot:company:123"), "{error}");
        }
    }
}

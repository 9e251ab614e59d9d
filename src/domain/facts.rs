//! What a record says about identity and billing, typed, because the risk there is misreading.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{SourceKey, Timestamp};

/// The typed part of a record. Its variant follows from the stream's [`Role`](super::Role).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Facts {
    /// A company or paying customer.
    Account(AccountFacts),
    /// A person.
    Person(PersonFacts),
    /// A deal.
    Deal(DealFacts),
    /// A subscription.
    Subscription(SubscriptionFacts),
}

impl Facts {
    /// What its source calls the record; a person without a name by the address.
    pub fn name(&self) -> Option<&str> {
        let name = match self {
            Self::Account(account) => account.name.as_ref(),
            Self::Person(person) => person.name.as_ref().or(person.email.as_ref()),
            Self::Deal(deal) => deal.name.as_ref(),
            Self::Subscription(_) => None,
        };
        name.map(String::as_str)
    }

    /// Older ids that were merged into this record.
    pub fn merged(&self) -> &[SourceKey] {
        match self {
            Self::Account(account) => &account.merged,
            Self::Person(person) => &person.merged,
            Self::Deal(deal) => &deal.merged,
            Self::Subscription(_) => &[],
        }
    }
}

/// Identity evidence of an account, raw as the source has it; `reconcile::identity` normalises and judges it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// What the source calls it.
    pub name: Option<String>,
    /// Host names or URLs the source says are its own, the main one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Its email addresses, the billing one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// Records of other streams that this record itself names as the same account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SourceKey>,
    /// Where it should name such a record and shows something else: by which property, and what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misnamed: Vec<(String, String)>,
    /// Older ids that were merged into this record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<SourceKey>,
    /// When it came into being at the source.
    pub created_at: Option<Timestamp>,
}

/// Identity evidence of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFacts {
    /// What the source calls the person.
    pub name: Option<String>,
    /// Primary email, as written.
    pub email: Option<String>,
    /// The accounts the person belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountLink>,
    /// Older ids that were merged into this record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<SourceKey>,
}

/// A link from a person or a deal to an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountLink {
    /// The account's record.
    pub account: SourceKey,
    /// Whether the source calls it the primary one.
    pub primary: bool,
}

/// What a deal says about winning. The properties that rules read stay in the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealFacts {
    /// What the source calls the deal.
    pub name: Option<String>,
    /// Whether it is won.
    pub won: bool,
    /// When it was won: close date, or when the won stage was entered.
    pub closed_at: Option<Timestamp>,
    /// When the won stage was entered, where the source knows.
    pub won_stage_at: Option<Timestamp>,
    /// The accounts the deal belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountLink>,
    /// Older ids that were merged into this record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<SourceKey>,
}

/// What one subscription contributes to its account's billing figures (stripe-api.md 6 and 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFacts {
    /// The account that pays.
    pub account: SourceKey,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// ISO code, lower case.
    pub currency: String,
    /// Monthly recurring revenue in major units of `currency`, exact; zero when its policy counts nothing.
    pub mrr: Decimal,
    /// Nickname of the largest recurring item's price, else its product's name.
    pub plan: Option<String>,
    /// Monthly amount of that largest item, in major units: decides between several subscriptions.
    pub plan_weight: Decimal,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When these figures change by themselves (a discount or trial runs out): the record must be read again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_at: Option<Timestamp>,
}

/// Status of a subscription, best first (design: settled points, Stripe). The fallback arm keeps an unknown word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Paying.
    Active,
    /// Owes money, still served.
    PastDue,
    /// In a trial.
    Trialing,
    /// Paused.
    Paused,
    /// Given up on collecting, not yet ended.
    Unpaid,
    /// Ended.
    Canceled,
    /// First payment still open.
    Incomplete,
    /// First payment never came.
    IncompleteExpired,
    /// A word this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl SubscriptionStatus {
    /// The word rules see.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Trialing => "trialing",
            Self::Paused => "paused",
            Self::Unpaid => "unpaid",
            Self::Canceled => "canceled",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Other(word) => word,
        }
    }
}

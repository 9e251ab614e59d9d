//! `[customers]`, `[contacts]`, `[onboardings]`, `[identity]` and `[guard]` of the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::Span;

/// Everything that decides what Pivotal should say.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which accounts become customers, and what they say.
    pub customers: Customers,
    /// Which persons become contacts, and what they say.
    pub contacts: Contacts,
    /// Which deals become onboardings, and what they say.
    pub onboardings: Onboardings,
    /// What counts as evidence that two records are one account.
    pub identity: Identity,
    /// How much one run may do unasked.
    pub guard: Guard,
}

/// `[customers]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    /// minijinja expression: true for accounts that become customers.
    pub r#where: String,
    /// What a deletion at the source leads to. Covers contacts too.
    pub on_source_delete: OnSourceDelete,
    /// How long a deletion is seen before it is acted on, from the first time it was seen.
    pub delete_grace: Span,
    /// What an account that no longer fits `where` leads to.
    pub on_leave: OnLeave,
    /// Pivotal field to minijinja expression.
    pub fields: BTreeMap<String, String>,
}

/// `[contacts]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// minijinja expression: true for persons that become contacts, of those whose account is a customer.
    pub r#where: String,
    /// Pivotal field to minijinja expression.
    pub fields: BTreeMap<String, String>,
}

/// `[onboardings]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Onboardings {
    /// Whether won deals open onboardings.
    pub enabled: bool,
    /// minijinja expression: true for deals that open one.
    pub r#where: String,
    /// An older win opens nothing.
    pub won_within: Span,
    /// Pivotal field to minijinja expression.
    pub fields: BTreeMap<String, String>,
}

/// `[identity]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Mail domains that say nothing about a company, besides the built-in list.
    pub free_mail_domains: Vec<String>,
}

/// `[guard]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Most deletions of one kind in one run.
    pub max_deletes: u64,
    /// Most deletions of one kind in one run, as a share of its live objects.
    pub max_delete_percent: u8,
    /// Most updates of one kind in one run, as a share of its live objects.
    pub max_updates_percent: u8,
    /// Most creates of one kind in one run, once a first load came to its end. Adoptions and moves are no creates.
    pub max_creates: u64,
    /// Shares mean nothing among a handful: below so many live objects of a kind only numbers are measured.
    pub min_population: u64,
}

/// What a deletion at the source leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSourceDelete {
    /// DELETE what this daemon created.
    Delete,
    /// Set the customer's status to `archived`; delete contacts this daemon created never.
    Archive,
    /// Leave it.
    Keep,
}

/// What leaving the selection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    /// Leave it, and stop updating it.
    Keep,
    /// Set the customer's status to `archived`.
    Archive,
    /// DELETE what this daemon created.
    Delete,
}

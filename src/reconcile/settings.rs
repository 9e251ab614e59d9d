//! `[customers]`, `[contacts]`, `[onboardings]`, `[identity]` and `[guard]` of the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Kind, Span};

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

/// What a section says of one kind of Pivotal object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    /// Its name in the configuration.
    pub(super) name: &'static str,
    pub(super) selection: &'a str,
    pub(super) fields: &'a BTreeMap<String, String>,
    pub(super) owner: &'a Owners,
    pub(super) values: &'a Values,
}

impl Settings {
    /// What is said of a kind.
    pub(super) fn section(&self, kind: Kind) -> Section<'_> {
        match kind {
            Kind::Customer => {
                let Customers { r#where: selection, fields, owner, values, .. } = &self.customers;
                Section { name: "customers", selection, fields, owner, values }
            }
            Kind::Contact => {
                let Contacts { r#where: selection, fields, owner, values, .. } = &self.contacts;
                Section { name: "contacts", selection, fields, owner, values }
            }
            Kind::Onboarding => {
                let Onboardings { r#where: selection, fields, owner, values, .. } = &self.onboardings;
                Section { name: "onboardings", selection, fields, owner, values }
            }
        }
    }
}

impl Settings {
    /// What is said of billing contacts. Who owns a field is said once for all contacts.
    pub(super) fn billing_section(&self) -> Section<'_> {
        static NO_VALUES: Values = Values::new();
        let BillingContacts { r#where: selection, fields, .. } = &self.contacts.billing;
        Section { name: "contacts.billing", selection, fields, owner: &self.contacts.owner, values: &NO_VALUES }
    }

    /// Every setting that decides what is desired, as the configuration names it, with what it says.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let Self { customers, contacts, onboardings, identity, guard: _ } = self;
        let mut texts = BTreeMap::new();
        for kind in Kind::ALL {
            let Section { name, selection, fields, owner, values } = self.section(kind);
            texts.insert(format!("{name}.where"), selection.to_owned());
            texts.extend(fields.iter().map(|(field, rule)| (format!("{name}.fields.{field}"), rule.clone())));
            texts.extend(owner.iter().map(|(field, owner)| (format!("{name}.owner.{field}"), format!("{owner:?}"))));
            texts.extend(values.iter().map(|(field, words)| (format!("{name}.values.{field}"), format!("{words:?}"))));
        }
        let Customers { on_source_delete, delete_grace, on_leave, .. } = customers;
        let Onboardings { enabled, won_within, .. } = onboardings;
        let others = [
            ("customers.on_source_delete", format!("{on_source_delete:?}")),
            ("customers.delete_grace", delete_grace.to_string()),
            ("customers.on_leave", format!("{on_leave:?}")),
            ("onboardings.enabled", enabled.to_string()),
            ("onboardings.won_within", won_within.to_string()),
            ("identity", format!("{identity:?}")),
        ];
        texts.extend(others.map(|(key, text)| (key.to_owned(), text)));
        texts.extend(customers.metadata.iter().map(|(key, rule)| (format!("customers.metadata.{key}"), rule.clone())));
        if contacts.billing.enabled {
            let Section { name, selection, fields, .. } = self.billing_section();
            texts.insert(format!("{name}.enabled"), "true".to_owned());
            texts.insert(format!("{name}.where"), selection.to_owned());
            texts.extend(fields.iter().map(|(field, rule)| (format!("{name}.fields.{field}"), rule.clone())));
        }
        texts
    }
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
    /// Key of Pivotal's `metadata` to minijinja expression.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Pivotal field to who has the last word on it.
    #[serde(default)]
    pub owner: Owners,
    /// Pivotal field to what its rule's outcomes are called in Pivotal.
    #[serde(default)]
    pub values: Values,
}

/// `[contacts]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// minijinja expression: true for persons that become contacts, of those whose account is a customer.
    pub r#where: String,
    /// Pivotal field to minijinja expression.
    pub fields: BTreeMap<String, String>,
    /// Pivotal field to who has the last word on it.
    #[serde(default)]
    pub owner: Owners,
    /// Pivotal field to what its rule's outcomes are called in Pivotal.
    #[serde(default)]
    pub values: Values,
    /// The people that bills are sent to.
    pub billing: BillingContacts,
}

/// `[contacts.billing]`: contacts made of the billing address of a paying customer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BillingContacts {
    /// Whether there are such contacts.
    pub enabled: bool,
    /// minijinja expression: true for paying customers whose address becomes a contact, of those whose account is a customer.
    pub r#where: String,
    /// Pivotal field to minijinja expression over the paying customer.
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
    /// Pivotal field to who has the last word on it.
    #[serde(default)]
    pub owner: Owners,
    /// Pivotal field to what its rule's outcomes are called in Pivotal.
    #[serde(default)]
    pub values: Values,
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

/// Pivotal field to who has the last word on it; [`Owner::Report`] for a field that is not named.
pub type Owners = BTreeMap<String, Owner>;

/// Pivotal field to a table from a rule's outcome to what is written instead. The outcome [`ANY_VALUE`] stands for every
/// one that is not named.
pub type Values = BTreeMap<String, BTreeMap<String, String>>;

/// The outcome in [`Values`] that stands for all others.
pub const ANY_VALUE: &str = "*";

/// Who has the last word on a field, once people edit it in Pivotal too (design section 6, "A human edit").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The source: written when its value changes; a human edit that an audit finds is written over.
    Source,
    /// Pivotal: set when this daemon creates the object, and never touched after, nor at adoption.
    Pivotal,
    /// The source, but a human edit that an audit finds is left and shown.
    #[default]
    Report,
    /// Whoever said something first: written where Pivotal holds nothing, never over a value.
    FillIfEmpty,
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

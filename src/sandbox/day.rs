//! A day at the sources: what the demo and a rehearsal let happen.

use std::collections::BTreeSet;

use super::change::{self, Change, NewContact};
use super::hubspot::ObjectType;
use super::start::Sandbox;

impl Sandbox {
    /// Changes a handful of things, as people would, and tells each in a line: a rename, a new customer, an archived
    /// company, a person who changes companies, a cancelled subscription.
    ///
    /// # Errors
    /// A sentence, when the worlds hold too little for a day.
    pub fn a_day(&self) -> Result<Vec<String>, String> {
        day(self)
    }
}

/// A customer of the sample company, as far as the day needs it.
#[derive(Debug, Clone, Default)]
struct Company {
    id: String,
    name: String,
    domain: String,
}

fn day(sandbox: &Sandbox) -> Result<Vec<String>, String> {
    let companies = companies(sandbox);
    let payers = payers(sandbox);
    let domains: BTreeSet<&str> = companies.iter().map(|company| company.domain.as_str()).collect();
    let too_small = || "the sandbox is too small for a day; give it 20 companies or more".to_owned();
    let company = |number: usize| companies.get(number).cloned().ok_or_else(too_small);
    let (renamed, employer) = (company(2)?, company(11)?);
    // One that Stripe does not know: what pays goes on being a customer, archived or not.
    let billed =
        |company: &Company| payers.iter().any(|p| p.ties.contains(&company.domain) || p.ties.contains(&company.id));
    let archived = companies.iter().skip(5).find(|company| !billed(company)).ok_or_else(too_small)?;
    // And one that HubSpot knows: it stays a customer, without revenue.
    let payer =
        payers.iter().rfind(|p| p.ties.iter().any(|tie| domains.contains(tie.as_str()))).ok_or_else(too_small)?;
    let (contact, person) = person(sandbox).ok_or_else(too_small)?;
    let changes = [
        (
            format!("HubSpot   {} is renamed to {} Group", renamed.name, renamed.name),
            Change::RenameCompany { id: renamed.id, name: format!("{} Group", renamed.name) },
        ),
        ("HubSpot   a new customer, Juniper Analytics, with one contact".to_owned(), new_company()),
        (format!("HubSpot   {} is archived", archived.name), Change::ArchiveCompany { id: archived.id.clone() }),
        (
            format!("HubSpot   {person} leaves for {}", employer.name),
            Change::MoveContact { id: contact.clone(), company: employer.id },
        ),
        (
            "HubSpot   … and is Head of Operations there".to_owned(),
            Change::EditContact {
                id: contact,
                property: "jobtitle".to_owned(),
                value: "Head of Operations".to_owned(),
            },
        ),
        (
            format!("Stripe    {} cancels its subscription", payer.name),
            Change::CancelSubscription { id: payer.subscription.clone() },
        ),
    ];
    let mut all = Vec::new();
    for (told, change) in changes {
        change::make(&sandbox.worlds, change)?;
        all.push(told);
    }
    Ok(all)
}

fn companies(sandbox: &Sandbox) -> Vec<Company> {
    let hubspot = sandbox.hubspot();
    let customers = hubspot.ids(ObjectType::Company).filter_map(|id| {
        let properties = &hubspot.record(ObjectType::Company, &id)?.properties;
        let is_customer = properties.get("lifecyclestage").is_some_and(|stage| stage == "customer");
        let text = |name: &str| properties.get(name).cloned();
        is_customer.then_some(Company { name: text("name")?, domain: text("domain")?, id })
    });
    customers.collect()
}

/// Somebody who pays by an active subscription, and what ties them to companies: the domain that is billed, and the ids in
/// Stripe's metadata.
struct Payer {
    name: String,
    subscription: String,
    ties: BTreeSet<String>,
}

fn payers(sandbox: &Sandbox) -> Vec<Payer> {
    let stripe = sandbox.stripe();
    let payers = stripe.customer_ids().filter_map(|id| {
        let subscription = stripe.subscriptions_of(&id).into_iter().next()?;
        let customer = stripe.customer(&id)?;
        let is_active = stripe.subscription(&subscription)?.status.as_str() == "active";
        let domain =
            customer.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, host)| host.to_owned());
        let ties = domain.into_iter().chain(customer.metadata.values().cloned()).collect();
        is_active.then_some(Payer { name: customer.name.clone()?, subscription, ties })
    });
    payers.collect()
}

fn person(sandbox: &Sandbox) -> Option<(String, String)> {
    let hubspot = sandbox.hubspot();
    let id = hubspot.ids(ObjectType::Contact).nth(4)?;
    let properties = &hubspot.record(ObjectType::Contact, &id)?.properties;
    let name = format!("{} {}", properties.get("firstname")?, properties.get("lastname")?);
    Some((id, name))
}

fn new_company() -> Change {
    let contact = NewContact {
        firstname: "Maya".to_owned(),
        lastname: "Okafor".to_owned(),
        email: "maya@juniper-analytics.com".to_owned(),
    };
    Change::NewCompany {
        name: "Juniper Analytics".to_owned(),
        domain: Some("juniper-analytics.com".to_owned()),
        lifecyclestage: "customer".to_owned(),
        contacts: vec![contact],
    }
}

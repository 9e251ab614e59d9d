//! Fills the three worlds with one believable company's customers: the same for the same seed, scaled by size.
//!
//! Nine HubSpot companies of ten are customers' in spirit (`lifecyclestage`), each with three contacts; six of ten pay
//! through Stripe, most found by their billing address, some by metadata, some not at all; a few are in Pivotal already.

mod billing;

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::hubspot::{self, CompanySeed, ContactSeed, DealSeed};
use super::names::{self, CompanyName, Person};
use super::pivotal::Refusal;
use super::start::{Options, SandboxError};
use super::{pivotal, stripe};
use crate::domain::Timestamp;

/// Contacts of each company.
const CONTACTS: usize = 3;
/// Of twenty companies, the share that are customers.
const CUSTOMERS_OF_TWENTY: usize = 17;
/// HubSpot deals won in the last month.
const RECENT_WINS: usize = 3;
const INDUSTRIES: [&str; 4] = ["COMPUTER_SOFTWARE", "FINANCIAL_SERVICES", "HOSPITAL_HEALTH_CARE", "RETAIL"];

/// One company and what the three systems know of it.
struct Account {
    hubspot_id: String,
    company: CompanyName,
    people: Vec<Person>,
    is_customer: bool,
    created: Timestamp,
}

/// Makes everything. Nothing is younger than `start`.
pub(super) fn fill(
    options: &Options,
    start: Timestamp,
    hubspot: &mut hubspot::World,
    stripe: &mut stripe::World,
    pivotal: &mut pivotal::World,
) -> Result<(), SandboxError> {
    let mut rng = StdRng::seed_from_u64(options.seed);
    let accounts: Vec<Account> =
        (0..options.size).map(|n| account(options.seed, n, start, &mut rng, hubspot)).collect();
    add_deals(&accounts, start, hubspot);
    billing::fill(options.seed, &accounts, start, &mut rng, stripe)?;
    add_existing(options.existing_customers, &accounts, start, pivotal)
        .map_err(|refusal| SandboxError::Seed(format!("{} {:?}", refusal.message, refusal.field)))
}

/// A company with its people.
fn account(seed: u64, n: usize, start: Timestamp, rng: &mut StdRng, hubspot: &mut hubspot::World) -> Account {
    let company = names::company(seed, n);
    let created = start - TimeDelta::minutes(rng.random_range(120 * 24 * 60..1_500 * 24 * 60));
    let is_customer = n % 20 < CUSTOMERS_OF_TWENTY;
    let stage = match n % 20 {
        _ if is_customer => "customer",
        19 => "lead",
        _ => "opportunity",
    };
    let employees = rng.random_range(4..900);
    let mut properties = texts([
        ("lifecyclestage", stage.to_owned()),
        ("industry", INDUSTRIES[rng.random_range(0..INDUSTRIES.len())].to_owned()),
        ("numberofemployees", employees.to_string()),
        ("annualrevenue", (employees * 90_000).to_string()),
        ("website", format!("https://www.{}", company.domain)),
    ]);
    if n % 10 == 3 {
        // What people paste: HubSpot keeps it as typed.
        properties.insert("phone".to_owned(), "+1 (555) 010-0".to_owned() + &(n % 100).to_string());
    }
    let seeded = CompanySeed { name: company.name.clone(), domain: Some(company.domain.clone()), properties, created };
    let hubspot_id = hubspot.add_company(seeded);
    let people: Vec<Person> = (0..CONTACTS).map(|k| names::person(seed, n * CONTACTS + k)).collect();
    for person in &people {
        let address = format!("{}@{}", person.mailbox, company.domain);
        let properties = texts([
            ("firstname", person.first.to_owned()),
            ("lastname", person.last.to_owned()),
            ("email", address),
            ("jobtitle", person.title.to_owned()),
            ("company", company.name.clone()),
        ]);
        let created = created + TimeDelta::minutes(rng.random_range(1..100 * 24 * 60));
        hubspot.add_contact(ContactSeed { properties, created, company: Some((hubspot_id.clone(), true)) });
    }
    Account { hubspot_id, company, people, is_customer, created }
}

/// Every fourth company has a deal: the first three customers' were won lately, the others won long ago, lost or open.
fn add_deals(accounts: &[Account], start: Timestamp, hubspot: &mut hubspot::World) {
    let mut wins = 0;
    for (n, account) in accounts.iter().enumerate().filter(|(n, _)| n % 4 == 1) {
        let (stage, created, closed) = if account.is_customer && wins < RECENT_WINS {
            wins += 1;
            let days = 2 + 5 * i64::try_from(wins).unwrap_or(0);
            ("closedwon", start - TimeDelta::days(days), Some(start - TimeDelta::days(days) + TimeDelta::hours(3)))
        } else {
            let created = account.created + TimeDelta::days(1);
            match n % 3 {
                0 => ("closedwon", created, Some(created)),
                1 => ("contractsent", created, None),
                _ => ("closedlost", created, Some(created)),
            }
        };
        let mut properties = texts([
            ("dealname", format!("{} - annual contract", account.company.name)),
            ("amount", format!("{}.00", 6_000 + 750 * (n % 17))),
            ("dealstage", stage.to_owned()),
            ("pipeline", "default".to_owned()),
            ("dealtype", "newbusiness".to_owned()),
            ("deal_currency_code", "USD".to_owned()),
        ]);
        if let Some(closed) = closed {
            properties.insert("closedate".to_owned(), closed.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        hubspot.add_deal(DealSeed { properties, company: Some(account.hubspot_id.clone()), created });
    }
}

/// The first customers are in Pivotal already, each with one contact: every other one carries its HubSpot id, the rest can
/// be told by their domain only.
fn add_existing(
    count: usize,
    accounts: &[Account],
    start: Timestamp,
    pivotal: &mut pivotal::World,
) -> Result<(), Refusal> {
    for (n, account) in accounts.iter().filter(|account| account.is_customer).take(count).enumerate() {
        let created = start - TimeDelta::days(90) + TimeDelta::minutes(i64::try_from(n).unwrap_or(0));
        let known = (n % 2 == 0).then_some(&account.hubspot_id);
        let fields = json!({
            "name": account.company.name, "domain": account.company.domain, "hubspot_company_id": known,
        });
        let customer = pivotal.add_customer(fields, created)?;
        let person = &account.people[0];
        let email = format!("{}@{}", person.mailbox, account.company.domain);
        let fields = json!({ "name": person.full(), "email": email, "title": person.title, "is_primary": true });
        pivotal.add_contact(&customer, fields, created + TimeDelta::hours(1))?;
    }
    Ok(())
}

fn texts<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
#[path = "seed_tests.rs"]
mod tests;

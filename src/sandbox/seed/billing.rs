//! Who pays, for what: the Stripe account.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::Rng;
use rand::rngs::StdRng;

use super::Account;
use crate::domain::Timestamp;
use crate::sandbox::names;
use crate::sandbox::start::SandboxError;
use crate::sandbox::stripe::{
    Coupon, CustomerSeed, Duration, Interval, NoSuchObject, PriceSeed, Status, SubscriptionSeed, World,
};

/// The forever coupon.
const COUPON: &str = "PARTNER20";
/// Name, monthly and yearly price in dollars.
const PLANS: [(&str, i64, i64); 3] = [("Starter", 49, 490), ("Growth", 199, 1_990), ("Scale", 799, 7_990)];

/// What there is to buy.
struct Catalogue {
    /// Monthly prices, smallest plan first.
    monthly: Vec<String>,
    yearly: Vec<String>,
    /// Growth by the month, in yen.
    yen: String,
}

/// Six of ten companies pay, and some who are no company in HubSpot.
pub(super) fn fill(
    seed: u64,
    accounts: &[Account],
    start: Timestamp,
    rng: &mut StdRng,
    stripe: &mut World,
) -> Result<(), SandboxError> {
    if accounts.is_empty() {
        return Ok(());
    }
    stripe.pin(start - TimeDelta::days(1_600));
    stripe.switches.silent = true;
    let catalogue = stock(stripe);
    stripe.pin(start);
    stripe.switches.silent = false;
    let payers = accounts.iter().enumerate().filter(|(n, _)| n % 5 < 3).map(|(_, account)| account);
    let mut sold = 0;
    for account in payers {
        let created = account.created + TimeDelta::minutes(rng.random_range(60..100 * 24 * 60));
        let customer = stripe.add_customer(payer(sold, account, created));
        sell(sold, customer, created, start, &catalogue, stripe).map_err(fault)?;
        sold += 1;
    }
    for k in 0..2 + accounts.len() / 10 {
        let company = names::company(seed, accounts.len() + k);
        let created = start - TimeDelta::minutes(rng.random_range(30 * 24 * 60..700 * 24 * 60));
        let (name, email) = (Some(company.name), Some(format!("billing@{}", company.domain)));
        let customer = stripe.add_customer(CustomerSeed { name, email, created, ..CustomerSeed::default() });
        sell(sold, customer, created, start, &catalogue, stripe).map_err(fault)?;
        sold += 1;
    }
    Ok(())
}

fn fault(missing: NoSuchObject) -> SandboxError {
    SandboxError::Seed(missing.to_string())
}

/// The `n`th payer. Most are told by the domain of their billing address, some by metadata only, some by nothing.
fn payer(n: usize, account: &Account, created: Timestamp) -> CustomerSeed {
    let mailbox = ["billing", "accounts", "finance", "Invoices"][n % 4];
    let mut metadata = BTreeMap::new();
    let email = match n {
        // A holding pays, and somebody wrote down for whom.
        _ if n % 10 == 5 => {
            metadata.insert("hubspot_company_id".to_owned(), account.hubspot_id.clone());
            format!("ap{n}@paywell-holding.com")
        }
        _ if n % 11 == 9 => format!("{}{n}@{}", account.people[0].mailbox, names::free_mail(n)),
        _ => format!("{mailbox}@{}", account.company.domain),
    };
    CustomerSeed {
        name: Some(account.company.name.clone()),
        email: Some(email),
        metadata,
        created,
        ..CustomerSeed::default()
    }
}

fn stock(stripe: &mut World) -> Catalogue {
    let price = |stripe: &mut World, product: &str, nickname: String, interval, amount| {
        let product = product.to_owned();
        let (nickname, unit_amount, interval) = (Some(nickname), Some(amount), Some(interval));
        stripe.add_price(PriceSeed { product, nickname, unit_amount, interval, ..PriceSeed::default() })
    };
    let mut catalogue = Catalogue { monthly: Vec::new(), yearly: Vec::new(), yen: String::new() };
    for (name, month, year) in PLANS {
        let product = stripe.add_product(name);
        let monthly = price(stripe, &product, name.to_owned(), Interval::Month, month * 100);
        catalogue.monthly.push(monthly);
        catalogue.yearly.push(price(stripe, &product, format!("{name} yearly"), Interval::Year, year * 100));
        if name == "Growth" {
            let (nickname, currency) = (Some("Growth (Japan)".to_owned()), "jpy".to_owned());
            let unit_amount = Some(29_800);
            let yen = PriceSeed { product, nickname, currency, unit_amount, ..PriceSeed::default() };
            catalogue.yen = stripe.add_price(yen);
        }
    }
    let created = stripe.now();
    stripe.add_coupon(Coupon::percent(COUPON, 20.0, Duration::Forever, created));
    catalogue
}

/// The `n`th sale. The first five are the odd ones: past due, trialing, canceled, with a coupon for ever, in yen.
fn sell(
    n: usize,
    customer: String,
    customer_since: Timestamp,
    start: Timestamp,
    catalogue: &Catalogue,
    stripe: &mut World,
) -> Result<(), NoSuchObject> {
    let plan = n % PLANS.len();
    let price = match n {
        4 => &catalogue.yen,
        _ if n % 9 == 8 => &catalogue.yearly[plan],
        _ => &catalogue.monthly[plan],
    };
    let quantity = if n % 6 == 5 { 5 } else { 1 };
    let mut sale = SubscriptionSeed {
        customer,
        items: vec![(price.clone(), Some(quantity))],
        created: customer_since + TimeDelta::minutes(10),
        ..SubscriptionSeed::default()
    };
    match n {
        0 => sale.status = Status::PastDue,
        1 => {
            sale.status = Status::Trialing;
            sale.created = start - TimeDelta::days(5);
            sale.trial_end = Some(start + TimeDelta::days(9));
        }
        2 => sale.status = Status::Canceled,
        3 => sale.coupons = vec![COUPON.to_owned()],
        _ => {}
    }
    let created = sale.created;
    let subscription = stripe.add_subscription(sale)?;
    if n == 2 {
        // It ended long ago: nothing to tell today.
        stripe.switches.silent = true;
        let at = created + TimeDelta::days(30);
        stripe.update_subscription(&subscription, |ended| {
            ended.canceled_at = Some(at);
            ended.ended_at = Some(at);
        })?;
        stripe.switches.silent = false;
    }
    Ok(())
}

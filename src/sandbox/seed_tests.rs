use std::collections::HashSet;

use super::*;
use crate::sandbox::hubspot::ObjectType;
use crate::sandbox::pivotal::{Clock, Object};
use crate::sandbox::start::{HUBSPOT_TOKEN, STRIPE_KEY, WORKSPACE};

struct Filled {
    hubspot: hubspot::World,
    stripe: stripe::World,
    pivotal: pivotal::World,
    start: Timestamp,
}

fn filled(seed: u64, size: usize) -> Filled {
    let start = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("a time");
    let mut hubspot = hubspot::World::new(HUBSPOT_TOKEN);
    let mut stripe = stripe::World::new(STRIPE_KEY);
    let mut pivotal = pivotal::World::new(WORKSPACE, Clock::standing(start), seed);
    let options = Options { seed, size, ..Options::default() };
    fill(&options, start, &mut hubspot, &mut stripe, &mut pivotal).expect("filled");
    Filled { hubspot, stripe, pivotal, start }
}

fn values(world: &hubspot::World, object: ObjectType, property: &str) -> Vec<String> {
    let ids: Vec<String> = world.ids(object).collect();
    let value = |id: &String| world.record(object, id).and_then(|record| record.properties.get(property).cloned());
    ids.iter().filter_map(value).collect()
}

#[test]
fn forty_companies_have_their_people_payers_and_deals() {
    let Filled { hubspot, stripe, pivotal, .. } = filled(1, 40);
    assert_eq!(hubspot.ids(ObjectType::Company).count(), 40);
    assert_eq!(hubspot.ids(ObjectType::Contact).count(), 120);
    assert!(stripe.customer_ids().count() >= 25);
    let stages = values(&hubspot, ObjectType::Company, "lifecyclestage");
    assert_eq!(stages.iter().filter(|stage| *stage == "customer").count(), 34);
    let emails = values(&hubspot, ObjectType::Contact, "email");
    assert_eq!(emails.iter().collect::<HashSet<_>>().len(), 120);
    assert_eq!(pivotal.visible(Object::Customer).count(), 2);
    assert_eq!(pivotal.visible(Object::Contact).count(), 2);
    assert_eq!(pivotal.create_counts(), [0, 0, 0]);
}

#[test]
fn two_or_three_deals_were_won_in_the_last_month() {
    let Filled { hubspot, start, .. } = filled(1, 40);
    let recent = hubspot.ids(ObjectType::Deal).filter(|id| {
        let record = hubspot.record(ObjectType::Deal, id).expect("a deal");
        let won = record.properties.get("hs_is_closed_won").is_some_and(|won| won == "true");
        won && start - record.created < TimeDelta::days(30)
    });
    assert_eq!(recent.count(), RECENT_WINS);
}

#[test]
fn payers_are_found_by_domain_by_metadata_or_not_at_all() {
    let Filled { hubspot, stripe, .. } = filled(1, 40);
    let domains: HashSet<String> = values(&hubspot, ObjectType::Company, "domain").into_iter().collect();
    let companies: HashSet<String> = hubspot.ids(ObjectType::Company).collect();
    let ids: Vec<String> = stripe.customer_ids().collect();
    let customers: Vec<_> = ids.iter().filter_map(|id| stripe.customer(id)).collect();
    let by_domain = customers.iter().filter(|customer| {
        customer
            .email
            .as_deref()
            .and_then(|email| email.split_once('@'))
            .is_some_and(|(_, host)| domains.contains(host))
    });
    let by_metadata: Vec<_> = customers.iter().filter_map(|one| one.metadata.get("hubspot_company_id")).collect();
    let free =
        customers.iter().filter(|customer| customer.email.as_deref().is_some_and(|email| email.ends_with("gmail.com")));
    assert!(by_domain.count() >= 18);
    assert!(by_metadata.len() >= 2 && by_metadata.iter().all(|id| companies.contains(*id)));
    assert!(free.count() >= 1);
}

#[test]
fn the_same_seed_gives_the_same_worlds_and_another_does_not() {
    let names = |seed| values(&filled(seed, 60).hubspot, ObjectType::Company, "name");
    assert_eq!(names(5), names(5));
    assert_ne!(names(5), names(6));
    let payers = |seed| filled(seed, 60).stripe.customer_ids().collect::<Vec<_>>();
    assert_eq!(payers(5), payers(5));
}

#[test]
fn everything_lies_in_the_past_and_is_spread() {
    let Filled { hubspot, pivotal, start, .. } = filled(1, 200);
    for object in [ObjectType::Company, ObjectType::Contact, ObjectType::Deal] {
        let ids: Vec<String> = hubspot.ids(object).collect();
        let made: Vec<Timestamp> =
            ids.iter().filter_map(|id| hubspot.record(object, id)).map(|record| record.modified).collect();
        assert!(made.iter().all(|at| *at < start));
        assert!(made.iter().collect::<HashSet<_>>().len() > made.len() / 2);
    }
    assert!(pivotal.customers().iter().all(|row| row.created_at < start));
}

#[test]
fn size_nought_is_three_empty_worlds() {
    let Filled { hubspot, stripe, pivotal, .. } = filled(1, 0);
    assert_eq!(hubspot.ids(ObjectType::Company).count() + stripe.customer_ids().count(), 0);
    assert!(pivotal.customers().is_empty());
}

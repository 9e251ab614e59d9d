use super::super::sample::{account, acme, child, company_key, customer, deal, jane, reconciler, stripe};
use super::*;
use crate::domain::{EntityId, PivotalId, Value};

fn candidate(id: &str, number: i64, fields: &[(&str, &str)]) -> Candidate {
    let fields = Fields(fields.iter().map(|(name, text)| ((*name).to_owned(), Value::text(*text))).collect());
    Candidate {
        id: PivotalId::new(id),
        display_id: Some(number),
        parent: None,
        kept: fields.clone(),
        fields,
        owner: None,
        called: None,
    }
}

fn owned(candidate: Candidate, entity: i64) -> Candidate {
    Candidate { owner: Some(EntityId(entity)), ..candidate }
}

fn desired() -> Fields {
    Fields::from([("name", "Acme".into()), ("domain", "acme.com".into())])
}

/// The outcome, told briefly.
fn told(subject: &Subject, fields: &Fields, candidates: &[Candidate]) -> String {
    let mut backwards = candidates.to_vec();
    backwards.reverse();
    let outcome = reconciler(|_| {}).adopt(subject, fields, candidates);
    assert_eq!(reconciler(|_| {}).adopt(subject, fields, &backwards), outcome, "the order must not matter");
    match outcome {
        Adoption::Take(candidate) => candidate.id.to_string(),
        Adoption::Nothing => "nothing".to_owned(),
        Adoption::Held(why) => why,
    }
}

fn ours() -> Subject {
    customer([acme("1"), stripe("cus_1", "2026-01-01")])
}

const SAME_DOMAIN: (&str, &str) = ("domain", "www.ACME.com");

#[test]
fn an_id_comes_first_and_a_domain_second() {
    let by_id = candidate("a", 1, &[("hubspot_company_id", "1")]);
    let by_stripe = candidate("b", 2, &[("stripe_customer_id", "cus_1"), ("status", "archived")]);
    let by_domain = candidate("c", 3, &[SAME_DOMAIN]);
    assert_eq!(told(&ours(), &desired(), &[by_domain.clone(), by_id]), "a");
    assert_eq!(told(&ours(), &desired(), &[by_domain.clone(), by_stripe]), "b");
    assert_eq!(told(&ours(), &desired(), &[by_domain, candidate("d", 4, &[("domain", "other.com")])]), "c");
    assert_eq!(told(&ours(), &desired(), &[]), "nothing");
}

#[test]
fn ids_are_compared_letter_by_letter_and_in_their_own_field() {
    // stripe-api.md trap 61; hubspot-api.md trap 16.
    let other_case = candidate("a", 1, &[("stripe_customer_id", "CUS_1")]);
    let other_field = candidate("b", 2, &[("hubspot_deal_id", "1"), ("intercom_company_id", "1")]);
    assert_eq!(told(&ours(), &desired(), &[other_case, other_field]), "nothing");
}

#[test]
fn an_id_from_before_a_merge_still_counts() {
    let survivor = account(acme("9"), |facts| facts.merged = vec![company_key("1")]);
    let old = candidate("a", 1, &[("hubspot_company_id", "1")]);
    assert_eq!(told(&customer([survivor]), &desired(), &[old]), "a");
}

#[test]
fn two_that_carry_our_ids_are_held_naming_both() {
    let pair =
        [candidate("a", 1, &[("hubspot_company_id", "1")]), candidate("b", 2, &[("stripe_customer_id", "cus_1")])];
    let why = told(&ours(), &desired(), &pair);
    assert!(why.contains("pivotal:customer:1 and pivotal:customer:2"), "{why}");
    assert!(why.contains("`pivotal-sync link hubspot:company:1 pivotal:customer:1`"), "{why}");
}

#[test]
fn a_domain_decides_only_when_nothing_speaks_against_it() {
    let plain = candidate("a", 1, &[SAME_DOMAIN]);
    let twin = candidate("b", 2, &[SAME_DOMAIN]);
    let why = told(&ours(), &desired(), &[plain.clone(), twin]);
    assert!(why.contains("have the domain acme.com") && why.contains("pivotal-sync link"), "{why}");
    let others = candidate("c", 3, &[SAME_DOMAIN, ("hubspot_company_id", "77")]);
    let why = told(&ours(), &desired(), &[others]);
    assert!(why.contains("another hubspot_company_id (77)") && why.contains("pivotal-sync link"), "{why}");
    let free = Fields::from([("domain", "gmail.com".into())]);
    assert_eq!(told(&ours(), &free, &[candidate("d", 4, &[("domain", "gmail.com")])]), "nothing");
    assert_eq!(told(&ours(), &desired(), &[owned(plain, 8)]), "nothing", "another account's is left to it");
}

#[test]
fn a_mail_domain_of_the_configuration_is_no_evidence() {
    let own = reconciler(|settings| settings.identity.free_mail_domains = vec!["@Acme.com".to_owned()]);
    let there = candidate("a", 1, &[SAME_DOMAIN]);
    assert_eq!(own.adopt(&ours(), &desired(), &[there]), Adoption::Nothing);
}

#[test]
fn one_that_carries_our_id_but_is_another_accounts_is_held() {
    let taken = owned(candidate("a", 1, &[("hubspot_company_id", "1")]), 8);
    let why = told(&ours(), &desired(), std::slice::from_ref(&taken));
    assert!(why.contains("pivotal:customer:1 carries an id") && why.contains("pivotal-sync link"), "{why}");
    assert_eq!(told(&ours(), &desired(), &[owned(taken, 1)]), "a", "its own is its own");
}

#[test]
fn a_contact_is_known_by_its_address_under_its_customer() {
    // pivotal-api.md 10.2: contacts have no external id.
    let fields = Fields::from([("email", "jane@acme.com".into())]);
    let under = |parent: &str, mut candidate: Candidate| {
        candidate.parent = Some(PivotalId::new(parent));
        candidate
    };
    let jane_there = candidate("a", 1, &[("email", "Jane@Acme.com")]);
    let subject = child(Kind::Contact, jane());
    assert_eq!(told(&subject, &fields, &[under("cust-9", jane_there.clone())]), "a");
    assert_eq!(told(&subject, &fields, &[under("cust-8", jane_there.clone())]), "nothing");
    assert_eq!(told(&subject, &fields, &[candidate("b", 2, &[("email", "joe@acme.com")])]), "nothing");
    let why = told(&subject, &fields, &[jane_there.clone(), candidate("b", 2, &[("email", "jane@acme.com")])]);
    assert!(why.starts_with("a and b have the address jane@acme.com"), "{why}");
    let theirs = owned(jane_there, 8);
    assert!(
        told(&subject, &fields, std::slice::from_ref(&theirs))
            .starts_with("a has the address jane@acme.com but is another person's")
    );
    let called = Candidate { called: Some("hubspot:contact:9".to_owned()), ..theirs };
    assert!(told(&subject, &fields, &[called]).starts_with("hubspot:contact:9 has the address"));
}

#[test]
fn a_contact_under_its_own_customer_comes_before_one_under_a_customer_beside_it() {
    // hubspot-api.md trap 10: the people of a merged company live on where they were.
    let fields = Fields::from([("email", "jane@acme.com".into())]);
    let under = |id: &str, parent: &str| Candidate {
        parent: Some(PivotalId::new(parent)),
        ..candidate(id, 1, &[("email", "jane@acme.com")])
    };
    let mut subject = child(Kind::Contact, jane());
    subject.parent.as_mut().unwrap().beside = vec![PivotalId::new("cust-7"), PivotalId::new("cust-8")];
    let (own, beside, other) = (under("a", "cust-9"), under("b", "cust-8"), under("c", "cust-7"));
    assert_eq!(told(&subject, &fields, std::slice::from_ref(&beside)), "b");
    assert_eq!(told(&subject, &fields, &[own, beside.clone()]), "a");
    assert!(told(&subject, &fields, &[beside, other]).starts_with("b and c have the address"));
}

#[test]
fn an_onboarding_is_known_by_its_notes() {
    // Design, settled points: onboardings.
    let fields = Fields::from([("notes", "HubSpot deal 5".into())]);
    let subject = child(Kind::Onboarding, deal("5", true, "2026-05-01"));
    let (mine, other) =
        (candidate("a", 1, &[("notes", "HubSpot deal 5\n")]), candidate("b", 2, &[("notes", "HubSpot deal 55")]));
    assert_eq!(told(&subject, &fields, &[mine, other.clone()]), "a");
    assert_eq!(told(&subject, &fields, &[other]), "nothing");
    for notes in ["", "Call Joe", "the deal of the year"] {
        let why = told(&subject, &fields, &[candidate("c", 3, &[("notes", notes)])]);
        assert!(why.starts_with("c is open already, and nothing says for which deal"), "{why}");
    }
}

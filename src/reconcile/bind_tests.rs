use proptest::prelude::*;

use super::super::sample::{company_key, stripe_key, tokens};
use super::*;

fn bindable(key: SourceKey, evidence: &[&str]) -> Bindable {
    let mut tokens = tokens(evidence);
    tokens.insert(format!("is:{key}"));
    Bindable { key, tokens, entity: None, object: None, choice: None, linked: None, ties: Vec::new(), live: true }
}

/// The Pivotal object of an entity.
fn object(entity: i64) -> PivotalId {
    PivotalId::new(format!("obj-{entity}"))
}

fn chosen(mut record: Bindable, choice: Choice) -> Bindable {
    record.choice = Some(choice);
    record
}

fn linked(record: Bindable, to: &str, entity: Option<i64>) -> Bindable {
    let record = chosen(record, Choice::Link { pivotal_id: PivotalId::new(to) });
    Bindable { linked: entity.map(EntityId), ..record }
}

fn unlinked(record: Bindable, from: Option<i64>) -> Bindable {
    chosen(record, Choice::Unlink { pivotal_id: from.map(object) })
}

fn company(id: &str, evidence: &[&str]) -> Bindable {
    bindable(company_key(id), evidence)
}

fn stripe(id: &str, evidence: &[&str]) -> Bindable {
    bindable(stripe_key(id), evidence)
}

fn within(mut record: Bindable, entity: i64, settled: bool) -> Bindable {
    record.entity = Some(EntityId(entity));
    record.object = settled.then(|| object(entity));
    record
}

fn gone(mut record: Bindable) -> Bindable {
    record.live = false;
    record
}

/// The bindings, told briefly: `e5`, `n0` or the candidates of an ambiguity.
fn told(cluster: &[Bindable]) -> Vec<String> {
    let brief = |binding: Binding| match binding {
        Binding::Join(entity) => format!("e{entity}"),
        Binding::New(number) => format!("n{number}"),
        Binding::Ambiguous { candidates, why } => {
            assert!(why.contains("`pivotal-sync link") || why.contains("waits for a decision"), "{why}");
            format!("?{}", candidates.iter().map(|key| key.id.as_str()).collect::<Vec<_>>().join("+"))
        }
    };
    bind(cluster).into_iter().map(|(_, binding)| brief(binding)).collect()
}

const ACME: &str = "domain:acme.com";

#[test]
fn a_billing_record_joins_the_one_company_it_fits() {
    assert_eq!(told(&[stripe("cus_1", &[ACME]), company("1", &[ACME])]), ["n0", "n0"]);
    assert_eq!(told(&[company("1", &[ACME]), stripe("cus_1", &[ACME]), stripe("cus_2", &[ACME])]), ["n0", "n0", "n0"]);
}

#[test]
fn an_explicit_id_beats_a_domain_whoever_names_it() {
    let two = [company("1", &[ACME]), company("2", &["domain:other.com"])];
    let named = stripe("cus_1", &[ACME, "is:hubspot:company:2"]);
    assert_eq!(told(&[two[0].clone(), two[1].clone(), named]), ["n0", "n1", "n1"]);
    let naming = company("2", &["is:stripe:customer:cus_1"]);
    assert_eq!(told(&[two[0].clone(), naming, stripe("cus_1", &[ACME])]), ["n0", "n1", "n1"]);
}

#[test]
fn two_companies_on_one_domain_stay_two_and_the_billing_record_is_held() {
    // Design, settled points: domain evidence.
    let cluster = [company("1", &[ACME]), company("2", &[ACME]), stripe("cus_1", &[ACME])];
    assert_eq!(told(&cluster), ["n0", "n1", "?1+2"]);
}

#[test]
fn two_billing_records_without_a_company_stay_separate() {
    assert_eq!(told(&[stripe("cus_1", &[ACME]), stripe("cus_2", &[ACME])]), ["n0", "n1"]);
}

#[test]
fn one_address_is_no_evidence() {
    // stripe-api.md trap 24: never key on email.
    let mail = "email:jo@acme.com";
    assert_eq!(told(&[company("1", &[mail]), stripe("cus_1", &[mail])]), ["n0", "n1"]);
}

#[test]
fn a_new_company_takes_the_place_of_the_billing_record_that_points_to_it() {
    let settled = within(stripe("cus_1", &[ACME]), 5, true);
    assert_eq!(told(&[company("1", &[ACME]), settled.clone()]), ["e5", "e5"]);
    assert_eq!(told(&[company("1", &[ACME]), settled.clone(), stripe("cus_2", &[ACME])]), ["e5", "e5", "e5"]);
    assert_eq!(told(&[company("1", &[ACME]), company("2", &[ACME]), settled]), ["n0", "n1", "e5"]);
}

#[test]
fn a_company_torn_between_two_customers_is_held_naming_both() {
    let cluster = [
        company("1", &[ACME]),
        within(stripe("cus_1", &[ACME]), 5, true),
        within(stripe("cus_2", &[ACME]), 6, true),
        stripe("cus_3", &[ACME]),
    ];
    assert_eq!(told(&cluster), ["?cus_1+cus_2", "e5", "e6", "?1"]);
    let Binding::Ambiguous { why, .. } = &bind(&cluster)[0].1 else { panic!("held") };
    assert!(why.contains("cus_1") && why.contains("cus_2") && why.contains("link") && why.contains("ignore"), "{why}");
}

#[test]
fn settled_records_stay_where_they_are() {
    let apart = [within(company("1", &[ACME]), 5, true), within(stripe("cus_1", &[ACME]), 6, true)];
    assert_eq!(told(&apart), ["e5", "e6"]);
    let split = [within(company("1", &[ACME]), 5, true), within(stripe("cus_1", &["domain:moved.com"]), 5, true)];
    assert_eq!(told(&split), ["e5", "e5"]);
}

#[test]
fn a_company_never_moves_in_with_another_company() {
    let cluster = [
        within(company("1", &["domain:old.com"]), 5, true),
        company("2", &[ACME]),
        within(stripe("cus_1", &[ACME]), 5, true),
    ];
    assert_eq!(told(&cluster), ["e5", "n0", "e5"]);
    let rivals = [
        company("1", &["is:stripe:customer:cus_1"]),
        company("2", &["is:stripe:customer:cus_2"]),
        within(stripe("cus_1", &[]), 5, true),
        within(stripe("cus_2", &[]), 5, true),
    ];
    assert_eq!(told(&rivals), ["?cus_1", "?cus_2", "e5", "e5"]);
}

#[test]
fn what_is_gone_keeps_its_place_and_draws_nobody() {
    let cluster = [gone(within(company("1", &[ACME]), 5, true)), stripe("cus_1", &[ACME])];
    assert_eq!(told(&cluster), ["e5", "n0"]);
    assert_eq!(told(&[company("1", &[ACME]), gone(within(stripe("cus_1", &[ACME]), 5, true))]), ["n0", "e5"]);
}

#[test]
fn a_survivor_takes_over_from_what_was_merged_into_it() {
    // hubspot-api.md traps 10 and 11: the survivor is a third record, and it may list itself.
    let survivor = company("9", &["is:hubspot:company:1", "is:hubspot:company:2", "is:hubspot:company:9", ACME]);
    let old = |id: &str, entity| within(company(id, &[ACME]), entity, true);
    assert_eq!(told(&[gone(old("1", 5)), gone(old("2", 6)), survivor.clone()]), ["e5", "e6", "e5"]);
    // Not seen gone yet: still no second account, and no ambiguity for the billing record.
    assert_eq!(told(&[old("1", 5), survivor.clone(), stripe("cus_1", &[ACME])]), ["e5", "e5", "e5"]);
    let fresh = [company("1", &[ACME]), survivor, stripe("cus_1", &[ACME])];
    assert_eq!(told(&fresh), ["n0", "n0", "n0"]);
    let chain = [company("1", &[]), company("5", &["is:hubspot:company:1"]), company("9", &["is:hubspot:company:5"])];
    assert_eq!(told(&chain), ["n0", "n0", "n0"]);
}

#[test]
fn an_unsettled_account_keeps_its_number_and_shares_it_with_nobody() {
    let together = [within(company("1", &[ACME]), 5, false), within(stripe("cus_1", &[ACME]), 5, false)];
    assert_eq!(told(&together), ["e5", "e5"]);
    let parted = [within(company("1", &[ACME]), 5, false), within(stripe("cus_1", &["domain:b.com"]), 5, false)];
    assert_eq!(told(&parted), ["e5", "n0"]);
}

#[test]
fn a_link_goes_to_whoever_has_the_object_else_makes_an_account_that_takes_it() {
    let two = [company("1", &[ACME]), company("2", &[ACME])];
    let to_one = |record| [two[0].clone(), within(two[1].clone(), 5, true), record];
    assert_eq!(told(&to_one(linked(stripe("cus_1", &[ACME]), "obj-5", Some(5)))), ["n0", "e5", "e5"]);
    assert_eq!(told(&to_one(linked(stripe("cus_1", &[ACME]), "other", None))), ["n0", "e5", "n1"]);
    // From one customer to another: what it leaves behind stays.
    let moves = linked(within(stripe("cus_1", &[]), 6, true), "obj-5", Some(5));
    assert_eq!(told(&[within(company("1", &[]), 5, true), moves]), ["e5", "e5"]);
    // A lost store: the object carries the company's id, so the company is about to take it over.
    let mut tied = linked(stripe("cus_1", &[]), "other", None);
    tied.ties = vec![company_key("2"), stripe_key("cus_1")];
    assert_eq!(told(&[company("1", &[]), company("2", &[]), tied]), ["n0", "n1", "n1"]);
    let both = [linked(stripe("cus_1", &[]), "other", None), linked(company("1", &[]), "other", None)];
    assert_eq!(told(&both), ["n0", "n0"], "linked to one object, they are one");
}

#[test]
fn what_is_unlinked_stands_alone() {
    let fits = || [company("1", &[ACME]), unlinked(stripe("cus_1", &[ACME]), None)];
    assert_eq!(told(&fits()), ["n0", "n1"]);
    let taken = [within(company("1", &[ACME]), 5, true), unlinked(within(stripe("cus_1", &[ACME]), 5, true), Some(5))];
    assert_eq!(told(&taken), ["e5", "n0"]);
    // It has an object of its own since.
    let own = [within(company("1", &[ACME]), 5, true), unlinked(within(stripe("cus_1", &[ACME]), 6, true), Some(5))];
    assert_eq!(told(&own), ["e5", "e6"]);
}

#[test]
fn what_is_ignored_neither_follows_nor_leads() {
    let ignored = |record| chosen(record, Choice::Ignore);
    assert_eq!(told(&[company("1", &[ACME]), ignored(stripe("cus_1", &[ACME]))]), ["n0", "n1"]);
    let one_left = [company("1", &[ACME]), ignored(company("2", &[ACME])), stripe("cus_1", &[ACME])];
    assert_eq!(told(&one_left), ["n0", "n1", "n0"], "no longer two that it could be");
    assert_eq!(told(&[ignored(within(company("1", &[ACME]), 5, true)), stripe("cus_1", &[ACME])]), ["e5", "n0"]);
}

prop_compose! {
    fn a_record()(
        paying in any::<bool>(), id in 0..5_u8, domains in prop::collection::vec(0..4_u8, 0..3),
        links in prop::collection::vec((any::<bool>(), 0..5_u8), 0..2), entity in prop::option::of(0..4_i64),
        settled in any::<bool>(), live in prop::bool::weighted(0.8),
        said in prop::option::weighted(0.3, (0..3_u8, 0..6_i64)),
    ) -> Bindable {
        let key = |paying: bool, id: u8| match paying {
            true => stripe_key(&format!("cus_{id}")),
            false => company_key(&id.to_string()),
        };
        let mut evidence: Vec<String> = domains.iter().map(|domain| format!("domain:d{domain}.com")).collect();
        evidence.extend(links.iter().map(|&(paying, id)| format!("is:{}", key(paying, id))));
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        let record = bindable(key(paying, id), &evidence);
        let (object, choice) = (entity.filter(|_| settled).map(object), said.map(choice));
        let entity = entity.map(EntityId);
        let linked = match &choice {
            // Entities 0 to 3 have the objects obj-0 to obj-3, as far as they are settled.
            Some(Choice::Link { pivotal_id }) if object.as_ref() == Some(pivotal_id) => entity,
            _ => None,
        };
        Bindable { entity, object, choice, linked, live, ..record }
    }
}

prop_compose! {
    /// As the store would hand it out: each record once, an entity settled for all its records or for none.
    fn a_cluster()(records in prop::collection::vec(a_record(), 0..9)) -> Vec<Bindable> {
        let mut records = records;
        records.sort_by(|a, b| a.key.cmp(&b.key));
        records.dedup_by(|a, b| a.key == b.key);
        let settled: BTreeSet<EntityId> =
            records.iter().filter(|r| r.object.is_some()).filter_map(|r| r.entity).collect();
        for record in &mut records {
            record.object = record.entity.filter(|entity| settled.contains(entity)).map(|entity| object(entity.0));
            record.linked = match &record.choice {
                Some(Choice::Link { pivotal_id }) => {
                    settled.iter().find(|entity| object(entity.0) == *pivotal_id).copied()
                }
                _ => None,
            };
        }
        records
    }
}

prop_compose! {
    /// Records of which none has a place yet.
    fn fresh_cluster()(cluster in a_cluster()) -> Vec<Bindable> {
        let afresh = |record: Bindable| Bindable { entity: None, object: None, linked: None, live: true, ..record };
        cluster.into_iter().map(afresh).collect()
    }
}

/// Who shares an account with whom, and who waits for a person.
fn companions(cluster: &[Bindable]) -> BTreeMap<SourceKey, Vec<SourceKey>> {
    let bindings = bind(cluster);
    let with = |binding: &Binding| -> Vec<SourceKey> {
        match binding {
            Binding::Ambiguous { candidates, .. } => candidates.clone(),
            joined => bindings.iter().filter(|(_, other)| other == joined).map(|(key, _)| key.clone()).collect(),
        }
    };
    bindings.iter().map(|(key, binding)| (key.clone(), with(binding))).collect()
}

fn choice((which, entity): (u8, i64)) -> Choice {
    match which {
        0 => Choice::Ignore,
        1 => Choice::Link { pivotal_id: object(entity) },
        _ => Choice::Unlink { pivotal_id: Some(object(entity)).filter(|_| entity < 5) },
    }
}

/// The cluster as it stands once the bindings are stored.
fn stored(cluster: &[Bindable], bindings: &Bindings) -> Vec<Bindable> {
    let settled: BTreeSet<EntityId> = cluster.iter().filter(|r| r.object.is_some()).filter_map(|r| r.entity).collect();
    let bound: BTreeMap<&SourceKey, &Binding> = bindings.iter().map(|(key, binding)| (key, binding)).collect();
    let mut after = cluster.to_vec();
    for (number, record) in after.iter_mut().enumerate() {
        let entity = match bound[&record.key] {
            Binding::Join(entity) => *entity,
            Binding::New(new) => EntityId(100 + i64::try_from(*new).unwrap()),
            Binding::Ambiguous { .. } => EntityId(200 + i64::try_from(number).unwrap()),
        };
        record.entity = Some(entity);
        record.object = Some(entity).filter(|entity| settled.contains(entity)).map(|entity| object(entity.0));
    }
    after
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_order_of_the_input_does_not_matter((cluster, shuffled) in a_cluster().prop_flat_map(|cluster| {
        (Just(cluster.clone()), Just(cluster).prop_shuffle())
    })) {
        prop_assert_eq!(bind(&cluster), bind(&shuffled));
    }

    #[test]
    fn binding_again_changes_nothing(cluster in a_cluster()) {
        let first = bind(&cluster);
        let after = stored(&cluster, &first);
        for ((key, again), record) in bind(&after).into_iter().zip(&after) {
            prop_assert_eq!(&key, &record.key);
            match again {
                Binding::Join(entity) => prop_assert_eq!(Some(entity), record.entity),
                Binding::Ambiguous { .. } => prop_assert!(first.iter().any(|(other, binding)| {
                    *other == key && matches!(binding, Binding::Ambiguous { .. })
                }), "{} became ambiguous", key),
                Binding::New(_) => prop_assert!(false, "{} is new again", key),
            }
        }
    }

    #[test]
    fn what_is_settled_or_gone_never_moves(cluster in a_cluster()) {
        for (key, binding) in bind(&cluster) {
            let record = cluster.iter().find(|record| record.key == key).unwrap();
            if let Some(entity) = record.entity.filter(|_| record.choice.is_none() && (record.object.is_some() || !record.live)) {
                prop_assert_eq!(binding, Binding::Join(entity));
            }
        }
    }

    /// What a person decided stands above all evidence.
    #[test]
    fn decisions_stand(cluster in a_cluster()) {
        let bindings = bind(&cluster);
        let partners = |key: &SourceKey, binding: &Binding| -> Vec<SourceKey> {
            let same = |(other, its): &&(SourceKey, Binding)| other != key && its == binding;
            bindings.iter().filter(same).map(|(other, _)| other.clone()).collect()
        };
        for (key, binding) in &bindings {
            let record = cluster.iter().find(|record| record.key == *key).unwrap();
            prop_assert!(record.choice.is_none() || !matches!(binding, Binding::Ambiguous { .. }), "{} is decided", key);
            match &record.choice {
                Some(Choice::Link { .. }) if record.linked.is_some() => {
                    prop_assert_eq!(binding, &Binding::Join(record.linked.unwrap()));
                }
                Some(Choice::Unlink { pivotal_id }) if record.object.is_some() && record.object == *pivotal_id => {
                    prop_assert_ne!(Some(binding.clone()), record.entity.map(Binding::Join));
                }
                Some(Choice::Ignore) if record.object.is_none() && record.live => {
                    for partner in partners(key, binding) {
                        let other = cluster.iter().find(|record| record.key == partner).unwrap();
                        prop_assert!(!other.live, "{} is left out, yet {} is with it", key, partner);
                    }
                }
                _ => {}
            }
        }
    }

    /// Records that come one by one end with the same companions as those that come together.
    #[test]
    fn the_order_of_arrival_does_not_matter((cluster, order) in fresh_cluster().prop_flat_map(|cluster| {
        (Just(cluster.clone()), Just(cluster).prop_shuffle())
    })) {
        let mut known: Vec<Bindable> = Vec::new();
        let mut next = 1_000;
        for record in order {
            known.push(record);
            let bindings: BTreeMap<SourceKey, Binding> = bind(&known).into_iter().collect();
            let mut fresh: BTreeMap<usize, i64> = BTreeMap::new();
            for record in &mut known {
                record.entity = Some(match &bindings[&record.key] {
                    Binding::Join(entity) => *entity,
                    Binding::New(number) => EntityId(*fresh.entry(*number).or_insert_with(|| { next += 1; next })),
                    Binding::Ambiguous { .. } => { next += 1; EntityId(next) }
                });
            }
        }
        prop_assert_eq!(companions(&known), companions(&cluster));
    }
}

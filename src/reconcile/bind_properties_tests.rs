//! What holds of every cluster.

use proptest::prelude::*;

use super::super::sample::{company_key, stripe_key};
use super::tests::{bindable, object};
use super::*;
use crate::domain::Binding;

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
        merge_in_one_direction(&mut records);
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

/// A company was merged into one other at most, and merges go in no circle: what is merged is no more (hubspot-api.md traps
/// 10, 11). Here always into one with a greater number.
fn merge_in_one_direction(records: &mut [Bindable]) {
    let mut merged = BTreeSet::new();
    for record in records.iter_mut().filter(|record| record.key.stream == Stream::HubspotCompanies) {
        let own = format!("is:{}", record.key);
        // Ids of one digit each, so that their order is that of the texts.
        record.tokens.retain(|token| {
            !token.starts_with("is:hubspot:") || *token == own || (*token < own && merged.insert(token.clone()))
        });
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

    /// What waits for a person when all records come together waits, or is told, however they come: one by one, each of them
    /// in Pivotal before the next one is seen. A company that waits itself comes first.
    #[test]
    fn what_is_held_from_the_start_is_told_in_every_order((cluster, order) in fresh_cluster().prop_flat_map(|cluster| {
        let undecided: Vec<Bindable> = cluster.into_iter().map(|r| Bindable { choice: None, ..r }).collect();
        (Just(undecided.clone()), Just(undecided).prop_shuffle())
    })) {
        let mut known: Vec<Bindable> = Vec::new();
        let mut next = 1_000;
        let mut doubted = BTreeSet::new();
        for record in order {
            known.push(record);
            let bindings: BTreeMap<SourceKey, Binding> = bind(&known).into_iter().collect();
            let mut fresh: BTreeMap<usize, i64> = BTreeMap::new();
            for record in &mut known {
                let entity = match &bindings[&record.key] {
                    Binding::Join(entity) => *entity,
                    Binding::New(number) => EntityId(*fresh.entry(*number).or_insert_with(|| { next += 1; next })),
                    Binding::Ambiguous { .. } => { next += 1; EntityId(next) }
                };
                let held = matches!(bindings[&record.key], Binding::Ambiguous { .. });
                record.object = Some(object(entity.0)).filter(|_| !held);
                record.entity = Some(entity);
            }
            let held = bindings.iter().filter(|(_, binding)| matches!(binding, Binding::Ambiguous { .. }));
            doubted = held.map(|(key, _)| key.clone()).chain(rifts(&known).into_iter().map(|rift| rift.key)).collect();
        }
        for (key, binding) in bind(&cluster) {
            if let Binding::Ambiguous { candidates, .. } = binding {
                let told = doubted.contains(&key) || candidates.iter().any(|company| doubted.contains(company));
                prop_assert!(told, "{} could be {:?}; told of {:?}", key, candidates, doubted);
            }
        }
    }
}

//! No input from the sources can make this room panic, and its invariants (design section 7) hold of whatever they say.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::disown::carriers;
use super::sample::{at, parent, settings, subject};
use super::*;
use crate::domain::{Action, Binding, Facts, Mirror, MirrorState, MrrUnit, Origin, Role, RunId, Span, Stream, Value};

#[path = "hostile_strategies_tests.rs"]
mod strategies;

use strategies::{text, there, two_days, value};

fn now() -> Timestamp {
    at("2026-06-01")
}

/// Every filter of the language, and what else may stand in a rule.
const EXPRESSIONS: [&str; 62] = [
    "company.a | abs",
    "company.a | attr('b')",
    "company.a | batch(2)",
    "company.a | bool",
    "company.a | capitalize",
    "company.a | chain(company.b)",
    "company.a | count",
    "company.a | d('x')",
    "company.a | default(company.b)",
    "company.a | dictsort",
    "company.a | escape",
    "company.a | e",
    "company.a | first",
    "company.a | float",
    "company.a | groupby('a')",
    "company.a | indent(4)",
    "company.a | int",
    "company.a | items",
    "company.a | join(', ')",
    "company.a | last",
    "company.a | length",
    "company.a | lines",
    "company.a | list",
    "company.a | lower",
    "company.a | map('upper')",
    "company.a | max",
    "company.a | min",
    "company.a | plus_days(45)",
    "company.a | plus_days(9223372036854775807)",
    "company.a | plus_days(company.b)",
    "company.a | reject('none')",
    "company.a | rejectattr('a')",
    "company.a | replace('a', company.b)",
    "company.a | reverse",
    "company.a | round(2)",
    "company.a | safe",
    "company.a | select('defined')",
    "company.a | selectattr('a')",
    "company.a | slice(3)",
    "company.a | sort",
    "company.a | split(company.b)",
    "company.a | string",
    "company.a | sum",
    "company.a | title",
    "company.a | trim",
    "company.a | unique",
    "company.a | upper",
    "company.a | zip(company.b)",
    "company.a | tojson",
    "company.a | urlencode",
    "company.a | format(company.b)",
    "company.a ~ company.b * 3",
    "company.a + company.b",
    "company.a // company.b",
    "company.a % company.b",
    "company.a ** company.b",
    "company.a[company.b:]",
    "company.a < company.b and company.a in company.b",
    "-company.a",
    "stripes | map(attribute='a') | join(';')",
    "(companies | sort(attribute='a') | last).b",
    "range(company.a) | list",
];

/// The expressions this language has: features of the template engine that are switched off leave some out.
fn expressions() -> Vec<&'static str> {
    let compiles = |source: &&str| {
        let mut settings = settings();
        settings.customers.metadata.insert("x".to_owned(), (*source).to_owned());
        Reconciler::new(&settings, None).is_ok()
    };
    EXPRESSIONS.into_iter().filter(compiles).collect()
}

/// The defaults with everything switched on, and these expressions where they do most.
fn ruled(chosen: &[&str]) -> Reconciler {
    let mut settings = settings();
    settings.contacts.billing.enabled = true;
    settings.contacts.billing.r#where = "true".to_owned();
    settings.customers.on_leave = OnLeave::Delete;
    settings.customers.delete_grace = Span::default();
    for (field, source) in ["plan", "domain", "monthly_orders", "status"].iter().zip(chosen) {
        settings.customers.fields.insert((*field).to_owned(), (*source).to_owned());
    }
    for (number, source) in chosen.iter().enumerate() {
        settings.customers.metadata.insert(format!("key {number}"), (*source).to_owned());
    }
    settings.contacts.fields.insert("labels".to_owned(), "contact.a".to_owned());
    settings.contacts.values.insert("title".to_owned(), [("*".to_owned(), "any".to_owned())].into());
    settings.onboardings.fields.insert("target_launch_date".to_owned(), "deal.closedate | plus_days(45)".to_owned());
    settings.customers.owner.insert("plan".to_owned(), Owner::FillIfEmpty);
    Reconciler::new(&settings, Some(MrrUnit::Cents)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn number(key: &SourceKey) -> EntityId {
    let hash = Sha256::digest(key.to_string());
    EntityId(hash.iter().take(7).fold(0, |number, byte| number * 256 + i64::from(*byte)))
}

/// Where every record speaks: entity and kind, by key, the same for the same records however they came.
fn entities(reconciler: &Reconciler, records: &[Known]) -> BTreeMap<SourceKey, (EntityId, Kind)> {
    let bindables: Vec<Bindable> = records
        .iter()
        .filter(|known| known.record.key.stream.role() == Role::Account)
        .map(|known| Bindable {
            key: known.record.key.clone(),
            name: known.record.facts.name().unwrap_or_default().to_owned(),
            tokens: reconciler.tokens(&known.record).into_iter().collect(),
            tied: BTreeSet::new(),
            entity: None,
            object: None,
            choice: known.chosen.as_ref().map(|chosen| chosen.choice.clone()),
            linked: None,
            ties: Vec::new(),
            parted: BTreeSet::new(),
            stands: false,
            live: known.gone.is_none(),
        })
        .collect();
    // An entity is numbered by the first of its records, so that it keeps its number from one pass to the next.
    let mut groups: BTreeMap<usize, EntityId> = BTreeMap::new();
    let mut placed = BTreeMap::new();
    for (key, binding) in reconciler.bind(&bindables) {
        let own = number(&key);
        let entity = match binding {
            Binding::New(group) => *groups.entry(group).or_insert(own),
            Binding::Join(_) | Binding::Ambiguous { .. } => own,
        };
        placed.insert(key, (entity, Kind::Customer));
    }
    for known in records {
        let key = &known.record.key;
        if let Some(kind) = key.stream.kind().filter(|kind| *kind != Kind::Customer) {
            placed.insert(key.clone(), (number(key), kind));
        }
    }
    for known in records {
        // A subscription of a subscription is nobody's.
        if let Facts::Subscription(facts) = &known.record.facts
            && facts.account.stream.role() == Role::Account
            && let Some(of) = placed.get(&facts.account).copied()
        {
            placed.entry(known.record.key.clone()).or_insert(of);
        }
    }
    placed
}

/// One pass over everything: what is owed, in order, guarded.
fn pass(
    reconciler: &Reconciler,
    records: &[Known],
    there: &[Candidate],
    mirrors: &BTreeMap<EntityId, Mirror>,
) -> Vec<Operation> {
    let placed = entities(reconciler, records);
    let mut subjects: BTreeMap<EntityId, Subject> = BTreeMap::new();
    for known in records {
        let Some((entity, kind)) = placed.get(&known.record.key).copied() else { continue };
        let own = subjects.entry(entity).or_insert_with(|| subject(kind, Vec::new()));
        own.entity.id = entity;
        own.entity.mirror = mirrors.get(&entity).cloned();
        own.records.push(known.clone());
    }
    let account = |known: &Known| match &known.record.facts {
        Facts::Person(person) => reconciler.account_of(&person.accounts),
        Facts::Deal(deal) => reconciler.account_of(&deal.accounts),
        _ => None,
    };
    let mut operations = Vec::new();
    let mut there = there.to_vec();
    for candidate in &mut there {
        candidate.owner = mirrors.iter().find(|(_, mirror)| mirror.id == candidate.id).map(|(entity, _)| *entity);
    }
    for kind in Kind::ALL {
        for (entity, own) in subjects.iter_mut().filter(|(_, own)| own.entity.kind == kind) {
            if kind != Kind::Customer {
                let of = own.records.iter().find_map(account).and_then(|key| placed.get(&key));
                own.parent = of.map(|(of, _)| ParentState { entity: *of, ..parent(Some("cust-9")) });
            }
            let desired = reconciler.desire(own, now());
            let adoption = match (&desired.wanted, &own.entity.mirror) {
                (Wanted::Yes(fields), None) => Some(reconciler.adopt(own, fields, &there)),
                _ => None,
            };
            if let Some(Adoption::Take(found)) = &adoption {
                let taken = there.iter_mut().find(|candidate| candidate.id == found.id).unwrap();
                assert!(taken.owner.is_none_or(|owner| owner == *entity), "no Pivotal id has two entities: {taken:?}");
                taken.owner = Some(*entity);
            }
            let slug = reconciler.slug(own, &desired.name, &|slug| slug.len() < 4);
            assert!(slug.len() <= 60 && slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{slug}");
            let decision = reconciler.decide(own, &desired, adoption.as_ref(), Some(&slug), now());
            let may_write = !matches!(desired.wanted, Wanted::Held(_) | Wanted::Doubled(_) | Wanted::Waiting { .. });
            // The id of a record that is another's by now goes at once, whatever holds the rest.
            let has = |field: &str, id: &str| {
                let carries = |stream: Stream| stream.customer_field().is_none_or(|carried| carried == field);
                own.records
                    .iter()
                    .map(|known| &known.record.key)
                    .any(|key| carries(key.stream) && key.id.as_str() == id)
            };
            let gives_up = |operation: &Operation| {
                let an_id = |(field, change): (&String, &crate::domain::Change)| {
                    carriers().any(|carrier| carrier == field)
                        && !change.from.as_text().is_some_and(|id| has(field, id))
                };
                matches!(desired.wanted, Wanted::Doubled(_) | Wanted::Held(_))
                    && matches!(&operation.action, Action::Update { changes, .. } if changes.0.iter().all(an_id))
            };
            for operation in &decision.operations {
                let may_write = may_write || gives_up(operation);
                assert!(may_write || !operation.is_ready(), "a hold never writes: {operation:?}");
                said_by_somebody(reconciler, own, operation);
            }
            operations.extend(decision.operations);
            let told = reconciler.explain(own, now());
            assert_eq!(told.desired, desired);
        }
    }
    let clearing = Clearing::of(&operations, &|_| None);
    order(&mut operations, &BTreeSet::new(), &clearing);
    let population = Population { customers: 20, contacts: 20, onboardings: 20, loaded: true, ..Population::default() };
    let earlier = Earlier { run: RunId(1), guarded: Vec::new() };
    reconciler.guard(&mut operations, &population, &earlier, &|_| false);
    operations
}

/// Nothing is written that no source or rule said.
fn said_by_somebody(reconciler: &Reconciler, subject: &Subject, operation: &Operation) {
    let rules = reconciler.rules();
    let section = match operation.kind {
        Kind::Customer => "customers",
        Kind::Contact => "contacts",
        Kind::Onboarding => "onboardings",
    };
    for (field, to) in operation.changes().after().0 {
        let stream = Stream::ALL.into_iter().find(|stream| stream.customer_field() == Some(field.as_str()));
        let ids = |wanted: Stream| -> Vec<&str> {
            let own = subject.records.iter().filter(|known| known.record.key.stream == wanted);
            own.map(|known| known.record.key.id.as_str()).collect()
        };
        let said = match (field.as_str(), stream) {
            (_, Some(stream)) => to.is_null() || to.as_text().is_some_and(|id| ids(stream).contains(&id)),
            ("slug", _) => operation.verb() == crate::domain::Verb::Create,
            ("hubspot_deal_id", _) => {
                to.is_null() || to.as_text().is_some_and(|id| ids(Stream::HubspotDeals).contains(&id))
            }
            ("status", _) if to == Value::from("archived") || to == Value::from("active") => true,
            ("name", _) if operation.kind == Kind::Contact => true,
            _ => {
                let of = |part: &str| rules.contains_key(&format!("{section}.{part}{field}"));
                of("fields.") || of("billing.fields.") || of("")
            }
        };
        assert!(said, "nobody said {field} = {to:?}: {operation:?}");
    }
}

/// What Pivotal holds once the plan was carried out.
fn applied(mut mirrors: BTreeMap<EntityId, Mirror>, plan: &[Operation]) -> BTreeMap<EntityId, Mirror> {
    let is_new = |before: Option<Mirror>| before.is_none_or(|mirror| mirror.state == MirrorState::Deleted);
    let fresh = mirrors.len();
    for (number, operation) in plan.iter().enumerate().filter(|(_, operation)| operation.is_ready()) {
        let entity = operation.entity;
        let made = |id: PivotalId, origin, written, found| Mirror {
            id,
            display_id: None,
            parent: Some(PivotalId::new("cust-9")),
            origin,
            state: MirrorState::Live,
            written,
            found,
        };
        match &operation.action {
            Action::Create { fields, .. } => {
                let id = PivotalId::new(format!("made-{fresh}-{number}"));
                let before = mirrors.insert(entity, made(id, Origin::Created, fields.clone(), Fields::default()));
                assert!(is_new(before), "no entity has two Pivotal ids");
            }
            Action::Adopt { id, found, changes, origin, .. } => {
                let before = mirrors.insert(entity, made(id.clone(), *origin, found.with(changes), found.clone()));
                assert!(is_new(before), "no entity has two Pivotal ids");
            }
            Action::Update { changes, .. } => {
                let mirror = mirrors.get_mut(&entity).unwrap();
                mirror.written = mirror.written.with(changes);
            }
            Action::Delete { .. } => mirrors.get_mut(&entity).unwrap().state = MirrorState::Deleted,
        }
    }
    mirrors
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_sources_say_nothing_panics_and_the_invariants_hold(
        (before, records, shuffled) in two_days().prop_flat_map(|(before, after)| {
            (Just(before), Just(after.clone()), Just(after).prop_shuffle())
        }),
        there in there(),
        chosen in prop::sample::subsequence(expressions(), 4),
    ) {
        for reconciler in [sample::reconciler(|_| {}), ruled(&chosen)] {
            let first = pass(&reconciler, &before, &there, &BTreeMap::new());
            let mirrors = applied(BTreeMap::new(), &first);
            let plan = pass(&reconciler, &records, &there, &mirrors);
            prop_assert_eq!(&plan, &pass(&reconciler, &shuffled, &there, &mirrors), "shuffled input gives the same plan");
            let mirrors = applied(mirrors, &plan);
            let ids: BTreeSet<&PivotalId> = mirrors.values().map(|mirror| &mirror.id).collect();
            prop_assert_eq!(ids.len(), mirrors.len(), "no Pivotal id has two entities");
            let again = pass(&reconciler, &records, &there, &mirrors);
            // What waited for somebody's place or number the first time may be ready now; what was written is in step.
            let written: BTreeSet<EntityId> = plan.iter().filter(|o| o.is_ready()).map(|o| o.entity).collect();
            let owed: Vec<&Operation> = again.iter().filter(|o| o.is_ready() && written.contains(&o.entity)).collect();
            prop_assert!(owed.is_empty(), "the plan is empty after apply: {:?}", owed);
        }
    }

    #[test]
    fn no_text_makes_an_evidence_or_a_field_panic(text in text(), value in value()) {
        let _ = (identity::host(&text), identity::email(&text), identity::registrable(&text));
        for kind in Kind::ALL {
            for field in limits::fields(kind) {
                for value in [Value::text(text.as_str()), value.clone()] {
                    let _ = limits::fit(field.form, &value, Some(MrrUnit::Cents));
                    let _ = limits::as_found(kind, field.name, &value);
                }
            }
        }
        let _ = limits::fit_metadata(&value);
        let _ = value.to_api_json();
    }
}

#[test]
fn the_rules_of_this_test_use_every_filter() {
    assert!(expressions().len() >= 55, "{:?}", expressions());
}

#[test]
fn the_worlds_of_this_test_lead_to_everything_there_is() {
    let mut runner = TestRunner::deterministic();
    let reconciler = sample::reconciler(|settings| {
        settings.contacts.billing.enabled = true;
        settings.customers.delete_grace = Span::default();
    });
    let mut met: BTreeSet<String> = BTreeSet::new();
    for _ in 0..500 {
        let ((before, after), there) = (two_days(), there()).new_tree(&mut runner).unwrap().current();
        let mirrors = applied(BTreeMap::new(), &pass(&reconciler, &before, &there, &BTreeMap::new()));
        for operation in pass(&reconciler, &after, &there, &mirrors) {
            let standing = if operation.is_ready() { "ready" } else { "kept back" };
            met.insert(format!("{} {} {standing}", operation.verb(), operation.kind));
        }
    }
    for expected in [
        "create customer ready",
        "create customer kept back",
        "update customer ready",
        "delete customer ready",
        "adopt customer ready",
        "create contact ready",
        "update contact ready",
        "delete contact ready",
        "create onboarding ready",
    ] {
        assert!(met.contains(expected), "{expected}: {met:?}");
    }
}

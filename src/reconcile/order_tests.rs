use proptest::prelude::*;

use super::*;
use crate::domain::{Changes, Fields, PivotalId, SourceKey, Standing, Stream};

fn operation(entity: i64, kind: Kind, id: &str, action: Action) -> Operation {
    let stream = match kind {
        Kind::Customer => Stream::HubspotCompanies,
        Kind::Contact => Stream::HubspotContacts,
        Kind::Onboarding => Stream::HubspotDeals,
    };
    Operation {
        entity: EntityId(entity),
        kind,
        subject: SourceKey::new(stream, id),
        name: String::new(),
        action,
        standing: Standing::Ready,
        reason: String::new(),
        hold: None,
    }
}

fn create(fields: Fields) -> Action {
    Action::Create { parent: None, fields }
}

fn update() -> Action {
    Action::Update { id: PivotalId::new("u"), changes: Changes::default() }
}

fn delete() -> Action {
    Action::Delete { id: PivotalId::new("d") }
}

fn sample() -> Vec<Operation> {
    let primary = Fields::from([("is_primary", true.into())]);
    vec![
        operation(1, Kind::Customer, "9", update()),
        operation(2, Kind::Customer, "10", create(Fields::new())),
        operation(4, Kind::Contact, "50", create(primary)),
        operation(3, Kind::Contact, "4", delete()),
        operation(3, Kind::Contact, "4", create(Fields::new())),
        operation(5, Kind::Contact, "30", update()),
        operation(6, Kind::Onboarding, "1", create(Fields::new())),
        operation(7, Kind::Contact, "2", delete()),
        operation(8, Kind::Customer, "3", delete()),
    ]
}

proptest! {
    #[test]
    fn whatever_the_input_parents_come_first_and_deletes_last(shuffled in Just(sample()).prop_shuffle()) {
        let mut shuffled = shuffled;
        order(&mut shuffled, &BTreeSet::new(), &Clearing::default());
        prop_assert_eq!(shuffled, sample());
    }
}

proptest! {
    #[test]
    fn what_is_urgent_comes_first_with_what_it_cannot_do_without(shuffled in Just(sample()).prop_shuffle()) {
        // A person beside a customer that is only planned; the last colleague of a customer that leaves.
        let mut shuffled = shuffled;
        let parent = Some(Parent::Planned(EntityId(2)));
        shuffled.push(operation(9, Kind::Contact, "1", Action::Create { parent, fields: Fields::new() }));
        let customers = PivotalId::new("d");
        let under = |entity: EntityId| (entity == EntityId(7)).then_some(&customers);
        let urgent = with_urgent(&shuffled, &BTreeSet::from([EntityId(9), EntityId(8)]), &under);
        prop_assert_eq!(&urgent, &BTreeSet::from([2, 7, 8, 9].map(EntityId)));
        order(&mut shuffled, &urgent, &Clearing::default());
        let entities: Vec<i64> = shuffled.iter().map(|operation| operation.entity.0).collect();
        prop_assert_eq!(entities, [2, 9, 7, 8, 1, 4, 3, 3, 5, 6]);
    }
}

//! Owners of records, as rules read them (trap 27).

use pivotal_sync::domain::{Fault, PullMode, Pulled, SourceKey, Stream, Value};
use pivotal_sync::ports::{PageEnd, Source, Verdict};
use pivotal_sync::sandbox::hubspot::{ObjectType, OwnerSeed, Property, PropertyType};
use pivotal_sync::sources::hubspot::Hubspot;

use super::{COMPANIES, CONTACTS, DEALS, Kept, Portal, at, names};

const COMPANY: ObjectType = ObjectType::Company;
const CONTACT: ObjectType = ObjectType::Contact;
const SCOPE: &str = "crm.objects.owners.read";

/// A portal whose rules read owners.
async fn portal() -> Portal {
    let mut portal = Portal::start().await;
    for noun in ["company", "contact", "deal"] {
        portal.reads.insert(noun, names(&["owner"]));
    }
    portal
}

fn owner(portal: &Portal, name: &str) -> String {
    let email = format!("{}@acme.com", name.to_lowercase());
    portal.world().add_owner(OwnerSeed { email, first_name: name.to_owned(), last_name: "Lee".to_owned() })
}

fn own(portal: &Portal, object: ObjectType, id: &str, owner: &str) {
    portal.set(object, id, "hubspot_owner_id", owner);
}

async fn run(portal: &Portal, source: &Hubspot, kept: &mut Kept, stream: Stream, time: &str) -> PageEnd {
    portal.world().pin(at(time));
    kept.run(source, stream, PullMode::Changes).await.unwrap()
}

/// What a rule sees of a record's owner.
fn seen(kept: &Kept, stream: Stream, id: &str) -> String {
    match &kept.records[&SourceKey::new(stream, id)] {
        Pulled::Live(record) => record.properties["owner"].to_string(),
        other => panic!("{other:?}"),
    }
}

fn part(kept: &Kept, stream: Stream, id: &str, name: &str) -> Option<Value> {
    match &kept.records[&SourceKey::new(stream, id)] {
        Pulled::Live(record) => match &record.properties["owner"] {
            Value::Map(owner) => owner.get(name).cloned(),
            _ => None,
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn active_and_deactivated_owners_are_read_once_over_all_pages() {
    let portal = portal().await;
    let owners: Vec<String> = (0..250).map(|n| owner(&portal, &format!("Ann{n}"))).collect();
    for id in &owners[130..] {
        portal.world().archive_owner(id);
    }
    let companies: Vec<String> = (0..4).map(|n| portal.company(&format!("C{n}"))).collect();
    let contact = portal.contact("a@x.com", None);
    own(&portal, COMPANY, &companies[0], &owners[125]);
    own(&portal, COMPANY, &companies[1], &owners[249]);
    own(&portal, COMPANY, &companies[2], "");
    own(&portal, CONTACT, &contact, &owners[0]);
    let (source, mut kept) = (portal.source(), Kept::default());
    run(&portal, &source, &mut kept, COMPANIES, "11:00:00").await;
    let said = |id: &str, name: &str| part(&kept, COMPANIES, id, name);
    assert_eq!(said(&companies[0], "email"), Some("ann125@acme.com".into()));
    assert_eq!(said(&companies[0], "name"), Some("Ann125 Lee".into()));
    assert_eq!(said(&companies[0], "archived"), Some(Value::Bool(false)));
    assert_eq!(said(&companies[1], "email"), Some("ann249@acme.com".into()), "deactivated, and still the owner");
    assert_eq!(said(&companies[1], "archived"), Some(Value::Bool(true)));
    for id in &companies[2..] {
        assert_eq!(seen(&kept, COMPANIES, id), Value::Null.to_string(), "nobody's");
    }
    let mut kept = Kept::default();
    run(&portal, &source, &mut kept, CONTACTS, "11:00:00").await;
    assert_eq!(part(&kept, CONTACTS, &contact, "id"), Some(owners[0].as_str().into()));
    assert_eq!(portal.asked()["owners"], 4, "two pages of each list, once for all streams");
    assert!(source.notes().is_empty());
}

#[tokio::test]
async fn owners_are_asked_for_only_when_a_rule_reads_one_and_a_record_has_one() {
    let mut portal = portal().await;
    let ann = owner(&portal, "Ann");
    let id = portal.company("Acme");
    let mut kept = Kept::default();
    run(&portal, &portal.source(), &mut kept, COMPANIES, "11:00:00").await;
    run(&portal, &portal.source(), &mut kept, DEALS, "11:00:00").await;
    own(&portal, COMPANY, &id, &ann);
    portal.reads.insert("company", names(&["hubspot_owner_id"]));
    let mut kept = Kept::default();
    run(&portal, &portal.source(), &mut kept, COMPANIES, "11:10:00").await;
    assert_eq!(kept.live("hubspot_owner_id")[&id], ann, "the property is the id it is");
    assert_eq!(portal.asked().get("owners"), None);
}

#[tokio::test]
async fn a_new_owner_never_reads_as_nobody() {
    // A process that knows its owners already meets one that was made since.
    let portal = portal().await;
    let (ann, id) = (owner(&portal, "Ann"), portal.company("Acme"));
    own(&portal, COMPANY, &id, &ann);
    let (source, mut kept) = (portal.source(), Kept::default());
    run(&portal, &source, &mut kept, COMPANIES, "11:00:00").await;
    let bob = owner(&portal, "Bob");
    own(&portal, COMPANY, &id, &bob);
    run(&portal, &source, &mut kept, COMPANIES, "11:10:00").await;
    assert_eq!(part(&kept, COMPANIES, &id, "email"), Some("bob@acme.com".into()));
    assert_eq!(portal.asked()["owners"], 4, "both lists, twice");
}

#[tokio::test]
async fn a_users_id_is_no_owners_id_and_is_said_so() {
    let portal = portal().await;
    let (ann, id) = (owner(&portal, "Ann"), portal.company("Acme"));
    let user = (9_300_000 + ann.parse::<u64>().unwrap()).to_string();
    own(&portal, COMPANY, &id, &user);
    let (source, mut kept) = (portal.source(), Kept::default());
    run(&portal, &source, &mut kept, COMPANIES, "11:00:00").await;
    assert_eq!(part(&kept, COMPANIES, &id, "id"), Some(user.as_str().into()));
    assert_eq!(part(&kept, COMPANIES, &id, "email"), None);
    let notes = source.notes();
    assert!(matches!(notes.as_slice(), [note] if note.contains(&user) && note.contains(&id)), "{notes:?}");
    portal.world().touch(COMPANY, &id).unwrap();
    run(&portal, &source, &mut kept, COMPANIES, "11:10:00").await;
    assert_eq!(portal.asked()["owners"], 2, "not asked for again with each record that has it");
    assert_eq!(source.notes().len(), 1, "said in each run");
}

#[tokio::test]
async fn an_owners_new_address_is_found_without_a_stamp() {
    // Contacts by the stretch of each run, companies by the full pass.
    let mut portal = portal().await;
    portal.settings.link_sweep = 100;
    let (ann, company, contact) = (owner(&portal, "Ann"), portal.company("Acme"), portal.contact("a@x.com", None));
    own(&portal, COMPANY, &company, &ann);
    own(&portal, CONTACT, &contact, &ann);
    let (mut companies, mut contacts) = (Kept::default(), Kept::default());
    // The listing, and at once what changed meanwhile, which has no stretch.
    for time in ["11:00:00", "11:00:05"] {
        run(&portal, &portal.source(), &mut companies, COMPANIES, time).await;
        run(&portal, &portal.source(), &mut contacts, CONTACTS, time).await;
    }
    portal.world().set_owner_email(&ann, "new@acme.com");
    run(&portal, &portal.source(), &mut companies, COMPANIES, "12:00:00").await;
    run(&portal, &portal.source(), &mut contacts, CONTACTS, "12:00:00").await;
    assert_eq!(part(&contacts, CONTACTS, &contact, "email"), Some("new@acme.com".into()));
    assert_eq!(part(&companies, COMPANIES, &company, "email"), Some("ann@acme.com".into()), "nothing told");
    companies.run(&portal.source(), COMPANIES, PullMode::Full).await.unwrap();
    assert_eq!(part(&companies, COMPANIES, &company, "email"), Some("new@acme.com".into()));
}

#[tokio::test]
async fn without_the_right_to_owners_nothing_is_read_as_ownerless() {
    let portal = portal().await;
    let (ann, id) = (owner(&portal, "Ann"), portal.company("Acme"));
    own(&portal, COMPANY, &id, &ann);
    let mut kept = Kept::default();
    run(&portal, &portal.source(), &mut kept, COMPANIES, "11:00:00").await;
    let good = |verdict: &Verdict| matches!(verdict, Verdict::Good(_));
    let of_owners = async |portal: &Portal| {
        let all = portal.source().check().await;
        all.into_iter().find(|finding| finding.what.contains("owners")).unwrap().verdict
    };
    assert!(good(&of_owners(&portal).await));

    let before = (kept.cursor.clone(), kept.records.clone());
    portal.world().revoke(SCOPE);
    for mode in [PullMode::Full, PullMode::Changes] {
        portal.world().pin(at("11:30:00"));
        portal.world().touch(COMPANY, &id).unwrap();
        portal.world().pin(at("12:00:00"));
        let mut kept = Kept { cursor: before.0.clone(), records: before.1.clone(), ..Kept::default() };
        let error = kept.run(&portal.source(), COMPANIES, mode).await.unwrap_err();
        assert_eq!(error.fault, Fault::Forbidden { scopes: vec![SCOPE.to_owned()] }, "{error}");
        assert_eq!(kept.records, before.1, "what was known stays");
    }
    let Verdict::Bad { remedy, .. } = of_owners(&portal).await else { panic!("the scope is missing") };
    assert!(remedy.contains(SCOPE), "{remedy}");
    // An answer that names no scope gets it named.
    portal.plan("/owners/", 403, &[], "{}");
    let error = Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
    assert_eq!(error.fault, Fault::Forbidden { scopes: vec![SCOPE.to_owned()] }, "{error}");
}

#[tokio::test]
async fn a_property_that_is_called_owner_is_not_taken_for_one() {
    let portal = portal().await;
    let (ann, id) = (owner(&portal, "Ann"), portal.company("Acme"));
    portal.world().add_property(COMPANY, Property::custom("owner", PropertyType::String));
    portal.set(COMPANY, &id, "owner", "somebody's note");
    own(&portal, COMPANY, &id, &ann);
    let mut kept = Kept::default();
    run(&portal, &portal.source(), &mut kept, COMPANIES, "11:00:00").await;
    assert_eq!(part(&kept, COMPANIES, &id, "name"), Some("Ann Lee".into()));
    let warned = portal.source().check().await.into_iter().find(|finding| finding.what.ends_with("company.owner"));
    assert!(
        matches!(warned.unwrap().verdict, Verdict::Warning { remedy, .. } if remedy.contains("company.owner.email"))
    );
}

#[tokio::test]
async fn a_list_of_owners_without_end_stops_the_pull() {
    let portal = portal().await;
    let (ann, id) = (owner(&portal, "Ann"), portal.company("Acme"));
    own(&portal, COMPANY, &id, &ann);
    for _ in 0..2 {
        portal.plan("/owners/", 200, &[], r#"{"results":[],"paging":{"next":{"after":"7"}}}"#);
    }
    let error = Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unexpected, "{error}");
}

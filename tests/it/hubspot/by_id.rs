//! Reading by id, and merges.

use pivotal_sync::domain::{Facts, Fault, PullMode, Pulled, Record, SourceKey};
use pivotal_sync::ports::Source;
use pivotal_sync::sandbox::hubspot::{NoneFound, ObjectType};

use super::{COMPANIES, CONTACTS, Kept, Portal, accounts, at, ids, told};

const COMPANY: ObjectType = ObjectType::Company;

async fn read(portal: &Portal, asked: &[&str]) -> Vec<String> {
    portal.source().read(COMPANIES, &ids(asked), None).await.unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn one_answer_for_each_id_asked() {
    // Traps 7, 8, 10 and 34, and trap 35 both ways.
    let portal = Portal::start().await;
    let [live, archived, purged, one, two] = ["a", "b", "c", "d", "e"].map(|name| portal.company(name));
    portal.world().archive(COMPANY, &archived).unwrap();
    portal.world().purge(COMPANY, &purged).unwrap();
    let survivor = portal.world().merge(COMPANY, &one, &two).unwrap();
    for none_found in [NoneFound::MultiStatus, NoneFound::NotFound] {
        portal.world().switches.none_found = none_found;
        let asked = [live.as_str(), &archived, &purged, &one, &two, "7", &live];
        let mut expected = vec![
            format!("{live} live"),
            format!("{archived} archived"),
            format!("{purged} deleted"),
            format!("{one} into {survivor}"),
            format!("{two} into {survivor}"),
            "7 deleted".to_owned(),
        ];
        expected.sort();
        let mut answers = read(&portal, &asked).await;
        answers.sort();
        assert_eq!(answers, expected);
        assert_eq!(read(&portal, &[&purged]).await, [format!("{purged} deleted")], "{none_found:?}");
        assert_eq!(read(&portal, &[&archived]).await, [format!("{archived} archived")], "{none_found:?}");
        assert!(read(&portal, &[]).await.is_empty());
    }
}

#[tokio::test]
async fn more_than_a_batch_is_read_with_links() {
    let portal = Portal::start().await;
    let acme = portal.company("Acme");
    let contacts: Vec<String> = (0..250).map(|n| portal.contact(&format!("p{n}@x.com"), Some((&acme, true)))).collect();
    let asked: Vec<&str> = contacts.iter().map(String::as_str).collect();
    let answers = portal.source().read(CONTACTS, &ids(&asked), None).await.unwrap();
    assert_eq!(answers.len(), 250);
    assert!(answers.iter().all(|pulled| accounts(pulled) == [format!("{acme}*")]));
    let asked = portal.asked();
    assert_eq!((asked["read"], asked["links"]), (3, 1));
}

#[tokio::test]
async fn a_lost_right_or_a_wrong_path_is_never_absence() {
    // Traps 35, 38, 40.
    let portal = Portal::start().await;
    let id = portal.company("Acme");
    let source = portal.source();
    source.read(COMPANIES, &ids(&[&id]), None).await.unwrap();

    // "No such object type": the list says so too.
    let absent = r#"{"status":"error","category":"OBJECT_NOT_FOUND","message":"resource not found"}"#;
    portal.plan("/batch/read", 404, &[], absent);
    portal.plan("GET /crm/objects/", 404, &[], absent);
    let error = source.read(COMPANIES, &ids(&[&id]), None).await.unwrap_err();
    assert_eq!(error.fault, Fault::NotFound);

    // An edge page, once: passing.
    portal.plan("/batch/read", 404, &[], "<html>404</html>");
    let answers = source.read(COMPANIES, &ids(&[&id]), None).await.unwrap();
    assert_eq!(told(&answers[0]), format!("{id} live"));

    // Halves that failed for another reason, and batches that are not done.
    let passing = |error: pivotal_sync::domain::ApiError| assert_eq!(error.fault, Fault::Unavailable, "{error}");
    let body = r#"{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"category":"INTERNAL_ERROR","context":{"ids":["1"]}}]}"#;
    portal.plan("/batch/read", 207, &[], body);
    passing(source.read(COMPANIES, &ids(&[&id]), None).await.unwrap_err());
    portal.plan("/batch/read", 200, &[], r#"{"status":"PENDING","results":[]}"#);
    passing(source.read(COMPANIES, &ids(&[&id]), None).await.unwrap_err());
    portal.plan("/batch/read", 200, &[], "{}");
    assert_eq!(source.read(COMPANIES, &ids(&[&id]), None).await.unwrap_err().fault, Fault::Unexpected);

    portal.world().revoke("crm.objects.companies.read");
    let error = source.read(COMPANIES, &ids(&[&id]), None).await.unwrap_err();
    assert_eq!(error.fault, Fault::Forbidden { scopes: vec!["crm.objects.companies.read".to_owned()] });
}

#[tokio::test]
async fn a_link_request_that_failed_in_part_is_no_missing_link() {
    let portal = Portal::start().await;
    let id = portal.contact("a@x.com", None);
    let source = portal.source();
    let error = |category: &str| format!(r#"{{"results":[],"errors":[{{"category":"{category}","message":"m"}}]}}"#);
    portal.plan("/associations/", 207, &[], &error("INTERNAL_ERROR"));
    assert_eq!(source.read(CONTACTS, &ids(&[&id]), None).await.unwrap_err().fault, Fault::Unavailable);
    portal.plan("/associations/", 207, &[], &error("OBJECT_NOT_FOUND"));
    let answers = source.read(CONTACTS, &ids(&[&id]), None).await.unwrap();
    assert!(accounts(&answers[0]).is_empty());
}

#[tokio::test]
async fn merges_and_chains_end_in_the_survivor() {
    // Traps 10 and 11, with the new id of today and the kept id of before 2025; search tells of contacts' old ids or not.
    for (keeps, hides) in [(false, false), (false, true), (true, false), (true, true)] {
        let portal = Portal::start().await;
        {
            let switches = &mut portal.world().switches;
            (switches.merge_keeps_winner, switches.search_hides_merged_ids) = (keeps, hides);
        }
        let [a, b, c, d] = ["a@x.com", "b@x.com", "c@x.com", "d@x.com"].map(|email| portal.contact(email, None));
        let source = portal.source();
        let mut kept = Kept::default();
        portal.world().pin(at("10:30:00"));
        kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap();

        portal.world().pin(at("11:00:00"));
        let first = portal.world().merge(ObjectType::Contact, &a, &b).unwrap();
        portal.world().pin(at("12:00:00"));
        kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap();
        let mut expected = vec![format!("{b} into {first}"), format!("{first} live")];
        expected.extend((!keeps).then(|| format!("{a} into {first}")));
        expected.sort();
        assert_eq!(kept.shown(), expected, "keeps the winner: {keeps}, hides: {hides}");
        assert_eq!(kept.live("email"), portal.truth(ObjectType::Contact, "email"));

        portal.world().pin(at("13:00:00"));
        let second = portal.world().merge(ObjectType::Contact, &c, &d).unwrap();
        let last = portal.world().merge(ObjectType::Contact, &second, &first).unwrap();
        portal.world().pin(at("14:00:00"));
        kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap();
        assert_eq!(
            kept.live("email"),
            portal.truth(ObjectType::Contact, "email"),
            "keeps the winner: {keeps}, hides: {hides}"
        );
        let Pulled::Live(Record { facts: Facts::Person(person), .. }) =
            &kept.records[&SourceKey::new(CONTACTS, last.as_str())]
        else {
            panic!("the survivor lives")
        };
        assert!(!person.merged.contains(&SourceKey::new(CONTACTS, last.as_str())), "never itself");
        for old in [&a, &b, &c, &d, &first, &second].into_iter().filter(|id| **id != last) {
            let key = SourceKey::new(CONTACTS, old.as_str());
            assert_eq!(told(&kept.records[&key]), format!("{old} into {last}"));
            let answers = source.read(CONTACTS, &ids(&[old]), None).await.unwrap();
            assert_eq!(answers.iter().map(told).collect::<Vec<_>>(), [format!("{old} into {last}")]);
        }
    }
}

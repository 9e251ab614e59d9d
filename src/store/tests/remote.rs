use super::*;
use crate::domain::ExternalId;
use crate::ports::RemoteObject;

fn object(id: &str, kind: Kind, parent: Option<&str>, pairs: &[(&str, Value)]) -> RemoteObject {
    let fields = Fields(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
    let parent = parent.map(PivotalId::new);
    RemoteObject {
        kind,
        id: PivotalId::new(id),
        display_id: Some(1),
        parent,
        fields,
        created_at: None,
        updated_at: None,
    }
}

fn customers(companies: &[&str], stripe: &[&str], domains: &[&str]) -> RemoteQuery {
    RemoteQuery::Customers {
        hubspot_company_ids: companies.iter().map(|id| ExternalId::new(*id)).collect(),
        stripe_customer_ids: stripe.iter().map(|id| ExternalId::new(*id)).collect(),
        domains: domains.iter().map(|d| (*d).to_owned()).collect(),
    }
}

#[tokio::test]
async fn objects_are_found_by_any_evidence_once_per_query() {
    let scene = Scene::new().await;
    let number = Value::Number(123.into());
    let both = [("hubspot_company_id", number), ("domain", "Acme.COM".into()), ("stripe_customer_id", "cus_X".into())];
    let objects = [
        object("p1", Kind::Customer, None, &both),
        object("p2", Kind::Customer, None, &[("domain", "acme.com".into()), ("hubspot_company_id", Value::Null)]),
        object("c1", Kind::Contact, Some("p1"), &[("email", "A@acme.com".into())]),
        object("o1", Kind::Onboarding, Some("p1"), &[]),
    ];
    scene.store.save_remote(&objects, at(1)).await.unwrap();
    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "p2").await;
    let children = |kind| RemoteQuery::Children { kind, parent: PivotalId::new("p1") };
    let queries = [
        customers(&["123"], &["cus_X"], &["acme.com"]),
        customers(&[], &["cus_x"], &["none.com"]),
        children(Kind::Contact),
        children(Kind::Onboarding),
    ];
    let answers = scene.store.remote(&queries).await.unwrap();
    let ids: Vec<Vec<&str>> = answers.iter().map(|a| a.iter().map(|r| r.id.as_str()).collect()).collect();
    assert_eq!(ids, [vec!["p1", "p2"], vec![], vec!["c1"], vec!["o1"]], "ids are case-sensitive");
    assert_eq!(answers[0][0].owner, None);
    assert_eq!(answers[0][1].owner, Some(entity));
    assert_eq!(answers[0][0].fields, objects[0].fields);
    assert_eq!(answers[2][0].parent, Some(PivotalId::new("p1")));
    assert!(scene.store.remote(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_domain_is_found_in_either_spelling() {
    let scene = Scene::new().await;
    let with = |id, domain: &str| object(id, Kind::Customer, None, &[("domain", domain.into())]);
    scene.store.save_remote(&[with("p1", "Bücher.de"), with("p2", "XN--bcher-kva.de")], at(1)).await.unwrap();
    for domain in ["bücher.de", "BÜCHER.de", "xn--bcher-kva.de"] {
        let found = scene.store.remote(&[customers(&[], &[], &[domain])]).await.unwrap().remove(0);
        assert_eq!(found.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["p1", "p2"], "{domain}");
    }
    let (one, other) = (scene.account("1").await, scene.account("2").await);
    scene.create(one, Kind::Customer, "p1").await;
    scene.create(other, Kind::Customer, "p2").await;
    let told = scene.store.explain(&"bücher.de".parse().unwrap()).await.unwrap();
    let ids: Vec<_> = told.iter().map(|story| story.entity.as_ref().unwrap().entity.id).collect();
    assert_eq!(ids, [one, other], "what stands for a customer under the domain");
}

#[tokio::test]
async fn a_walk_replaces_what_it_shows_and_what_is_gone_is_forgotten() {
    let scene = Scene::new().await;
    let named = |domain: &str| object("p1", Kind::Customer, None, &[("domain", domain.into())]);
    scene.store.save_remote(&[named("a.com"), object("c1", Kind::Contact, Some("p1"), &[])], at(1)).await.unwrap();
    scene.store.save_remote(&[named("b.com")], at(2)).await.unwrap();
    let found = scene.store.remote(&[customers(&[], &[], &["a.com"]), customers(&[], &[], &["b.com"])]).await.unwrap();
    assert_eq!((found[0].len(), found[1].len()), (0, 1));
    assert_eq!(found[1][0].seen_at, at(2));
    scene.store.forget_remote(&[PivotalId::new("p1"), PivotalId::new("p9")]).await.unwrap();
    assert!(scene.store.remote(&[customers(&[], &[], &["b.com"])]).await.unwrap()[0].is_empty());
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM remote").await, 1);
}

#[tokio::test]
async fn a_person_is_found_by_address_and_an_onboarding_by_its_notes_wherever_they_live() {
    let scene = Scene::new().await;
    let objects = [
        object("c1", Kind::Contact, Some("p1"), &[("email", "Jo@Acme.com".into())]),
        object("c2", Kind::Contact, Some("p2"), &[("email", "jo@acme.com".into()), ("notes", "HubSpot deal 7".into())]),
        object("o1", Kind::Onboarding, Some("p1"), &[("notes", " HubSpot deal 7\n".into())]),
        object("o2", Kind::Onboarding, Some("p2"), &[("notes", Value::Null)]),
        object("p1", Kind::Customer, None, &[("notes", "HubSpot deal 7".into())]),
    ];
    scene.store.save_remote(&objects, at(1)).await.unwrap();
    let asked = [
        RemoteQuery::Emails(vec!["jo@acme.com".to_owned()]),
        RemoteQuery::Notes(vec!["HubSpot deal 7".to_owned()]),
        RemoteQuery::Emails(vec!["no@acme.com".to_owned()]),
    ];
    let found = scene.store.remote(&asked).await.unwrap();
    let ids: Vec<Vec<&str>> = found.iter().map(|rows| rows.iter().map(|row| row.id.as_str()).collect()).collect();
    assert_eq!(ids, [vec!["c1", "c2"], vec!["o1"], vec![]]);
}

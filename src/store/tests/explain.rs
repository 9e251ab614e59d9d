use super::*;
use crate::domain::{Gone, Later, Removal};

fn reference(text: &str) -> Reference {
    text.parse().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn references_read_as_people_write_them() {
    let cases = [
        ("hubspot:company:123", Reference::Record(key(COMPANIES, "123"))),
        ("stripe:customer:cus_aB", Reference::Record(key(CUSTOMERS, "cus_aB"))),
        ("pivotal:customer:42", Reference::Display(Kind::Customer, 42)),
        ("pivotal:contact:clabc123", Reference::Cuid(PivotalId::new("clabc123"))),
        ("clx1a2b3c4d5e6f7g8h9i0j1k", Reference::Id("clx1a2b3c4d5e6f7g8h9i0j1k".to_owned())),
        // pivotal-api.md 9: the reference shows UUIDs and prefixed ids, too.
        ("cust_8f3a2b", Reference::Id("cust_8f3a2b".to_owned())),
        ("123456789", Reference::Id("123456789".to_owned())),
        ("https://www.Acme.com/?a=b", Reference::Page { host: "acme.com".to_owned(), path: vec![] }),
        (
            "https://app.hubspot.com/contacts/99/record/0-2/123?eschref=x#top",
            Reference::Page {
                host: "app.hubspot.com".to_owned(),
                path: ["contacts", "99", "record", "0-2", "123"].map(str::to_owned).to_vec(),
            },
        ),
        (" Acme.COM ", Reference::Domain("acme.com".to_owned())),
        ("Jo@Acme.com", Reference::Email("jo@acme.com".to_owned())),
    ];
    for (text, wanted) in cases {
        assert_eq!(reference(text), wanted, "{text}");
        // A Pivotal id alone is looked for among the sources' ids, too.
        if !matches!(wanted, Reference::Cuid(_)) {
            assert_eq!(reference(&wanted.to_string()), wanted);
        }
    }
    for text in
        ["", "acme", "https://", "pivotal:deal:1", "pivotal:customer:", "hubspot:thing:1", "@", "a@", "two words"]
    {
        let error = text.parse::<Reference>().expect_err(text);
        assert!(error.to_string().contains("hubspot:company:123"), "{error}");
    }
}

#[tokio::test]
async fn every_kind_of_reference_tells_the_same_story() {
    let scene = Scene::new().await;
    let entity = scene.account("acme").await;
    scene.create(entity, Kind::Customer, "clp1").await;
    let held = Operation { standing: Standing::Held("guard".to_owned()), ..creating(entity, Kind::Customer) };
    scene.plan(held).await;
    let by_key = scene.store.explain(&reference("hubspot:company:acme")).await.unwrap();
    let story = &by_key[0];
    let teller = story.entity.as_ref().unwrap();
    assert_eq!((teller.entity.id, teller.entity.mirror.as_ref()), (entity, Some(&mirror("clp1"))));
    assert_eq!(story.records[0].tokens, ["domain:acme.com", "is:hubspot:company:acme"]);
    assert_eq!((story.records[0].state.as_str(), story.records[0].seen_at), ("live", at(1)));
    assert_eq!(story.mapping[0].pivotal_id, PivotalId::new("clp1"));
    assert_eq!(story.operations[0].why.as_deref(), Some("guard"));
    assert_eq!((story.attempts[0].outcome.as_str(), story.attempts[0].status), ("done", Some(201)));
    let pasted = ["https://acme.com/about", "https://app.example.com/99/company/acme?x=1", "https://acme.com"];
    let typed = ["pivotal:customer:42", "pivotal:customer:clp1", "clp1", "acme.com", "www.shop.acme.com"];
    for text in typed.into_iter().chain(pasted) {
        assert_eq!(scene.store.explain(&reference(text)).await.unwrap(), by_key, "{text}");
    }
    for text in ["hubspot:company:404", "other.com", "jo@acme.com", "pivotal:contact:42", "clunknown"] {
        assert!(scene.store.explain(&reference(text)).await.unwrap().is_empty(), "{text}");
    }
}

#[tokio::test]
async fn unbound_unreadable_and_deleted_have_their_stories() {
    let scene = Scene::new().await;
    scene.save(&[contact("jo", &key(COMPANIES, "1"))]).await;
    let story = scene.store.explain(&reference("JO@x.com")).await.unwrap().remove(0);
    assert!(story.entity.is_none() && story.records[0].facts.is_some());

    scene.save(&[malformed(key(COMPANIES, "bad"), "no id")]).await;
    let story = scene.store.explain(&reference("hubspot:company:bad")).await.unwrap().remove(0);
    assert_eq!((story.records[0].state.as_str(), story.records[0].facts.as_ref()), ("malformed", None));
    assert_eq!(story.records[0].unreadable.as_deref(), Some("no id"));

    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "clp1").await;
    scene.save(&[gone(key(COMPANIES, "1"), Gone::Deleted)]).await;
    let operation = scene.plan(creating(entity, Kind::Customer)).await;
    scene.store.settle(vec![settlement(None, operation, entity, Settled::Deleted)]).await.unwrap();
    for text in ["clp1clp1", "pivotal:customer:42", "pivotal:customer:clp1"] {
        let known = !text.starts_with("clp1");
        assert_eq!(scene.store.explain(&reference(text)).await.unwrap().len(), usize::from(known), "{text}");
    }
}

#[tokio::test]
async fn a_page_names_the_record_of_the_kind_it_shows() {
    let scene = Scene::new().await;
    let company = scene.account("953").await;
    let owner = key(COMPANIES, "953");
    scene.save(&[contact("953", &owner)]).await;
    let told = async |text: &str| -> Vec<SourceKey> {
        let stories = scene.store.explain(&reference(text)).await.unwrap();
        stories.into_iter().flat_map(|story| story.records).map(|record| record.key).collect()
    };
    let entity = |stories: Vec<crate::store::Story>| stories[0].entity.as_ref().map(|entity| entity.entity.id);
    for page in ["record/0-2/953", "company/953"] {
        let address = format!("https://app.hubspot.com/contacts/1/{page}");
        assert_eq!(told(&address).await, std::slice::from_ref(&owner), "{page}");
        assert_eq!(entity(scene.store.explain(&reference(&address)).await.unwrap()), Some(company));
    }
    assert_eq!(
        told("https://app.hubspot.com/contacts/1/record/0-1/953").await,
        [SourceKey::new(Stream::HubspotContacts, "953")]
    );
    assert!(told("https://app.hubspot.com/contacts/1/record/0-3/953").await.is_empty());
    assert_eq!(told("https://app.example.com/x/953").await.len(), 2, "a page of no known kind");
}

#[tokio::test]
async fn a_host_that_is_no_evidence_names_its_record_and_nothing_below_it() {
    let scene = Scene::new().await;
    let row = |id: &str, tokens: &[&str]| live(key(COMPANIES, id), Facts::Account(AccountFacts::default()), tokens);
    scene
        .save(&[row("1", &["host:github.io"]), row("2", &["domain:xn--bcher-kva.de", "email:a@xn--bcher-kva.de"])])
        .await;
    for (text, known) in [
        ("github.io", 1),
        ("acme.github.io", 0),
        ("bücher.de", 1),
        ("shop.Bücher.de", 1),
        ("xn--bcher-kva.de", 1),
        ("A@bücher.de", 1),
    ] {
        assert_eq!(scene.store.explain(&reference(text)).await.unwrap().len(), known, "{text}");
    }
}

#[tokio::test]
async fn a_story_shows_the_last_ten_attempts_newest_first() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let operation = scene.plan(creating(entity, Kind::Customer)).await;
    let mut sent = Vec::new();
    for _ in 0..12 {
        sent.push(scene.send(operation, &creating(entity, Kind::Customer)).await);
    }
    let story = scene.store.explain(&reference("hubspot:company:1")).await.unwrap().remove(0);
    let shown: Vec<_> = story.attempts.iter().map(|a| a.id).collect();
    assert_eq!(shown, sent[2..].iter().rev().copied().collect::<Vec<_>>());
}

#[tokio::test]
async fn counts_tell_the_streams_and_what_waits_out_its_grace() {
    let scene = Scene::new().await;
    assert!(scene.store.counts().await.unwrap().streams.is_empty());
    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "p1").await;
    let cursor = Cursor("c1".to_owned());
    let page = PageToSave {
        stream: COMPANIES,
        rows: &[],
        cursor: Some(&cursor),
        keeps: "k1",
        listing: None,
        ends_listing: false,
        now: at(9),
    };
    scene.store.save_page(page).await.unwrap();
    let look = Look {
        entity,
        name: "Acme".to_owned(),
        unwanted: Some("gone at HubSpot".to_owned()),
        settled: true,
        later: Some(Later { removal: Removal::Archive, at: at(999) }),
        again: None,
        notes: Vec::new(),
    };
    scene.store.save_looks(&[look], at(9)).await.unwrap();
    let counts = scene.store.counts().await.unwrap();
    assert_eq!((counts.mapped[0], counts.waiting_deletions, counts.waiting_archivals), ((Kind::Customer, 1), 0, 1));
    let leaving = scene.store.leaving(9).await.unwrap();
    assert_eq!(leaving.len(), 1);
    assert_eq!((leaving[0].subject.as_str(), leaving[0].later.removal), ("hubspot:company:1", Removal::Archive));
    assert_eq!((leaving[0].later.at, &leaving[0].pivotal_id), (at(999), &PivotalId::new("p1")));
    assert!(scene.store.leaving(0).await.unwrap().is_empty());
    let (stream, state, live) = &counts.streams[0];
    assert_eq!((*stream, state.cursor.0.as_str(), *live), (COMPANIES, "c1", 1));
}

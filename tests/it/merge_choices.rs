//! The ways out of a merge that left two customers (hubspot-api.md trap 10): whichever a person takes, no id is on two
//! customers, before or after, and a store that is lost comes back to the same.

use chrono::Utc;
use pivotal_sync::sandbox::hubspot::{DealSeed, ObjectType};
use pivotal_sync::sandbox::pivotal::Object;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};
use super::rig::text;

const DEAL: &str = "hubspot_deal_id";

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

/// Two companies that are customers, each with a person; the second has won a deal and pays.
struct Pair {
    desk: Desk,
    one: String,
    two: String,
    deal: String,
    payer: String,
    /// Their customers.
    first: String,
    second: String,
}

impl Pair {
    async fn new() -> Self {
        Self::that(true).await
    }

    /// The same without a deal, and nobody pays.
    async fn poor() -> Self {
        Self::that(false).await
    }

    async fn that(wins_and_pays: bool) -> Self {
        let desk = Desk::with("").await;
        let config = desk.configuration().replace("[onboardings]\nenabled = false", "[onboardings]\nenabled = true");
        std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
        let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        desk.person(&one, "Ann", "ann@one.com");
        desk.person(&two, "Bob", "bob@two.com");
        let (mut payer, mut deal) = (String::new(), String::new());
        if wins_and_pays {
            payer = desk.payer("Two Billing", "billing@two.com");
            let (company, created) = (Some(id(&two).to_owned()), Utc::now() - chrono::TimeDelta::days(3));
            let properties =
                text([("dealname", "D"), ("dealstage", "closedwon"), ("closedate", &created.to_rfc3339())]);
            deal = desk.sandbox.hubspot().add_deal(DealSeed { properties, company, created });
        }
        desk.ends(0, "sync").await;
        let of = |company: &str| desk.customer(BY_COMPANY, company).unwrap().0;
        let (first, second) = (of(&one), of(&two));
        let pair = Self { first, second, one, two, deal, payer, desk };
        assert!(!wins_and_pays || pair.carrying(DEAL, &pair.deal) == [pair.second.as_str()]);
        pair
    }

    /// The second is merged into the first; answers the survivor.
    fn merge(&self) -> String {
        let survivor = self.desk.sandbox.hubspot().merge(ObjectType::Company, id(&self.one), id(&self.two)).unwrap();
        format!("hubspot:company:{survivor}")
    }

    /// The customers that carry an id.
    fn carrying(&self, field: &str, reference: &str) -> Vec<String> {
        let pivotal = self.desk.sandbox.pivotal();
        let rows = pivotal.visible(Object::Customer).filter(|row| row.text(field) == Some(id(reference)));
        rows.map(|row| format!("pivotal:customer:{}", row.display_id)).collect()
    }

    fn no_id_is_doubled(&self) {
        let pivotal = self.desk.sandbox.pivotal();
        assert_eq!(pivotal.duplicates(), Vec::<String>::new());
        let deals = pivotal.visible(Object::Customer).filter(|row| row.text(DEAL).is_some()).count();
        assert!(deals <= 1, "{deals}");
    }

    /// The customer that somebody lives under, as `why` tells it.
    async fn home(&self, mail: &str) -> String {
        let said = self.desk.ends(0, &format!("why {mail} --json")).await;
        let customer = said.json["found"][0]["customer"]["pivotal_id"].as_str().unwrap_or_default().to_owned();
        let pivotal = self.desk.sandbox.pivotal();
        let row = pivotal.visible(Object::Customer).find(|row| row.id == customer);
        row.map_or(said.text, |row| format!("pivotal:customer:{}", row.display_id))
    }

    fn counts(&self) -> [usize; 3] {
        let pivotal = self.desk.sandbox.pivotal();
        [Object::Customer, Object::Contact, Object::Onboarding].map(|object| pivotal.visible(object).count())
    }

    /// In step, and so again and on a full look.
    async fn is_settled(&self) {
        for line in ["sync", "sync --full"] {
            let code = self.desk.run(&line.split(' ').collect::<Vec<_>>()).await.code;
            assert_eq!(code, 0, "{line}: {}", self.desk.run(&["status"]).await.text);
            self.no_id_is_doubled();
        }
        self.desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_doubles_no_id_before_anybody_decides() {
    let pair = Pair::new().await;
    let survivor = pair.merge();
    for line in ["sync", "sync --full", "sync"] {
        pair.desk.ends(3, line).await;
        pair.no_id_is_doubled();
    }
    assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.first.as_str()]);
    assert_eq!(pair.carrying(BY_COMPANY, &pair.two), [pair.second.as_str()]);
    assert_eq!(pair.carrying(BY_PAYER, &pair.payer), [pair.second.as_str()]);
    // Its onboarding is there, whoever the deal belongs to by now.
    assert_eq!(pair.carrying(DEAL, &pair.deal), [pair.second.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_keep_the_loser_takes_the_ids_off_the_other_first() {
    for looked in [true, false] {
        let pair = Pair::new().await;
        let survivor = pair.merge();
        pair.desk.ends(3, "sync").await;
        pair.desk.ends(0, &format!("link {survivor} {}", pair.second)).await;
        pair.desk.sandbox.log.clear();
        if looked {
            pair.desk.ends(3, "sync").await;
            pair.no_id_is_doubled();
            // Given up before it is taken on.
            let sent: Vec<String> = pair
                .desk
                .sandbox
                .log
                .entries()
                .into_iter()
                .filter(|e| e.api == "pivotal")
                .filter(|e| e.method == "PATCH")
                .map(|e| e.path)
                .collect();
            let row = pair.desk.customer(BY_COMPANY, &survivor).unwrap().1;
            assert!(!sent[0].contains(row["id"].as_str().unwrap()), "{sent:?}");
        }
        pair.desk.ends(3, "sync").await;
        assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.second.as_str()]);
        assert_eq!(pair.carrying(DEAL, &pair.deal), [pair.second.as_str()]);
        let said = pair.desk.ends(3, "status").await.text;
        let ways = [format!("approve {}", pair.one), format!("ignore {}", pair.one)];
        assert!(ways.iter().all(|way| said.contains(way)), "{said}");
        // Both ways out of what is left, as they are printed.
        pair.desk.ends(0, &ways[usize::from(looked)]).await;
        pair.desk.ends(0, "sync").await;
        assert_eq!(pair.counts()[0], 1 + usize::from(looked));
        pair.is_settled().await;
        assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.second.as_str()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn to_keep_both_after_keeping_the_loser_leaves_no_id_on_two() {
    let pair = Pair::new().await;
    let survivor = pair.merge();
    pair.desk.ends(3, "sync").await;
    pair.desk.ends(0, &format!("link {survivor} {}", pair.second)).await;
    pair.desk.ends(0, &format!("ignore {}", pair.one)).await;
    pair.is_settled().await;
    assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.second.as_str()]);
    assert_eq!(pair.counts()[0], 2);
    let before = pair.counts();
    pair.rebuilt(before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_deals_of_a_customer_that_is_kept_beside_are_not_made_twice() {
    let pair = Pair::new().await;
    let survivor = pair.merge();
    pair.desk.ends(3, "sync").await;
    pair.desk.ends(0, &format!("ignore {}", pair.two)).await;
    pair.is_settled().await;
    let kept = pair.desk.customer(BY_COMPANY, &pair.two).unwrap().1;
    let said = pair.desk.ends(0, "why bob@two.com --json").await;
    assert!(said.text.contains(kept["id"].as_str().unwrap()), "{}", said.text);
    let customer = said.json["found"][0]["customer"]["pivotal_id"].clone();
    assert_eq!(customer, kept["id"], "{}", said.text);
    assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.first.as_str()]);
    let before = pair.counts();
    pair.rebuilt(before).await;
    let customer = pair.desk.ends(0, "why bob@two.com --json").await.json["found"][0]["customer"]["pivotal_id"].clone();
    assert_eq!(customer, kept["id"], "after the rebuild");
}

impl Pair {
    /// The store is lost and comes back from Pivotal, the sources and the decisions: nothing is made twice.
    async fn rebuilt(&self, before: [usize; 3]) {
        self.desk.ends(0, "export decisions --format jsonl --out decisions.jsonl").await;
        self.desk.lose_store();
        self.desk.ends(0, "import decisions.jsonl").await;
        for line in ["backfill", "sync", "sync --full"] {
            let said = self.desk.run(&line.split(' ').collect::<Vec<_>>()).await;
            assert_eq!(self.counts(), before, "{line}: {}", said.text);
            assert_eq!(said.code, 0, "{line}: {}", said.text);
            self.no_id_is_doubled();
        }
    }
}

/// What a person linked instead of the survivor: the customer that is left behind keeps the id it is known by.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_a_merged_record_left_behind_is_known_again_by_a_rebuild() {
    let pair = Pair::poor().await;
    pair.merge();
    pair.desk.ends(3, "sync").await;
    pair.desk.ends(0, &format!("link {} {}", pair.two, pair.first)).await;
    // Its people may not follow yet.
    let file = pair.desk.folder.path().join("config.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}\n[guard]\nmax_deletes = 0\nmin_population = 1\n")).unwrap();
    let before = pair.counts();
    pair.desk.ends(3, "sync").await;
    assert_eq!(pair.counts(), before);
    assert_eq!(pair.carrying(BY_COMPANY, &pair.two), [pair.second.as_str()]);
    pair.desk.lose_store();
    for line in ["backfill", "sync", "sync --full"] {
        pair.desk.ends(3, line).await;
        assert_eq!(pair.counts(), before, "{line}");
        pair.no_id_is_doubled();
    }
}

/// A store that is lost while the question stands asks it again: by the ids that were merged, whatever else the two customers
/// share. What is not chosen stays in Pivotal with its people, and is known again as often as a store is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_in_the_middle_of_an_undecided_merge_asks_again_and_makes_nothing_twice() {
    for (rich, seen, chosen) in
        [(true, true, 0), (true, true, 1), (false, true, 0), (false, true, 1), (false, false, 0)]
    {
        let pair = if rich { Pair::new().await } else { Pair::poor().await };
        let survivor = pair.merge();
        if seen {
            pair.desk.ends(3, "sync").await;
        }
        let before = pair.counts();
        pair.desk.lose_store();
        for line in ["backfill", "sync", "sync --full"] {
            pair.desk.ends(3, line).await;
            assert_eq!(pair.counts(), before, "{line}");
            pair.no_id_is_doubled();
        }
        let said = pair.desk.ends(3, "status").await.text;
        let ways = [&pair.first, &pair.second].map(|it| format!("link {survivor} {it}"));
        assert!(ways.iter().all(|way| said.contains(way)), "{said}");
        pair.desk.ends(0, &ways[chosen]).await;
        for turn in 0..2 {
            pair.is_settled().await;
            assert_eq!(pair.counts(), before, "{:?}", (rich, seen, chosen, turn));
            for (mail, home) in [("ann@one.com", &pair.first), ("bob@two.com", &pair.second)] {
                assert_eq!(pair.home(mail).await, *home, "{mail}: {:?}", (rich, seen, chosen, turn));
            }
            pair.rebuilt(before).await;
        }
        if chosen == 1 {
            // The one that was chosen goes without the id that the other has, until it is taken off there: as it was told.
            assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.first.as_str()]);
            let said = pair.desk.ends(0, "sync --full").await.text;
            assert!(said.contains(&format!("hubspot_company_id {} is on {}", id(&survivor), pair.first)), "{said}");
            pair.desk.edit(&survivor, BY_COMPANY, serde_json::Value::Null);
            pair.desk.ends(0, "audit").await;
            // Nothing says any more that this customer stays beside the other: who lives there is asked about.
            pair.desk.ends(3, "sync --full").await;
            let said = pair.desk.ends(3, "status").await.text;
            assert!(said.contains("was in Pivotal before pivotal-sync"), "{said}");
            assert_eq!(pair.counts(), before);
            assert_eq!(pair.carrying(BY_COMPANY, &survivor), [pair.second.as_str()]);
        }
    }
}

//! What a person left out: how much that is, and what is told of it.

use serde_json::json;

use super::desk::{BY_COMPANY, Desk};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_a_new_store_leaves_out_is_still_said_to_be_in_pivotal() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let (customer, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    desk.ends(0, &format!("ignore {acme}")).await;
    desk.ends(0, "export decisions --out kept.jsonl").await;
    desk.lose_store();
    desk.ends(0, "import kept.jsonl").await;
    desk.ends(0, "sync").await;
    let number = customer.rsplit(':').next().unwrap();
    for reference in [&acme, &customer, &row["id"].as_str().unwrap().to_owned()] {
        let said = desk.ends(0, &format!("why {reference}")).await.text;
        for part in
            [&format!("in Pivotal as customer {number}"), "it stays in Pivotal as it is", &acme, "left out by a person"]
        {
            assert!(said.contains(part), "{reference}: {part}: {said}");
        }
        assert!(!said.contains("not in Pivotal"), "{reference}: {said}");
        let said = desk.ends(0, &format!("why {reference} --json")).await.json;
        assert_eq!(said["found"][0]["carried_by"]["pivotal_id"], row["id"], "{reference}");
    }
    desk.ends(0, &format!("ignore --undo {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1);
    let said = desk.ends(0, &format!("why {acme} --json")).await.json;
    assert_eq!(
        (&said["found"][0]["carried_by"], &said["found"][0]["pivotal"]["pivotal_id"]),
        (&json!(null), &row["id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_half_of_a_customer_out_says_that_the_other_half_is_left_out_with_it() {
    let desk = Desk::with("").await;
    let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Acme", "billing@acme.com"));
    let alone = desk.company("Alone", "alone.com");
    desk.ends(0, "sync").await;
    let said = desk.ends(0, &format!("ignore {payer}")).await.text;
    assert!(said.contains(&format!("{acme} is the same customer in Pivotal and is left out with it")), "{said}");
    desk.set(&acme, "name", "Renamed");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "name"), "Acme", "as it was told");
    let said = desk.ends(0, &format!("ignore {alone}")).await.text;
    assert!(!said.contains("left out with it"), "{said}");
}

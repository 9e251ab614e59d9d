//! A company that is put away while its payer goes on paying: what it said stays on the customer until its grace is over.

use pivotal_sync::sandbox::hubspot::ObjectType;
use serde_json::json;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

async fn paying() -> (Desk, String, String) {
    let desk = Desk::with("").await;
    let config = desk.configuration().replace("delete_grace = \"0s\"", "delete_grace = \"24h\"");
    std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
    let company = desk.company("Beacon", "beacon.com");
    let payer = desk.payer("Beacon Billing", "pay@beacon.com");
    desk.ends(0, "sync").await;
    let id = company.rsplit(':').next().unwrap().to_owned();
    desk.sandbox.hubspot().archive(ObjectType::Company, &id).unwrap();
    (desk, id, payer)
}

async fn a_day_passes(desk: &Desk) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(desk.store());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for sql in [
        "UPDATE record SET gone_at = strftime('%Y-%m-%dT%H:%M:%fZ', gone_at, '-1 day') WHERE gone_at IS NOT NULL",
        "UPDATE entity SET unselected_since = strftime('%Y-%m-%dT%H:%M:%fZ', unselected_since, '-1 day')
         WHERE unselected_since IS NOT NULL",
        "UPDATE entity SET look_at = strftime('%Y-%m-%dT%H:%M:%fZ', look_at, '-1 day') WHERE look_at IS NOT NULL",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_its_fields_and_its_id_and_is_told() {
    let (desk, id, payer) = paying().await;
    desk.sandbox.log.clear();
    for line in ["sync", "sync --full"] {
        let said = desk.ends(0, line).await.text;
        assert!(said.contains("delete_grace"), "{said}");
    }
    assert_eq!(desk.writes(), 0);
    // What is held, and until when.
    let said = desk.ends(0, &format!("why hubspot:company:{id}")).await.text;
    let domain = said.lines().find(|line| line.trim_start().starts_with("domain ") && line.contains(" from ")).unwrap();
    assert!(domain.contains("beacon.com  from") && domain.contains("; until 20"), "{domain}");
    assert!(domain.ends_with("UTC, then (nothing)"), "{domain}");
    let name = said.lines().find(|line| line.trim_start().starts_with("name ") && line.contains(" from ")).unwrap();
    assert!(name.contains("Beacon ") && name.ends_with("then Beacon Billing"), "{name}");
    assert!(desk.ends(0, "status").await.text.contains("in case it comes back"));
    // Back in time.
    desk.sandbox.hubspot().restore(ObjectType::Company, &id).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!((desk.writes(), desk.customers()), (0, 1));
    assert!(!desk.ends(0, "status").await.text.contains("in case it comes back"));
    assert_eq!(desk.customer(BY_COMPANY, &id).unwrap().0, desk.customer(BY_PAYER, &payer).unwrap().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_said_goes_once_the_grace_is_over_though_nothing_changes_meanwhile() {
    let (desk, id, payer) = paying().await;
    desk.ends(0, "sync").await;
    a_day_passes(&desk).await;
    desk.sandbox.log.clear();
    desk.ends(0, "sync").await;
    assert_eq!((desk.writes(), desk.customers()), (1, 1));
    assert!(desk.customer(BY_COMPANY, &id).is_none());
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().1["name"], json!("Beacon Billing"));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nothing_else_selects_is_gone_after_one_grace_and_not_two() {
    let (desk, id, _) = paying().await;
    let file = desk.folder.path().join("config.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let config =
        config.replace("where = \"company.name or stripe.name\"", "where = \"company.name\"\non_leave = \"delete\"");
    std::fs::write(&file, config).unwrap();
    desk.sandbox.log.clear();
    let said = desk.ends(0, "plan").await.text;
    assert!(said.contains("1 customer to be deleted when the grace is over"), "{said}");
    desk.ends(0, "sync").await;
    assert_eq!((desk.writes(), desk.customers()), (0, 1), "meanwhile it stays as it is");
    assert!(desk.customer(BY_COMPANY, &id).is_some());
    a_day_passes(&desk).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.writes(), desk.customers()), (1, 0));
    desk.is_quiet().await;
}

//! A full disk and a file that may not be written: named as such, and nothing lost.

use super::*;

/// Lets the file grow by this many pages only, on the one connection that writes.
async fn cap(scene: &Scene, more: i64) {
    let write = scene.store.inner.write.as_ref().unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(write).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + more))).execute(write).await.unwrap();
}

fn big(n: usize) -> PageRow {
    company(&n.to_string(), &"x".repeat(20_000))
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_page_is_not_half_stored() {
    let scene = Scene::new().await;
    scene.save(&[company("1", "before")]).await;
    cap(&scene, 5).await;
    let rows: Vec<PageRow> = (1..50).map(big).collect();
    let cursor = Cursor("c9".to_owned());
    let page = PageToSave {
        stream: COMPANIES,
        rows: &rows,
        cursor: Some(&cursor),
        keeps: "k1",
        listing: None,
        ends_listing: false,
        now: at(9),
    };
    let error = scene.store.save_page(page.clone()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Full { path } if path == scene.store.path()), "{error}");
    assert!(error.hint().contains("room"), "{}", error.hint());
    assert_eq!(scene.store.live_count(COMPANIES).await.unwrap(), 1);
    assert_eq!(scene.store.stream_state(COMPANIES).await.unwrap(), None, "the cursor moves with its records only");
    cap(&scene, 1000).await;
    assert_eq!(scene.store.save_page(page).await.unwrap().changed, 49);
    let sound: String = scene.one("PRAGMA quick_check").await;
    assert_eq!(sound, "ok");
}

#[tokio::test]
async fn a_full_disk_fails_an_intent_before_anything_is_sent() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let operation = scene.plan(creating(entity, Kind::Customer)).await;
    cap(&scene, 0).await;
    let mut prepared = post();
    prepared.body = Some("x".repeat(100_000));
    let intent = Intent { operation, run: scene.run, action: creating(entity, Kind::Customer), prepared, before: None };
    let error = scene.store.intend(std::slice::from_ref(&intent), at(4)).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(scene.store.open_attempts().await.unwrap().is_empty());
    cap(&scene, 1000).await;
    assert_eq!(scene.store.intend(&[intent], at(4)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_does_not_stop_the_next() {
    // https://sqlite.org/lang_transaction.html 3: a full disk or a failing one may roll back on its own. sqlx's ROLLBACK then
    // fails, and the connection would count one open transaction for ever.
    let scene = Scene::new().await;
    let mut tx = scene.store.begin().await.unwrap();
    sqlx::query("ROLLBACK").execute(&mut *tx).await.unwrap();
    drop(tx);
    scene.store.set_fact("a", "1").await.unwrap();
    assert_eq!(scene.store.fact("a").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn a_write_on_a_read_only_file_is_told_and_reading_goes_on() {
    let scene = Scene::new().await;
    scene.save(&[company("1", "Acme")]).await;
    let write = scene.store.inner.write.as_ref().unwrap();
    sqlx::query("PRAGMA query_only = 1").execute(write).await.unwrap();
    let error = scene.store.set_fact("a", "1").await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert_eq!(scene.store.live_count(COMPANIES).await.unwrap(), 1);
}

#[tokio::test]
async fn a_row_edited_by_hand_into_nonsense_is_named() {
    let scene = Scene::new().await;
    scene.account("1").await;
    let write = scene.store.inner.write.as_ref().unwrap();
    sqlx::query("UPDATE record SET facts = '{\"is\":\"planet\"}'").execute(write).await.unwrap();
    let error = scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap_err();
    assert!(matches!(&error, StoreError::BadRow { table: "record", what } if what.contains("planet")), "{error}");
}

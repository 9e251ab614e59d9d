use super::*;

#[tokio::test]
async fn a_store_is_made_private_and_as_asked() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/state.db");
    let store = Store::open(&path).await.unwrap();
    store.set_fact("a", "1").await.unwrap();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let write = store.inner.write.as_ref().unwrap();
    for (pragma, wanted) in [("PRAGMA synchronous", 2_i64), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)] {
        let found: i64 = sqlx::query_scalar(pragma).fetch_one(write).await.unwrap();
        assert_eq!(found, wanted, "{pragma}");
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(write).await.unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(store.path(), path);
    store.close().await;
    assert!(!path.with_file_name("state.db-wal").exists(), "closing folds the WAL in");
    assert!(store.set_fact("a", "2").await.is_err(), "a closed store takes nothing");
    assert!(store.settle(vec![]).await.is_err(), "nor does its journal");
}

#[tokio::test]
async fn a_store_that_others_may_read_is_made_private_again() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    Store::open(&path).await.unwrap().close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).await.unwrap();
    store.set_fact("a", "1").await.unwrap();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn every_table_is_strict() {
    let scene = Scene::new().await;
    let loose: i64 = scene
        .one(
            "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND schema = 'main'
              AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%'",
        )
        .await;
    let strict: i64 = scene.one("SELECT count(*) FROM pragma_table_list WHERE strict = 1 AND schema = 'main'").await;
    assert_eq!((loose, strict), (0, 13));
}

#[tokio::test]
async fn reading_never_makes_a_store_and_works_while_a_writer_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let error = Store::open_for_reading(&path).await.unwrap_err();
    assert!(matches!(&error, StoreError::Missing { path: p } if *p == path), "{error}");
    assert!(error.hint().contains("pivotal-sync"), "{}", error.hint());
    assert!(!path.exists());

    let writer = Store::open(&path).await.unwrap();
    let reader = Store::open_for_reading(&path).await.unwrap();
    writer.set_fact("rules", "r1").await.unwrap();
    assert_eq!(reader.fact("rules").await.unwrap().as_deref(), Some("r1"));
    assert!(matches!(reader.set_fact("rules", "r2").await, Err(StoreError::ReadOnly { .. })));
    assert!(matches!(reader.settle(vec![]).await, Err(StoreError::ReadOnly { .. })));
    writer.close().await;
    reader.close().await;
    // Nobody runs: neither WAL nor index is there.
    let reader = Store::open_for_reading(&path).await.unwrap();
    assert_eq!(reader.fact("rules").await.unwrap().as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_file_that_was_never_filled_is_missing_to_a_reader_and_filled_by_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Store::open_for_reading(&path).await, Err(StoreError::Missing { .. })));
    Store::open(&path).await.unwrap().close().await;
    assert!(Store::open_for_reading(&path).await.is_ok());
}

#[tokio::test]
async fn a_newer_store_is_refused_and_left_alone() {
    let scene = Scene::new().await;
    let write = scene.store.inner.write.as_ref().unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 1)",
    )
    .execute(write)
    .await
    .unwrap();
    scene.store.close().await;
    for error in [
        Store::open(scene.store.path()).await.unwrap_err(),
        Store::open_for_reading(scene.store.path()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Newer { found: 9999, .. }), "{error}");
        assert!(error.to_string().contains("state.db"), "{error}");
    }
}

#[tokio::test]
async fn an_older_store_is_brought_up_to_date_by_a_writer_only() {
    let scene = Scene::new().await;
    let write = scene.store.inner.write.as_ref().unwrap();
    sqlx::query("DELETE FROM _sqlx_migrations").execute(write).await.unwrap();
    scene.store.close().await;
    let error = Store::open_for_reading(scene.store.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Older { found: 0, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    std::fs::write(&path, "this is no database, and long enough to be taken for one".repeat(100)).unwrap();
    assert!(matches!(Store::open(&path).await, Err(StoreError::Corrupt { .. })));

    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "").unwrap();
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", foreign.display())).await.unwrap();
    sqlx::query("CREATE TABLE recipe (name TEXT)").execute(&pool).await.unwrap();
    pool.close().await;
    let error = Store::open(&foreign).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { detail, .. } if detail.contains("recipe")), "{error}");
}

#[tokio::test]
async fn pages_torn_in_the_middle_are_found_at_start() {
    let scene = Scene::new().await;
    let rows: Vec<PageRow> = (0..500).map(|n| company(&n.to_string(), "Acme")).collect();
    scene.save(&rows).await;
    scene.store.close().await;
    let path = scene.store.path();
    let mut bytes = std::fs::read(path).unwrap();
    let len = bytes.len();
    // Every page after the schema's: their headers are ruined.
    for page in (40..len / 4096).step_by(2) {
        bytes[page * 4096..page * 4096 + 64].fill(0xA5);
    }
    std::fs::write(path, bytes).unwrap();
    let error = Store::open(path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.hint().contains("backfill"), "{}", error.hint());
}

#[tokio::test]
async fn a_second_holder_is_told_who_has_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/state.db");
    let lock = RunLock::acquire(&path).unwrap();
    let error = RunLock::acquire(&path).unwrap_err();
    let me = std::process::id();
    assert!(matches!(&error, StoreError::Locked { pid: Some(pid), path: p } if *pid == me && *p == path), "{error}");
    assert!(error.to_string().contains(&me.to_string()) && error.hint().contains(&me.to_string()));
    drop(lock);
    let again = RunLock::acquire(&path).unwrap();
    let text = std::fs::read_to_string(folder.path().join("new/state.db.lock")).unwrap();
    assert_eq!(text, format!("{me}\n"));
    drop(again);
}

#[tokio::test]
async fn whether_a_store_can_be_made_is_found_without_making_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state.db");
    assert!(Store::is_to_be_made(&path).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    Store::open(&path).await.unwrap().close().await;
    assert!(!Store::is_to_be_made(&path).unwrap());
    let below = path.join("state.db");
    assert!(matches!(Store::is_to_be_made(&below), Err(StoreError::CannotOpen { .. })));
}

#[test]
fn a_store_has_one_lock_whatever_links_lead_to_it() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("deep")).unwrap();
    symlink(at("deep"), at("other")).unwrap();
    symlink("deep/state.db", at("link.db")).unwrap();
    symlink("link.db", at("far.db")).unwrap();
    // Before the file is there as well as after: the first run of two makes it.
    for exists in [false, true] {
        if exists {
            std::fs::write(at("deep/state.db"), "").unwrap();
        }
        for (mine, theirs) in [("deep/state.db", "far.db"), ("link.db", "deep/state.db"), ("far.db", "other/state.db")]
        {
            let lock = RunLock::acquire(&at(mine)).unwrap();
            let error = RunLock::acquire(&at(theirs)).unwrap_err();
            assert!(matches!(error, StoreError::Locked { pid: Some(_), .. }), "{mine}, {theirs}: {error}");
            assert!(RunLock::is_held(&at(theirs)), "{theirs}");
            drop(lock);
        }
    }
    assert!(!at("link.db.lock").exists());
}

#[tokio::test]
async fn a_store_is_made_where_a_link_leads() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("deep/er/state.db", folder.path().join("link.db")).unwrap();
    let lock = RunLock::acquire(&folder.path().join("link.db")).unwrap();
    let store = Store::open(&folder.path().join("link.db")).await.unwrap();
    store.set_fact("a", "1").await.unwrap();
    assert!(folder.path().join("deep/er/state.db-wal").exists());
    store.close().await;
    drop(lock);
}

#[test]
fn a_store_with_a_second_name_is_nobodys_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("state.db"), folder.path().join("link.db"));
    std::fs::write(&path, "").unwrap();
    let lock = RunLock::acquire(&path).unwrap();
    std::fs::hard_link(&path, &link).unwrap();
    let error = RunLock::acquire(&link).unwrap_err();
    assert!(matches!(&error, StoreError::TwoNames { .. }), "{error}");
    assert!(error.hint().contains("samefile"), "{}", error.hint());
    assert!(!folder.path().join("link.db.lock").exists(), "nothing is left of what was refused");
    // Who holds it under its first name is told all the same.
    assert!(matches!(RunLock::acquire(&path), Err(StoreError::Locked { pid: Some(_), .. })));
    drop(lock);
    assert!(matches!(RunLock::acquire(&path), Err(StoreError::TwoNames { .. })));
    std::fs::remove_file(link).unwrap();
    assert!(RunLock::acquire(&path).is_ok());
}

#[tokio::test]
async fn what_root_makes_in_somebodys_folder_is_theirs() {
    use std::os::unix::fs::{MetadataExt, chown};
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    // Only root may; anybody else's files are their own anyway.
    let (user, group) = match chown(&home, Some(4711), Some(4712)) {
        Ok(()) => (4711, 4712),
        Err(_) => std::fs::metadata(&home).map(|found| (found.uid(), found.gid())).unwrap(),
    };
    let path = home.join("deep/state.db");
    let lock = RunLock::acquire(&path).unwrap();
    let store = Store::open(&path).await.unwrap();
    store.set_fact("a", "1").await.unwrap();
    for name in ["", "state.db", "state.db-wal", "state.db-shm", "state.db.lock"] {
        let found = std::fs::metadata(path.with_file_name(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (user, group), "{name}");
    }
    store.close().await;
    drop(lock);
    // One that was made by somebody else all the same is told as what it is.
    if chown(&path, Some(1), None).is_ok() {
        for kind in [std::io::ErrorKind::PermissionDenied, std::io::ErrorKind::ReadOnlyFilesystem] {
            let error = StoreError::from_io(&path, kind.into());
            assert!(error.hint().contains("chown --reference="), "{}", error.hint());
        }
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.join("state.db");
    for error in [Store::open(&path).await.unwrap_err(), RunLock::acquire(&path).unwrap_err()] {
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
        assert!(error.to_string().contains("state.db"), "{error}");
    }
    // The path is a folder.
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
}

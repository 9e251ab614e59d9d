//! What Pivotal would refuse for its length or its form: it is cut or left out and told, and nothing rests for it.

use super::desk::{BY_COMPANY, Desk};

#[tokio::test(flavor = "multi_thread")]
async fn what_pivotal_would_refuse_is_bent_or_left_out_and_told() {
    // hubspot-api.md trap 21; pivotal-api.md 5: Zod is JavaScript, and an emoji two of its characters.
    let desk = Desk::with("").await;
    let mixed = desk.company(&format!("{}😀", "x".repeat(254)), "mixed.com");
    let emoji = desk.company(&"😀".repeat(300), "emoji.com");
    let far = desk.company("Far", &format!("{}.com", "x".repeat(260)));
    let dotted = desk.person(&far, "Dot", "a..b@example.com");
    desk.person(&far, "Uml", "ümläut@example.com");
    let said = desk.ends(0, "sync --json").await;
    assert_eq!(said.json["operations"]["quarantined"], 0, "{}", said.text);
    assert_eq!(desk.says(&mixed, "name"), "x".repeat(254));
    assert_eq!(desk.says(&emoji, "name"), "😀".repeat(127));
    assert!(desk.says(&far, "domain").is_null());
    for told in [
        "was cut from 300 to 127 characters",
        "longer than a domain can be",
        "'a..b@example.com', which Pivotal does not take for a mail address",
        "'ümläut@example.com', which Pivotal does not take for a mail address",
    ] {
        assert!(said.text.contains(told), "{told}\n{}", said.text);
    }
    let why = desk.ends(0, &format!("why {dotted}")).await;
    assert!(why.text.contains("it becomes no contact"), "{}", why.text);
    assert!(desk.customer(BY_COMPANY, &far).is_some());
    desk.is_quiet().await;
}

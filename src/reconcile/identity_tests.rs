use super::super::sample::{account, company, company_key, contact, stripe, stripe_key, subscription};
use super::*;
use crate::domain::SubscriptionStatus;

fn free(configured: &[&str]) -> BTreeSet<String> {
    own_free_domains(&configured.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
}

#[test]
fn hosts_are_read_from_what_people_type() {
    for (text, expected) in [
        ("acme.com", Some("acme.com")),
        (" HTTPS://WWW.Acme.com/about?x#y ", Some("acme.com")),
        ("http://user:pw@shop.acme.com:8443", Some("shop.acme.com")),
        ("acme.com.", Some("acme.com")),
        ("www.com", Some("www.com")),
        ("bücher.de", Some("bücher.de")),
        ("acme", None),
        ("n/a", None),
        ("acme .com", None),
        ("a..b", None),
        ("", None),
        ("https://", None),
    ] {
        assert_eq!(host(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn only_registrable_domains_are_evidence() {
    // crates.md 1.2, psl: case matters, an address gives "0.1", an unlisted ending gives a name.
    for (host, expected) in [
        ("eu.shop.acme.co.uk", Some("acme.co.uk")),
        ("acme.github.io", Some("acme.github.io")),
        ("co.uk", None),
        ("com", None),
        ("127.0.0.1", None),
        ("server.internal-lan", None),
    ] {
        assert_eq!(registrable(host).as_deref(), expected, "{host}");
    }
}

#[test]
fn addresses_are_lower_cased_or_refused() {
    // stripe-api.md trap 59: blanks and case.
    assert_eq!(email(" Jane@ACME.com ").as_deref(), Some("jane@acme.com"));
    assert_eq!(email("Jane Doe <Jane@acme.com>").as_deref(), Some("jane@acme.com"));
    for text in
        ["", "jane", "@acme.com", "jane@", "jane@acme", "a b@acme.com", "a@x.com, b@y.com", "a@.com", "a@x..com"]
    {
        assert_eq!(email(text), None, "{text}");
    }
}

#[test]
fn an_account_shows_its_ids_domains_and_addresses() {
    let record = account(company("5", &[]), |facts| {
        facts.domains = vec!["https://www.Acme.co.uk/".into(), "GMAIL.com".into(), "acme.de".into()];
        facts.emails = vec!["Billing@mail.acme.fr".into(), "jo@yahoo.co.jp".into(), "jo@partner.net".into(), "".into()];
        facts.links = vec![stripe_key("cus_aB")];
        facts.merged = vec![company_key("3")];
    });
    assert_eq!(
        tokens(&record, &free(&["@Partner.net"])),
        [
            "domain:acme.co.uk",
            "domain:acme.de",
            "domain:acme.fr",
            "email:billing@mail.acme.fr",
            "email:jo@partner.net",
            "email:jo@yahoo.co.jp",
            "host:gmail.com",
            "is:hubspot:company:3",
            "is:hubspot:company:5",
            "is:stripe:customer:cus_aB",
        ]
    );
}

#[test]
fn international_names_are_one_in_both_spellings() {
    for text in ["bücher.de", "https://www.BÜCHER.de/x", "xn--bcher-kva.de", "XN--bcher-kva.de.", "bu\u{308}cher.de"]
    {
        assert_eq!(compared_host(text).as_deref(), Some("xn--bcher-kva.de"), "{text}");
    }
    assert_eq!(host("www.Bücher.de").as_deref(), Some("bücher.de"), "as it is written");
    for plain in ["acme.com", "under_score.com", "xn--.com", "a.xn--zzzzzzzz"] {
        assert_eq!(compared_host(plain).as_deref(), Some(plain));
    }
    assert_eq!(email("Rechnung@Bücher.de").as_deref(), Some("rechnung@xn--bcher-kva.de"));
    let shown = |domain: &str, mail: &str| {
        let record = account(company("5", &[]), |facts| {
            facts.domains = vec![domain.to_owned()];
            facts.emails = vec![mail.to_owned()];
        });
        tokens(&record, &free(&[]))
    };
    let expected = ["domain:xn--bcher-kva.de", "email:a@xn--bcher-kva.de", "is:hubspot:company:5"];
    assert_eq!(shown("shop.bücher.de", "a@xn--bcher-kva.de"), expected);
    assert_eq!(shown("xn--bcher-kva.de", "a@bücher.de"), expected);
    assert_eq!(free(&["bücher.de"]), free(&["xn--bcher-kva.de"]));
    // A public suffix of its own, in both spellings.
    for host in ["shop.食狮.公司.cn", "食狮.公司.cn"] {
        let ascii = compared_host(host).unwrap();
        assert_eq!(registrable(&ascii).as_deref(), Some("xn--85x722f.xn--55qx5d.cn"), "{host}");
    }
}

#[test]
fn what_is_no_evidence_can_be_found_by_all_the_same() {
    let shown = |domains: &[&str], emails: &[&str]| -> Vec<String> {
        let record = account(stripe("cus_1", "2026-01-01"), |facts| {
            facts.domains = domains.iter().map(|text| (*text).to_owned()).collect();
            facts.emails = emails.iter().map(|text| (*text).to_owned()).collect();
        });
        let is_host = |token: &String| token.starts_with("host:") || token.starts_with("domain:");
        tokens(&record, &free(&["partner.net"])).into_iter().filter(is_host).collect()
    };
    assert_eq!(shown(&["gmail.com"], &[]), ["host:gmail.com"]);
    assert_eq!(shown(&["shop.partner.net"], &[]), ["host:partner.net", "host:shop.partner.net"]);
    assert_eq!(
        shown(&["https://corp.local/x"], &["a@mail.corp.test"]),
        ["host:corp.local", "host:corp.test", "host:mail.corp.test"]
    );
    assert_eq!(shown(&["github.io", "127.0.0.1"], &[]), ["host:127.0.0.1", "host:github.io"]);
    // A mailbox at a provider is nobody's domain.
    assert!(shown(&[], &["a@gmail.com", "b@partner.net"]).is_empty());
}

#[test]
fn why_a_host_tells_nothing_is_known() {
    for (host, expected) in [
        ("shop.acme.com", Ok("acme.com")),
        ("gmail.com", Err(Untelling::Provider)),
        ("mail.partner.net", Err(Untelling::Named)),
        ("github.io", Err(Untelling::Suffix)),
        ("co.uk", Err(Untelling::Suffix)),
        ("corp.test", Err(Untelling::Unlisted)),
        ("10.0.0.1", Err(Untelling::Address)),
    ] {
        assert_eq!(telling(host, &free(&["partner.net"])), expected.map(str::to_owned), "{host}");
    }
}

#[test]
fn what_belongs_to_an_account_names_it() {
    let subscription = subscription("sub_1", "cus_1", SubscriptionStatus::Active, "usd", "1");
    assert_eq!(tokens(&subscription, &free(&[])), ["of:stripe:customer:cus_1"]);
    assert_eq!(tokens(&contact("9", Some("5"), &[]), &free(&[])), ["of:hubspot:company:5"]);
    assert_eq!(tokens(&stripe("cus_1", "2026-01-01"), &free(&[])), ["is:stripe:customer:cus_1"]);
}

#[test]
fn the_account_is_the_primary_else_the_lowest_number() {
    // hubspot-api.md trap 15.
    let link = |id: &str, primary| AccountLink { account: company_key(id), primary };
    for (links, expected) in [
        (vec![], None),
        (vec![link("2", false), link("30", true)], Some("30")),
        (vec![link("10", false), link("9", false), link("abc", false)], Some("9")),
        (vec![link("12", true), link("11", true), link("1", false)], Some("11")),
        (vec![link("b", false), link("a", false)], Some("a")),
    ] {
        assert_eq!(account_of(&links), expected.map(company_key), "{links:?}");
        let backwards: Vec<_> = links.iter().rev().cloned().collect();
        assert_eq!(account_of(&backwards), account_of(&links));
    }
}

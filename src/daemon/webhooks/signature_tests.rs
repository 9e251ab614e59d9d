//! The sheets' vectors, and everything that must not pass.

use proptest::prelude::*;

use super::*;

const HUBSPOT: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
const HUBSPOT_BODY: &[u8] = b"{'example_field':'example_value'}";
const HUBSPOT_URI: &str = "https://www.example.com/webhook_uri";
const STRIPE: &str = "whsec_test_secret";
const STRIPE_BODY: &[u8] = br#"{"id":"evt_test","object":"event"}"#;
const STRIPE_SIGN: &str = "8042376f6ca064adbe037642a718227dfd59047137eb49497a54c49eb0cfb724";

type Headers<'a> = [(&'a str, &'a str)];

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from(*text)).collect()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(ms).unwrap()
}

fn hubspot(keys: &[&str], headers: &Headers<'_>, uri: &str, body: &[u8], now: i64) -> Result<(), Distrust> {
    let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    verify_hubspot(&secrets(keys), uri, &header, body, at(now))
}

fn stripe(keys: &[&str], header: &str, body: &[u8], now: i64) -> Result<(), Distrust> {
    let of = |name: &str| (name == "stripe-signature").then_some(header);
    verify_stripe(&secrets(keys), &of, body, at(now * 1000))
}

fn signed<'a>(ts: &'a str, sign: &'a str) -> [(&'a str, &'a str); 2] {
    [("x-hubspot-request-timestamp", ts), ("x-hubspot-signature-v3", sign)]
}

#[test]
fn hubspot_vectors_of_the_sheet_pass_9_1() {
    for (ts, sign) in [
        ("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ] {
        let now: i64 = ts.parse().unwrap();
        let verify = |keys: &[&str], now| hubspot(keys, &signed(ts, sign), HUBSPOT_URI, HUBSPOT_BODY, now);
        assert_eq!(verify(&[HUBSPOT], now), Ok(()));
        assert_eq!(verify(&["new", HUBSPOT], now), Ok(()), "the old one while the new one comes in");
        assert_eq!(verify(&["new"], now), Err(Distrust::Forged));
        assert_eq!(verify(&[], now), Err(Distrust::Forged));
        for off in [-300_000, 300_000] {
            assert_eq!(verify(&[HUBSPOT], now + off), Ok(()));
            assert_eq!(verify(&[HUBSPOT], now + off + off.signum()), Err(Distrust::Untimely));
        }
        let other = |uri: &str, body: &[u8]| hubspot(&[HUBSPOT], &signed(ts, sign), uri, body, now);
        assert_eq!(other("https://www.example.com/other", HUBSPOT_BODY), Err(Distrust::Forged));
        assert_eq!(other(HUBSPOT_URI, b"{'example_field':'another_value'}"), Err(Distrust::Forged));
    }
}

#[test]
fn hubspot_without_its_headers_is_unsigned() {
    let now = 1_693_657_560_000;
    let sign = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=";
    for headers in [
        &signed("1693657560000", "")[..1],
        &signed("", sign)[1..],
        &signed("-1693657560000", sign),
        &signed("16936575600000000000000000", sign),
        &signed("1693657560000", "no base64!"),
    ] {
        let told = hubspot(&[HUBSPOT], headers, HUBSPOT_URI, HUBSPOT_BODY, now);
        assert!(matches!(told, Err(Distrust::Unsigned(_))), "{headers:?} {told:?}");
    }
    // An older signature alone is none: it has no time, so it could be played again.
    let told = hubspot(&[HUBSPOT], &[("x-hubspot-signature", "abc")], HUBSPOT_URI, HUBSPOT_BODY, now);
    assert_eq!(told, Err(Distrust::Unsigned("x-hubspot-request-timestamp")));
}

#[test]
fn hubspot_undoes_twelve_escapes_and_no_other_9_1() {
    for (raw, expected) in [
        ("https://a.com/x?u=https%3A%2F%2Fb.com%2f", "https://a.com/x?u=https://b.com/"),
        ("%3F%40%21%24%27%28%29%2A%2C%3B", "?@!$'()*,;"),
        ("a%20b%26c%3Dd%25e", "a%20b%26c%3Dd%25e"),
        ("%253A", "%253A"),
        ("%", "%"),
        ("%3", "%3"),
        ("%3ä%zz", "%3ä%zz"),
        ("", ""),
    ] {
        assert_eq!(decoded(raw), expected);
    }
}

#[test]
fn stripe_vector_of_the_sheet_passes_12() {
    let now = 1_700_000_000;
    let good = format!("t=1700000000,v1={STRIPE_SIGN}");
    assert_eq!(stripe(&[STRIPE], &good, STRIPE_BODY, now), Ok(()));
    let rolled = format!("t=1700000000, v1={}, v1={STRIPE_SIGN}, v0=6666", "0".repeat(64));
    assert_eq!(stripe(&["whsec_new", STRIPE], &rolled, STRIPE_BODY, now), Ok(()));
    for off in [-300, 300] {
        assert_eq!(stripe(&[STRIPE], &good, STRIPE_BODY, now + off), Ok(()));
        assert_eq!(stripe(&[STRIPE], &good, STRIPE_BODY, now + off + off.signum()), Err(Distrust::Untimely));
    }
    assert_eq!(stripe(&[STRIPE], &good, b"{}", now), Err(Distrust::Forged));
    assert_eq!(stripe(&["whsec_new"], &good, STRIPE_BODY, now), Err(Distrust::Forged));
    // The test scheme is no signature, nor is a time that the signature does not cover.
    let unsigned = Err(Distrust::Unsigned("stripe-signature"));
    for header in [
        format!("t=1700000000,v0={STRIPE_SIGN}"),
        format!("v1={STRIPE_SIGN}"),
        format!("t=,v1={STRIPE_SIGN}"),
        format!("t=+1700000000,v1={STRIPE_SIGN}"),
        "t=1700000000,v1=xyz".to_owned(),
        "t=1700000000".to_owned(),
        String::new(),
    ] {
        let told = stripe(&[STRIPE], &header, STRIPE_BODY, now);
        assert!(told == unsigned || told == Err(Distrust::Untimely), "{header} {told:?}");
    }
    assert_eq!(stripe(&[STRIPE], &format!("t=1700000001,v1={STRIPE_SIGN}"), STRIPE_BODY, now), Err(Distrust::Forged));
}

/// Svix's own published example.
const SVIX: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SVIX_BODY: &[u8] = br#"{"test": 2432232314}"#;
const SVIX_SIGN: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn pivotal(keys: &[&str], headers: &Headers<'_>, body: &[u8], now: i64) -> Result<(), Distrust> {
    let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let keys: Vec<SvixKey> = secrets(keys).iter().map(|key| SvixKey::read(key).unwrap()).collect();
    verify_pivotal(&keys, &header, body, at(now * 1000))
}

#[test]
fn svix_signatures_pass_however_their_pairs_stand_apart_11() {
    let now = 1_614_265_330;
    fn headers(sign: &str) -> [(&str, &str); 3] {
        [("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("svix-timestamp", "1614265330"), ("svix-signature", sign)]
    }
    let other = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for sign in ["S", "O S v2,x", "O,S", "v1a,x S"] {
        let sign = sign.replace('O', other).replace('S', SVIX_SIGN);
        assert_eq!(pivotal(&[SVIX], &headers(&sign), SVIX_BODY, now), Ok(()), "{sign}");
    }
    assert_eq!(pivotal(&["whsec_bmV3", SVIX], &headers(SVIX_SIGN), SVIX_BODY, now + 300), Ok(()));
    assert_eq!(pivotal(&[SVIX], &headers(SVIX_SIGN), SVIX_BODY, now + 301), Err(Distrust::Untimely));
    assert_eq!(pivotal(&[SVIX], &headers(other), SVIX_BODY, now), Err(Distrust::Forged));
    assert_eq!(pivotal(&[SVIX], &headers(SVIX_SIGN), b"{}", now), Err(Distrust::Forged));
    let mut renamed = headers(SVIX_SIGN);
    renamed[0].1 = "msg_other";
    assert_eq!(pivotal(&[SVIX], &renamed, SVIX_BODY, now), Err(Distrust::Forged), "the delivery's id is signed");
    for sign in ["", "v1", "v1,", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
        assert_eq!(pivotal(&[SVIX], &headers(sign), SVIX_BODY, now), Err(Distrust::Unsigned("svix-signature")));
    }
    for missing in 0..3 {
        let mut headers = headers(SVIX_SIGN).to_vec();
        headers.remove(missing);
        assert!(matches!(pivotal(&[SVIX], &headers, SVIX_BODY, now), Err(Distrust::Unsigned(_))));
    }
}

#[test]
fn a_key_that_is_no_base64_is_none() {
    for text in ["whsec_", "whsec_not base64", ""] {
        assert!(SvixKey::read(&SecretString::from(text)).is_none(), "{text}");
    }
}

proptest! {
    /// Whatever is sent, nothing panics, and nothing passes that was not signed.
    #[test]
    fn no_bytes_pass(
        first in ".{0,80}", second in ".{0,80}", third in ".{0,120}",
        body in proptest::collection::vec(any::<u8>(), 0..200), now in 0_i64..4_000_000_000,
    ) {
        let headers = [("x-hubspot-request-timestamp", &*first), ("x-hubspot-signature-v3", &*second), ("svix-id", &*first),
            ("svix-timestamp", &*second), ("svix-signature", &*third)];
        prop_assert!(hubspot(&[HUBSPOT], &headers, HUBSPOT_URI, &body, now * 1000).is_err());
        prop_assert!(stripe(&[STRIPE], &third, &body, now).is_err());
        prop_assert!(pivotal(&[SVIX], &headers, &body, now).is_err());
    }

    /// In time and well formed, and still signed by nobody.
    #[test]
    fn no_signature_is_guessed(sign in proptest::collection::vec(any::<u8>(), 0..64), now in 1_000_000_i64..4_000_000_000) {
        let (ms, seconds, base) = ((now * 1000).to_string(), now.to_string(), BASE64.encode(&sign));
        let svix = format!("v1,{base}");
        prop_assert!(hubspot(&[HUBSPOT], &signed(&ms, &base), HUBSPOT_URI, HUBSPOT_BODY, now * 1000).is_err());
        let header = format!("t={now},v1={}", hex::encode(&sign));
        prop_assert!(stripe(&[STRIPE], &header, STRIPE_BODY, now).is_err());
        let headers = [("svix-id", "m"), ("svix-timestamp", &*seconds), ("svix-signature", &*svix)];
        prop_assert!(pivotal(&[SVIX], &headers, SVIX_BODY, now).is_err());
    }

    /// A change of one bit anywhere in a signed body is seen.
    #[test]
    fn no_bit_can_be_turned(at in 0..STRIPE_BODY.len() * 8) {
        let mut body = STRIPE_BODY.to_vec();
        body[at / 8] ^= 1 << (at % 8);
        let header = format!("t=1700000000,v1={STRIPE_SIGN}");
        prop_assert_eq!(stripe(&[STRIPE], &header, &body, 1_700_000_000), Err(Distrust::Forged));
    }
}

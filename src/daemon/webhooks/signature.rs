//! Who signed this? Three schemes, each over the raw bytes, compared in constant time, inside a window of five minutes. Pure:
//! the clock is a parameter.
//!
//! Nothing of a delivery is read before this said yes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use crate::domain::Timestamp;

/// How far a delivery's time may be from ours, either way, in milliseconds: what all three sheets say.
const WINDOW_MS: u64 = 300_000;
/// Signatures of one header that are looked at. Two are sent while a secret is exchanged.
const SIGNATURES: usize = 8;

/// Why a delivery is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// A header is missing, or is none of the scheme's.
    #[error("it is not signed as it should be (header {0})")]
    Unsigned(&'static str),
    /// Its time is out of the window: an old delivery sent again, or a clock that is wrong.
    #[error("its time is more than five minutes from this machine's clock")]
    Untimely,
    /// The signature is nobody's.
    #[error("its signature does not match: another secret, another public_url, or a forgery")]
    Forged,
}

/// A header's text by its name in lower case.
pub type Header<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// A key for [`verify_pivotal`], decoded.
pub struct SvixKey(SecretBox<Vec<u8>>);

impl SvixKey {
    /// Reads `whsec_…`; `None` when the rest is no base64 (pivotal-api.md 11).
    pub fn read(secret: &SecretString) -> Option<Self> {
        let text = secret.expose_secret();
        let key = BASE64.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
        (!key.is_empty()).then(|| Self(SecretBox::new(Box::new(key))))
    }
}

/// HubSpot's signature of version 3 (hubspot-api.md 9.1) over method, the address HubSpot knows, body and time. Older ones ride
/// along; they guard against no replay and are not looked at.
///
/// # Errors
/// Why the delivery is not believed.
pub fn verify_hubspot(
    secrets: &[SecretString],
    uri: &str,
    header: Header<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Distrust> {
    let (stamp, signature) = ("x-hubspot-request-timestamp", "x-hubspot-signature-v3");
    let time = header(stamp).ok_or(Distrust::Unsigned(stamp))?;
    in_time(digits(time).ok_or(Distrust::Unsigned(stamp))?, now)?;
    let given = header(signature).and_then(|text| BASE64.decode(text).ok()).ok_or(Distrust::Unsigned(signature))?;
    let uri = decoded(uri);
    let parts: [&[u8]; 4] = [b"POST", uri.as_bytes(), body, time.as_bytes()];
    let keys = secrets.iter().map(|secret| secret.expose_secret().as_bytes());
    any_matches(keys, &parts, &[given])
}

/// Stripe's signature (stripe-api.md 12) over time and body. `v0` is a test scheme and is not looked at.
///
/// # Errors
/// Why the delivery is not believed.
pub fn verify_stripe(
    secrets: &[SecretString],
    header: Header<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Distrust> {
    let unsigned = Distrust::Unsigned("stripe-signature");
    let pairs = header("stripe-signature").ok_or(unsigned)?.split(',').filter_map(|pair| pair.trim().split_once('='));
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let (_, time) = pairs.iter().find(|(name, _)| *name == "t").ok_or(unsigned)?;
    in_time(digits(time).ok_or(unsigned)?.saturating_mul(1000), now)?;
    let given = pairs.iter().filter(|(name, _)| *name == "v1").filter_map(|(_, sign)| hex::decode(sign).ok());
    let given: Vec<_> = given.take(SIGNATURES).collect();
    if given.is_empty() {
        return Err(unsigned);
    }
    let keys = secrets.iter().map(|secret| secret.expose_secret().as_bytes());
    any_matches(keys, &[time.as_bytes(), b".", body], &given)
}

/// Pivotal's signature, which is Svix's (pivotal-api.md 11), over delivery, time and body. The pairs stand apart by spaces; the
/// sheet's sample has commas between them, which are taken too.
///
/// # Errors
/// Why the delivery is not believed.
pub fn verify_pivotal(keys: &[SvixKey], header: Header<'_>, body: &[u8], now: Timestamp) -> Result<(), Distrust> {
    let of = |name: &'static str| header(name).ok_or(Distrust::Unsigned(name));
    let (id, time, signature) = (of("svix-id")?, of("svix-timestamp")?, of("svix-signature")?);
    in_time(digits(time).ok_or(Distrust::Unsigned("svix-timestamp"))?.saturating_mul(1000), now)?;
    let words: Vec<&str> = signature.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter(|pair| pair[0] == "v1");
    let given: Vec<_> = pairs.filter_map(|pair| BASE64.decode(pair[1]).ok()).take(SIGNATURES).collect();
    if given.is_empty() {
        return Err(Distrust::Unsigned("svix-signature"));
    }
    let keys = keys.iter().map(|key| key.0.expose_secret().as_slice());
    any_matches(keys, &[id.as_bytes(), b".", time.as_bytes(), b".", body], &given)
}

/// Whether one of the keys made one of the signatures. Each comparison takes the same time, wherever it differs.
fn any_matches<'k>(keys: impl Iterator<Item = &'k [u8]>, parts: &[&[u8]], given: &[Vec<u8>]) -> Result<(), Distrust> {
    for key in keys.filter(|key| !key.is_empty()) {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
        for part in parts {
            mac.update(part);
        }
        if given.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()) {
            return Ok(());
        }
    }
    Err(Distrust::Forged)
}

/// Digits alone: what a sign or a blank would mean is nobody's to guess.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn in_time(sent_ms: u64, now: Timestamp) -> Result<(), Distrust> {
    let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    if sent_ms.abs_diff(now_ms) <= WINDOW_MS { Ok(()) } else { Err(Distrust::Untimely) }
}

/// The address as HubSpot signs it: these twelve escapes are undone, whatever their case, all others stay (hubspot-api.md 9.1).
fn decoded(uri: &str) -> String {
    const ESCAPES: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut parts = uri.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escape = part.get(..2).and_then(|hex| ESCAPES.iter().find(|(code, _)| code.eq_ignore_ascii_case(hex)));
        match escape {
            Some((_, sign)) => {
                out.push(*sign);
                out.push_str(&part[2..]);
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;

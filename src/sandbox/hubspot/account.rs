//! The account itself: facts, users, usage, tokens (sections 2 and 4.6).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::render::instant;
use super::reply::Reply;
use super::routes::Call;
use super::world::World;
use crate::domain::Timestamp;

/// Portal facts.
#[derive(Debug, Clone)]
pub struct Account {
    /// Portal id.
    pub portal: u64,
    /// `STANDARD`, `SANDBOX`, `DEVELOPER_TEST`, `APP_DEVELOPER`.
    pub kind: String,
    /// The home currency, upper case.
    pub currency: String,
    /// The zone in which days, and so the daily limit, begin and end (trap 32).
    pub zone: chrono_tz::Tz,
}

impl Default for Account {
    fn default() -> Self {
        let (kind, currency) = ("STANDARD".to_owned(), "USD".to_owned());
        Self { portal: 62_515, kind, currency, zone: chrono_tz::US::Eastern }
    }
}

/// An account user to be added.
#[derive(Debug, Clone)]
pub struct OwnerSeed {
    /// Mail address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
}

/// An account user. `hubspot_owner_id` holds its `id`, never its `user` (trap 27).
#[derive(Debug, Clone)]
pub struct Owner {
    /// Owner id.
    pub id: String,
    /// User id.
    pub user: u64,
    /// Who it is.
    pub seed: OwnerSeed,
    /// Deactivated ones are listed with `archived=true` only.
    pub archived: bool,
}

/// The OAuth app that may ask for tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct OAuth {
    client: Option<(String, String, String)>,
    /// Access tokens handed out, and when they die.
    tokens: BTreeMap<String, Timestamp>,
}

/// What a bearer token is.
pub(super) enum Token {
    Good,
    Expired,
    Unknown,
}

impl World {
    /// Adds an account user and returns the owner id.
    pub fn add_owner(&mut self, seed: OwnerSeed) -> String {
        let user = 9_586_504 + u64::try_from(self.owners.len()).unwrap_or(0);
        let id = (user - 9_300_000).to_string();
        self.owners.push(Owner { id: id.clone(), user, seed, archived: false });
        id
    }

    /// Gives an account user another mail address: no record's stamp moves. An unknown id is ignored.
    pub fn set_owner_email(&mut self, id: &str, email: &str) {
        self.owners.iter_mut().filter(|owner| owner.id == id).for_each(|owner| email.clone_into(&mut owner.seed.email));
    }

    /// Deactivates an account user. An unknown id is ignored.
    pub fn archive_owner(&mut self, id: &str) {
        self.owners.iter_mut().filter(|owner| owner.id == id).for_each(|owner| owner.archived = true);
    }

    /// Lets an OAuth app trade this refresh token for access tokens of 30 minutes.
    pub fn set_oauth(&mut self, client_id: &str, client_secret: &str, refresh_token: &str) {
        self.oauth.client = Some((client_id.to_owned(), client_secret.to_owned(), refresh_token.to_owned()));
    }

    pub(super) fn token(&self, token: &str) -> Token {
        match self.oauth.tokens.get(token) {
            _ if token == self.token => Token::Good,
            Some(dies) if *dies > self.now() => Token::Good,
            Some(_) => Token::Expired,
            None => Token::Unknown,
        }
    }

    /// `GET /account-info/{version}/details`.
    pub(super) fn details(&self) -> Reply {
        let zone = self.account.zone;
        let offset = chrono::Offset::fix(&chrono::TimeZone::offset_from_utc_datetime(&zone, &self.now().naive_utc()));
        Reply::ok(json!({
            "portalId": self.account.portal, "accountType": self.account.kind, "timeZone": zone.name(),
            "companyCurrency": self.account.currency, "additionalCurrencies": [], "utcOffset": offset.to_string(),
            "utcOffsetMilliseconds": offset.local_minus_utc() * 1_000, "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }))
    }

    /// `GET /account-info/{version}/api-usage/daily/private-apps`.
    pub(super) fn usage(&self) -> Reply {
        let now = self.now().with_timezone(&self.account.zone);
        let midnight = now.date_naive().succ_opt().and_then(|day| day.and_hms_opt(0, 0, 0));
        let resets = midnight.and_then(|at| at.and_local_timezone(self.account.zone).earliest());
        let resets = resets.map(|at| instant(at.with_timezone(&chrono::Utc)));
        Reply::ok(json!({ "results": [{
            "name": "private-apps-api-calls-daily", "usageLimit": self.switches.calls_per_day,
            "currentUsage": self.meter.today(), "collectedAt": instant(self.now()), "fetchStatus": "SUCCESS",
            "resetsAt": resets,
        }] }))
    }

    /// `GET /crm/owners/{version}`: archived ones only when asked for (trap 27).
    pub(super) fn list_owners(&self, call: &Call) -> Reply {
        let archived = call.flag("archived");
        let after = call.query("after").and_then(|after| after.parse().ok()).unwrap_or(0_usize);
        let limit = call.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100_usize).clamp(1, 500);
        let email = call.query("email");
        let wanted = |owner: &&Owner| owner.archived == archived && email.is_none_or(|mail| owner.seed.email == mail);
        let all: Vec<&Owner> = self.owners.iter().filter(wanted).collect();
        let at = "2019-10-30T03:30:17.883Z";
        let show = |owner: &&Owner| {
            json!({
                "id": owner.id, "email": owner.seed.email, "firstName": owner.seed.first_name,
                "lastName": owner.seed.last_name, "type": "PERSON", "teams": [], "archived": owner.archived,
                "userId": if owner.archived { Value::Null } else { owner.user.into() },
                "userIdIncludingInactive": owner.user, "createdAt": at, "updatedAt": at,
            })
        };
        let results: Vec<Value> = all.iter().skip(after).take(limit).map(show).collect();
        let mut body = json!({ "results": results });
        if after + limit < all.len() {
            body["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
        }
        Reply::ok(body)
    }

    /// `POST /oauth/v2/private-apps/get/access-token-info`.
    pub(super) fn token_info(&self, call: &Call) -> Reply {
        let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
        if !self.switches.token_info || body["tokenKey"].as_str() != Some(&self.token) {
            return Reply::error(400, "VALIDATION_ERROR", "The access token could not be found");
        }
        Reply::ok(json!({
            "userId": 9_586_504, "hubId": self.account.portal, "appId": 1_160_452, "scopes": self.scopes,
        }))
    }

    /// `POST /oauth/{version}/token`, form-encoded.
    pub(super) fn trade_token(&mut self, call: &Call) -> Reply {
        let form: BTreeMap<_, _> = url::form_urlencoded::parse(call.body).into_owned().collect();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        if self.switches.bad_hub {
            return Reply::json(400, json!({ "status": "BAD_HUB", "message": "missing or invalid hub" }));
        }
        let Some((client, secret, refresh)) = self.oauth.client.clone() else {
            return Reply::json(400, json!({ "status": "BAD_CLIENT_ID", "message": "missing or unknown client id" }));
        };
        if field("client_id") != client || field("client_secret") != secret {
            return Reply::json(400, json!({ "status": "BAD_CLIENT_ID", "message": "missing or unknown client id" }));
        }
        if field("grant_type") != "refresh_token" || field("refresh_token") != refresh {
            let message = "missing or unknown auth code or refresh token";
            let body = json!({ "status": "BAD_REFRESH_TOKEN", "error": "invalid_grant", "message": message });
            return Reply::json(400, body);
        }
        let token = format!("access-{}", uuid::Uuid::now_v7());
        let life = self.switches.access_token_seconds;
        self.oauth.tokens.insert(token.clone(), self.now() + chrono::Duration::seconds(life.into()));
        Reply::ok(json!({
            "access_token": token, "refresh_token": refresh, "expires_in": life, "token_type": "bearer",
            "hub_id": self.account.portal,
        }))
    }
}

//! Query parameters, read as strictly as Stripe reads them.

use super::reply::Reply;

/// The parameters of one request.
pub(super) struct Params(Vec<(String, String)>);

/// The page that a list request asks for.
pub(super) struct Page {
    pub(super) limit: usize,
    pub(super) starting_after: Option<String>,
    pub(super) ending_before: Option<String>,
    /// Seconds, low included and high not.
    pub(super) created: (i64, i64),
}

const PAGING: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

impl Params {
    pub(super) fn read(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `name[]=a&name[]=b`, or with numbers in the brackets.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let mine = |key: &str| key.split_once('[').is_some_and(|(base, _)| base == name);
        self.0.iter().filter(|(key, _)| mine(key)).map(|(_, value)| value.as_str()).collect()
    }

    /// Refuses a parameter that the endpoint does not know.
    pub(super) fn allow(&self, names: &[&str], paging: bool) -> Result<(), Reply> {
        let known = |key: &str| key == "expand" || names.contains(&key) || (paging && PAGING.contains(&key));
        match self.0.iter().map(|(key, _)| base(key)).find(|key| !known(key)) {
            None => Ok(()),
            Some(key) => {
                let message = format!("Received unknown parameter: {key}");
                Err(Reply::invalid("parameter_unknown", &message, Some(key)))
            }
        }
    }

    /// The page: 1 to 100, 10 by default, one cursor at most.
    pub(super) fn page(&self) -> Result<Page, Reply> {
        let limit = self.get("limit").map_or(Ok(10), str::parse::<usize>);
        let Ok(limit @ 1..=100) = limit else {
            let message = "This value must be between 1 and 100.";
            return Err(Reply::invalid("parameter_invalid_integer", message, Some("limit")));
        };
        let cursor = |name: &str| self.get(name).map(str::to_owned);
        let (starting_after, ending_before) = (cursor("starting_after"), cursor("ending_before"));
        if starting_after.is_some() && ending_before.is_some() {
            let message = "You may only specify one of these parameters: starting_after, ending_before.";
            return Err(Reply::invalid("parameter_invalid", message, None));
        }
        Ok(Page { limit, starting_after, ending_before, created: self.window("created")? })
    }

    /// `name`, `name[gt]`, `[gte]`, `[lt]`, `[lte]` in seconds: low included and high not.
    pub(super) fn window(&self, name: &str) -> Result<(i64, i64), Reply> {
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        for (key, value) in self.0.iter().filter(|(key, _)| base(key) == name) {
            let at: Option<i64> = value.parse().ok();
            let sign = key.split_once('[').map_or("", |(_, sign)| sign.trim_end_matches(']'));
            match (at, sign) {
                (Some(at), "") => (low, high) = (at, at + 1),
                (Some(at), "gt") => low = low.max(at + 1),
                (Some(at), "gte") => low = low.max(at),
                (Some(at), "lt") => high = high.min(at),
                (Some(at), "lte") => high = high.min(at + 1),
                _ => return Err(Reply::invalid("parameter_invalid_integer", "Invalid integer", Some(key))),
            }
        }
        Ok((low, high))
    }
}

fn base(key: &str) -> &str {
    key.split('[').next().unwrap_or(key)
}

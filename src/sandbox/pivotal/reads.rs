//! Get and list: what is hidden, filters, pages (sheet sections 6 and 10).

use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::paging::{self, Query};
use super::refusal::{Answer, Refusal};
use super::row::{Row, Shown, stamp};
use super::schema::{Object, PHASES, STATES};
use super::world::World;
use super::zod;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Shown<'a>>,
    has_more: bool,
    next_cursor: Option<String>,
}

impl World {
    /// A live row by cuid or display id.
    ///
    /// # Errors
    /// 404 where it is absent, deleted, or hidden with its customer.
    pub(super) fn live(&self, object: Object, id: &str) -> Result<usize, Refusal> {
        let table = self.table(object);
        let visible = |at: &usize| {
            let row = table.row(*at);
            !row.deleted && (self.switches.orphans_readable || !self.is_orphan(row))
        };
        table.find(id).filter(visible).ok_or_else(|| Refusal::not_found(object.word()))
    }

    /// Whether its customer is deleted: such children vanish from every list.
    #[must_use]
    pub fn is_orphan(&self, row: &Row) -> bool {
        row.parent.is_some_and(|parent| self.customers.row(parent).deleted)
    }

    pub(super) fn show(&self, status: u16, object: Object, at: usize) -> Answer {
        answer(status, &Shown(self.table(object).row(at), &self.switches))
    }

    /// A page of a list: of one customer's children, or of the workspace.
    pub(super) fn list(&self, object: Object, parent: Option<&str>, query: &Query) -> Result<Answer, Refusal> {
        let default = match object {
            Object::Onboarding => self.switches.onboarding_list_limit,
            Object::Customer | Object::Contact => self.switches.list_limit,
        };
        let page = paging::page(query, default, &self.switches)?;
        self.check_filters(object, query)?;
        let mut customer = match parent {
            Some(id) => Some(self.live(Object::Customer, id)?),
            None => None,
        };
        if let Some(id) = query.get("customer_id").filter(|_| object == Object::Onboarding) {
            match self.live(Object::Customer, id) {
                Ok(at) => customer = Some(at),
                Err(_) => return Ok(answer(200, &self.page_of(Vec::new(), false))),
            }
        }
        if let Some(slug) = query.get("slug").filter(|_| object == Object::Customer && self.switches.slug_filter) {
            return Ok(answer(200, &self.by_slug(slug, page.before, query)));
        }
        let mut rows: Vec<&Row> = self
            .table(object)
            .newest_first(customer, page.before)
            .map(|(_, row)| row)
            .filter(|row| !self.is_orphan(row) && passes(row, query))
            .take(page.limit + 1)
            .collect();
        let has_more = rows.len() > page.limit;
        rows.truncate(page.limit);
        Ok(answer(200, &self.page_of(rows, has_more)))
    }

    fn by_slug(&self, slug: &str, before: Option<i64>, query: &Query) -> List<'_> {
        let found = self.slugs.get(slug).map(|at| self.customers.row(*at)).filter(|row| {
            !row.deleted && before.is_none_or(|before| row.created_at.timestamp_millis() < before) && passes(row, query)
        });
        self.page_of(found.into_iter().collect(), false)
    }

    fn page_of<'a>(&'a self, rows: Vec<&'a Row>, has_more: bool) -> List<'a> {
        let wanted = has_more || self.switches.always_next_cursor;
        let next_cursor = rows.last().filter(|_| wanted).map(|row| stamp(row.created_at));
        let data = rows.into_iter().map(|row| Shown(row, &self.switches)).collect();
        List { object: "list", data, has_more, next_cursor }
    }

    fn check_filters(&self, object: Object, query: &Query) -> Result<(), Refusal> {
        let check = |name: &str, words: &[&str]| match query.get(name) {
            Some(given) => zod::word(name, &Value::from(given.as_str()), words.iter().copied()).map(|_| ()),
            None => Ok(()),
        };
        match object {
            Object::Customer => {
                let statuses: Vec<&str> = self.switches.statuses.iter().map(String::as_str).collect();
                check("status", &statuses)
            }
            Object::Onboarding => check("state", STATES).and_then(|()| check("phase", PHASES)),
            Object::Contact => Ok(()),
        }
    }

    /// The answer to a deletion, the same each time.
    pub(super) fn deleted(&self, object: Object, at: usize) -> Answer {
        let row = self.table(object).row(at);
        let body = json!({ "object": "deleted", "id": row.id, "display_id": row.display_id, "deleted": true });
        Answer::json(200, &body)
    }
}

fn passes(row: &Row, query: &Query) -> bool {
    let equals = |field: &str| query.get(field).is_none_or(|wanted| row.text(field) == Some(wanted));
    match row.object {
        Object::Customer => equals("status"),
        Object::Contact => true,
        Object::Onboarding => {
            // `waiting` is derived from the flag when listing.
            let waiting = query.get("state").is_some_and(|state| state == "waiting") && row.flag("waiting_on_customer");
            equals("phase") && (waiting || equals("state"))
        }
    }
}

fn answer(status: u16, body: &impl Serialize) -> Answer {
    Answer { status, body: Bytes::from(serde_json::to_vec(body).unwrap_or_default()), headers: Vec::new() }
}

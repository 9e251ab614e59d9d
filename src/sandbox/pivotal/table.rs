//! The rows of one kind with the indexes that keep every request at O(log n).

use std::collections::{BTreeSet, HashMap};

use super::row::Row;

/// Rows in the order they are listed, oldest first: creation millisecond, then place.
type Order = BTreeSet<(i64, usize)>;

/// All rows of one kind, deleted ones included.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    by_id: HashMap<String, usize>,
    live: Order,
    live_of_customer: HashMap<usize, Order>,
}

impl Table {
    /// A cuid, or a display id where the text is all digits; deleted rows are found too.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
            let at = id.parse::<usize>().ok()?.checked_sub(1)?;
            return (at < self.rows.len()).then_some(at);
        }
        self.by_id.get(id).copied()
    }

    pub(super) fn row(&self, at: usize) -> &Row {
        &self.rows[at]
    }

    pub(super) fn row_mut(&mut self, at: usize) -> &mut Row {
        &mut self.rows[at]
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The display id of the next row; display ids count from 1, each kind for itself.
    pub(super) fn next_display_id(&self) -> u64 {
        self.rows.len() as u64 + 1
    }

    pub(super) fn insert(&mut self, row: Row) -> usize {
        let at = self.rows.len();
        let key = row.key(at);
        if let Some(parent) = row.parent {
            self.live_of_customer.entry(parent).or_default().insert(key);
        }
        self.live.insert(key);
        self.by_id.insert(row.id.clone(), at);
        self.rows.push(row);
        at
    }

    /// Marks a row deleted and takes it off the lists.
    pub(super) fn delete(&mut self, at: usize) {
        let row = &mut self.rows[at];
        row.deleted = true;
        let key = row.key(at);
        self.live.remove(&key);
        if let Some(order) = row.parent.and_then(|parent| self.live_of_customer.get_mut(&parent)) {
            order.remove(&key);
        }
    }

    /// Live rows made strictly before a millisecond, newest first: all, or those of one customer. Nothing breaks ties, so
    /// that a walk by cursor skips rows that share the boundary's millisecond, as the sheet warns.
    pub(super) fn newest_first(
        &self,
        customer: Option<usize>,
        before: Option<i64>,
    ) -> impl Iterator<Item = (usize, &Row)> + '_ {
        let order = match customer {
            Some(customer) => self.live_of_customer.get(&customer),
            None => Some(&self.live),
        };
        let bound = (before.unwrap_or(i64::MAX), 0);
        order.into_iter().flat_map(move |order| order.range(..bound).rev()).map(|&(_, at)| (at, &self.rows[at]))
    }
}

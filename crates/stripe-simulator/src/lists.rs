//! Lists: newest first, in pages behind cursors.
//!
//! Invariant: a page that starts after an object contains the objects that follow it in the whole list, independent of
//! later additions.

use crate::error::{Answer, StripeError};
use crate::object::{self, Object};
use crate::params::Params;
use crate::state::State;
use serde_json::Value;

/// Maximum number of objects on a page of a list.
const LIMIT_MAX: i64 = 100;
/// Number of objects on a page when the caller sets no limit.
const LIMIT_DEFAULT: i64 = 10;

/// Parameters of a list: limit, cursors and creation times.
#[derive(Clone, Debug)]
pub struct ListPage {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
    created: [Option<i64>; 5],
}

impl ListPage {
    /// Reads the parameters that every list has.
    ///
    /// # Errors
    /// When a limit or an instant is none.
    pub fn read(params: &Params) -> Result<ListPage, StripeError> {
        let limit = params.int("limit")?.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(StripeError::unusable(
                "limit",
                format!("Invalid integer: limit must be between 1 and {LIMIT_MAX}"),
            ));
        }
        let created = ["created", "created[gt]", "created[gte]", "created[lt]", "created[lte]"];
        let mut bounds = [None; 5];
        for (bound, name) in bounds.iter_mut().zip(created) {
            *bound = params.int(name)?;
        }
        Ok(ListPage {
            limit: usize::try_from(limit).unwrap_or(1),
            after: params.optional("starting_after"),
            before: params.optional("ending_before"),
            created: bounds,
        })
    }

    fn admits(&self, object: &Object) -> bool {
        let created = object.int("created");
        let [is, after, from, before, until] = self.created;
        is.is_none_or(|is| created == is)
            && after.is_none_or(|after| created > after)
            && from.is_none_or(|from| created >= from)
            && before.is_none_or(|before| created < before)
            && until.is_none_or(|until| created <= until)
    }

    /// Returns the page of those objects of a kind that a condition admits.
    ///
    /// # Errors
    /// When a cursor names nothing of that kind.
    pub fn of(&self, state: &State, kind: &str, url: &str, admits: impl Fn(&Object) -> bool) -> Answer {
        for (cursor, name) in [(&self.after, "starting_after"), (&self.before, "ending_before")] {
            if let Some(cursor) = cursor {
                state.find(kind, cursor, name)?;
            }
        }
        let all = state.all(kind).rev().filter(|object| !object.flag("deleted"));
        let found: Vec<&Object> = all.filter(|object| self.admits(object) && admits(object)).collect();
        Ok(self.cut(&found, url, |object| state.to_api(object).into()))
    }

    /// Returns a page of a given list, newest first.
    pub fn slice(&self, list: &[Object], url: &str) -> Value {
        let list: Vec<&Object> = list.iter().collect();
        self.cut(&list, url, |object| object.value().clone())
    }

    fn cut(&self, found: &[&Object], url: &str, show: impl Fn(&Object) -> Value) -> Value {
        let place = |id: &Option<String>| id.as_ref().and_then(|id| found.iter().position(|one| one.id() == id));
        let (from, until) = match (&self.after, &self.before) {
            (Some(_), _) => {
                let from = place(&self.after).map_or(found.len(), |place| place + 1);
                (from, (from + self.limit).min(found.len()))
            }
            (None, Some(_)) => {
                let until = place(&self.before).unwrap_or(0);
                (until.saturating_sub(self.limit), until)
            }
            (None, None) => (0, self.limit.min(found.len())),
        };
        let more = if self.before.is_some() && self.after.is_none() { from > 0 } else { until < found.len() };
        object::list(found[from..until].iter().map(|object| show(object)).collect(), more, url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(query: &str) -> Value {
        let list: Vec<Object> = (1..=5).rev().map(|n| json!({"id": format!("x_{n}"), "created": n}).into()).collect();
        let mut answer = ListPage::read(&Params::parse(query)).unwrap().slice(&list, "/v1/x");
        let ids: Vec<Value> = answer["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        answer["data"] = ids.into();
        json!([answer["data"], answer["has_more"]])
    }

    #[test]
    fn cursors_lead_through_a_list_both_ways() {
        assert_eq!(page("limit=2"), json!([["x_5", "x_4"], true]));
        assert_eq!(page("limit=2&starting_after=x_4"), json!([["x_3", "x_2"], true]));
        assert_eq!(page("limit=2&starting_after=x_2"), json!([["x_1"], false]));
        assert_eq!(page("limit=2&ending_before=x_2"), json!([["x_4", "x_3"], true]));
        assert_eq!(page("limit=2&ending_before=x_4"), json!([["x_5"], false]));
    }

    #[test]
    fn a_limit_out_of_bounds_is_refused() {
        assert!(ListPage::read(&Params::parse("limit=0")).is_err());
        assert!(ListPage::read(&Params::parse("limit=101")).is_err());
    }
}

//! Pages of lists, and the cursors that lead from one to the next.

use super::problem::Problem;
use scrip_client::types as api;
use serde::Deserialize;

/// Place and size of a page of a list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Maximum number of items, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// Cursor at which the page before ended.
    pub cursor: Option<String>,
}

/// Reads the size of a page, 1 to 100 and 20 when absent.
///
/// # Errors
/// When it is another number.
pub fn page_limit(limit: Option<u32>) -> Result<i64, Problem> {
    match limit.unwrap_or(20) {
        limit @ 1..=100 => Ok(i64::from(limit)),
        _ => Err(Problem::invalid("", "limit is 1 to 100")),
    }
}

/// Reads a cursor that a page gave; returns `start` without one.
///
/// # Errors
/// When the text is no cursor.
pub fn cursor(text: Option<&str>, start: i64) -> Result<i64, Problem> {
    let Some(text) = text else { return Ok(start) };
    let number = text.strip_prefix("c_").and_then(|digits| i64::from_str_radix(digits, 36).ok());
    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| Problem::invalid("", "the cursor is not from a page of this list"))
}

/// Returns a page; `last` is the place of its end, if more follows.
pub fn page<T>(data: Vec<T>, last: Option<i64>) -> api::Page<T> {
    let next_cursor = last.map(|last| format!("c_{}", base36(last)));
    api::Page { data, has_more: next_cursor.is_some(), next_cursor }
}

fn base36(mut number: i64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
    }
    digits.iter().rev().collect()
}

//! Form encoding of parameters as Stripe reads them, with brackets for nested values.
//!
//! `{"a": {"b": [1, true]}}` is `a[b][0]=1&a[b][1]=true`. `null` is sent as an empty value, which unsets the field.
//!
//! Invariant: one value has one form, so that a retry under the same key sends the same bytes.

use crate::outbound::encode;
use serde::Serialize;
use serde_json::Value;

/// Encodes parameters as a form; absent values and empty lists are left out.
pub fn form(params: &impl Serialize) -> String {
    let params = serde_json::to_value(params).expect("parameters have text for names and no way to fail");
    let mut pairs = Vec::new();
    pairs_of("", &params, &mut pairs);
    pairs.join("&")
}

fn pairs_of(name: &str, value: &Value, pairs: &mut Vec<String>) {
    let inner = |key: &str| if name.is_empty() { encode(key) } else { format!("{name}[{}]", encode(key)) };
    let mut pair = |text: &str| pairs.push(format!("{name}={}", encode(text)));
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| pairs_of(&inner(key), value, pairs)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| pairs_of(&inner(&n.to_string()), item, pairs))
        }
        Value::Null if name.is_empty() => {}
        Value::Null => pair(""),
        Value::String(text) => pair(text),
        other => pair(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_inside_stands_in_brackets() {
        let params = json!({
            "customer": "cus_1",
            "line_items": [{ "price": "price_1", "quantity": 1 }, { "price": "price_2", "quantity": 2 }],
            "metadata": { "scrip_workspace": "ws_1" },
            "off_session": true,
        });
        assert_eq!(
            form(&params),
            "customer=cus_1&line_items[0][price]=price_1&line_items[0][quantity]=1&line_items[1][price]=price_2\
             &line_items[1][quantity]=2&metadata[scrip_workspace]=ws_1&off_session=true"
        );
    }

    #[test]
    fn what_is_unset_is_empty_and_what_is_absent_is_not_there() {
        assert_eq!(form(&json!({ "cancel_at": null, "expand": [], "features": {} })), "cancel_at=");
        assert_eq!(form(&json!({})), "");
        assert_eq!(form(&()), "");
    }

    #[test]
    fn no_value_and_no_name_can_pass_as_another() {
        let params = json!({ "name": "a&b=c[d] 100%+é\u{1f600}\n", "metadata": { "x][y": "1", "a=b": "2" } });
        assert_eq!(
            form(&params),
            "metadata[a%3Db]=2&metadata[x%5D%5By]=1&name=a%26b%3Dc%5Bd%5D%20100%25%2B%C3%A9%F0%9F%98%80%0A"
        );
    }

    #[test]
    fn numbers_are_whole_and_signed() {
        assert_eq!(form(&json!({ "a": -5, "b": 9_007_199_254_740_993_i64, "c": 0 })), "a=-5&b=9007199254740993&c=0");
    }
}

//! Every statement, shown to both engines.
//!
//! Goal: no statement that ships is one that an engine does not understand, or that the role it serves with may not
//! run. Method: each is run with no value for any of its parameters, and may be refused for that alone.

use super::cluster::{Role, database};
use super::{Options, Store, Value, admit, queries};

/// Returns the highest `$n` of a statement.
fn values_of(sql: &str) -> usize {
    (1..20).filter(|n| sql.contains(&format!("${n}"))).max().unwrap_or(0)
}

#[tokio::test]
async fn every_statement_is_understood_by_both_engines() {
    let text = include_str!("queries.rs");
    let written = text.matches("pub const ").count() - 1;
    assert_eq!(queries::ALL.len(), written, "a statement is not in the list of all");
    let database = database();
    let directory = std::env::temp_dir().join(format!("scrip-statements-{}", std::process::id()));
    let stores = [
        Store::open(&directory, Options::small()).expect("a directory can be made"),
        Store::connect(database.url(), Options::small()).await.expect("the database answers"),
    ];
    for sql in queries::ALL {
        for store in &stores {
            // Nothing at all is a value of every type; what it is refused for must be the value.
            let values = vec![Value::Null; values_of(sql)];
            let answer = match sql.split_whitespace().next() {
                Some("SELECT") => store.query(sql, values).await.map(|_| ()),
                _ if sql.contains("RETURNING") && ["mails", "customers"].iter().any(|table| sql.contains(table)) => {
                    store.write_for_work(sql, values).await.map(|_| ())
                }
                _ if sql.contains("RETURNING") || sql.contains("queue") => store.lease(sql, values).await.map(|_| ()),
                _ => store.write(sql, values).await.map(|_| ()),
            };
            if let Err(error) = answer {
                let text = error.to_string().to_lowercase();
                let value = ["null", "mismatch"].iter().any(|word| text.contains(word));
                assert!(value, "{sql}: {error}");
            }
        }
    }
    drop(stores);
    std::fs::remove_dir_all(&directory).expect("it can go");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_that_serves_may_run_every_statement() {
    let role = Role::new();
    let database = database();
    admit(&database.url().into(), role.name()).await.expect("the owner may let a role in");
    let url = role.url(&database);
    let store = Store::connect(&*url, Options::small()).await.unwrap_or_else(|error| panic!("{error}"));
    for sql in queries::ALL {
        let answer = store.query(sql, vec![Value::Null; values_of(sql)]).await;
        let text = answer.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.is_empty() || text.contains("null"), "{sql}: {text}");
    }
}

#[test]
fn the_statements_that_write_mails_name_no_link() {
    for sql in queries::ALL.iter().filter(|sql| sql.contains("mails")) {
        for word in ["link", "token", "signature", "secret"] {
            assert!(!sql.contains(word), "{sql}");
        }
    }
}

//! List of the tables, in the order in which they are made, transferred and checked.
//!
//! Invariant: the journal is the first table.

use super::{Column, Distribution, Engine, Kind, Rights, Table, Writer};

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, is_key: false, is_sealed: false, is_folded: false, only: None }
}

const fn integer(name: &'static str) -> Column {
    column(name, Kind::Integer)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes)
}

/// Column of a table's seals.
const SEAL: Column = bytes("seal");

/// Returns a table beside the journal, which servers write and a transfer copies.
const fn beside(name: &'static str, rights: Rights, columns: &'static [Column]) -> Table {
    Table {
        name,
        columns,
        writer: Writer::Server,
        distribution: Distribution::Everywhere,
        rights,
        is_moved: true,
        numbered: None,
        is_chained: false,
        only: None,
    }
}

/// Returns a projection: folded from the journal, deleted and folded again at will.
const fn projection(name: &'static str, columns: &'static [Column]) -> Table {
    let distribution = Distribution::ByWorkspace;
    let table = Table { writer: Writer::Projector, distribution, ..beside(name, Rights::Delete, columns) };
    Table { is_moved: false, ..table }
}

const ENTRY: &[Column] = &[
    integer("position"),
    integer("workspace"),
    integer("seq"),
    integer("xid").only(Engine::Postgres),
    integer("at"),
    bytes("idempotency_key"),
    bytes("request_hash"),
    integer("next_due_at"),
    text("body"),
    bytes("previous_hash"),
    bytes("hash"),
];

/// Every table of both engines. The journal comes first.
pub static TABLES: &[Table] = &[
    // The journal.
    Table {
        writer: Writer::Appender,
        distribution: Distribution::ByWorkspace,
        numbered: Some("position"),
        ..beside("entries", Rights::Add, ENTRY)
    },
    // The secret that signs, and the marks of operations on the whole database.
    beside("settings", Rights::Change, &[text("name").key(), bytes("value").sealed(), SEAL]),
    // Keys of operators.
    beside(
        "operator_keys",
        Rights::Change,
        &[
            bytes("hash").key(),
            text("name").sealed(),
            text("last4").sealed(),
            integer("created_at").sealed(),
            text("scopes").sealed(),
            integer("grants_per_day").sealed(),
            integer("expires_at").sealed(),
            integer("revoked_at").sealed(),
            integer("last_used_at"),
            SEAL,
        ],
    ),
    // Credits that an operator's key has granted on the last day on which it granted any.
    beside(
        "operator_grants",
        Rights::Change,
        &[bytes("hash").key(), integer("day").sealed(), integer("amount").sealed(), SEAL],
    ),
    // Published versions of the catalog.
    beside(
        "catalogs",
        Rights::Add,
        &[
            integer("version").key(),
            integer("published_at").sealed(),
            text("sha256").sealed(),
            text("text"),
            text("actor").sealed(),
            text("clocks").sealed(),
            SEAL,
        ],
    ),
    // Test clocks.
    beside("test_clocks", Rights::Change, &[integer("id").key(), text("name"), integer("now").sealed(), SEAL]),
    // Claims, each of one workspace.
    beside("claims", Rights::Delete, &[text("scope").key(), text("claim").key(), integer("workspace").sealed(), SEAL]),
    // People.
    beside("users", Rights::Change, &[integer("id").key(), text("email").sealed(), integer("created_at"), SEAL]),
    // Subjects of identity providers, and the people they are.
    beside(
        "identities",
        Rights::Add,
        &[text("issuer").key(), text("subject").key(), integer("user_id").sealed(), integer("created_at"), SEAL],
    ),
    // Links that sign a person in once.
    beside(
        "sign_in_tokens",
        Rights::Delete,
        &[
            bytes("hash").key(),
            text("email").sealed(),
            integer("workspace").sealed(),
            text("made_by").sealed(),
            integer("created_at").sealed(),
            integer("expires_at").sealed(),
            SEAL,
        ],
    ),
    // Sessions of people who are signed in.
    beside(
        "sessions",
        Rights::Delete,
        &[
            bytes("hash").key(),
            integer("user_id").sealed(),
            integer("workspace").sealed(),
            integer("created_at").sealed(),
            integer("seen_at").sealed(),
            integer("expires_at").sealed(),
            SEAL,
        ],
    ),
    // Single-use ids that were used, until they would have run out.
    beside("spent", Rights::Delete, &[bytes("hash"), integer("expires_at")]),
    // Recent uses that are limited by allowances.
    beside("allowances", Rights::Delete, &[text("kind"), text("subject"), bytes("log"), integer("last")]),
    // People who are blocked.
    beside(
        "blocks",
        Rights::Delete,
        &[
            integer("user_id").key(),
            text("person").sealed(),
            text("reason").sealed(),
            text("actor").sealed(),
            integer("at").sealed(),
            SEAL,
        ],
    ),
    // Acts of operators that are about no single workspace, each sealed together with the one before it.
    Table {
        numbered: Some("n"),
        is_chained: true,
        ..beside(
            "acts",
            Rights::Add,
            &[
                integer("n").key(),
                text("kind").sealed(),
                text("name").sealed(),
                text("reason").sealed(),
                text("actor").sealed(),
                text("request").sealed(),
                integer("at").sealed(),
                SEAL,
            ],
        )
    },
    // Mails that are to be sent, and mails that were.
    beside(
        "mails",
        Rights::Change,
        &[
            text("id").key(),
            text("kind").sealed(),
            text("recipient").sealed(),
            text("data").sealed(),
            integer("due_at"),
            integer("attempts"),
            integer("lease_until"),
            integer("sent_at"),
            text("failed"),
            integer("created_at"),
            SEAL,
        ],
    ),
    // Applications for reviews.
    Table {
        numbered: Some("n"),
        ..beside(
            "reviews",
            Rights::Change,
            &[
                integer("n"),
                integer("workspace").key(),
                integer("number"),
                text("review").key(),
                integer("application").key(),
                text("form").sealed(),
                text("actor").sealed(),
                integer("applied_at").sealed(),
                text("status"),
                text("reason"),
                integer("decided_at"),
                SEAL,
            ],
        )
    },
    // Files of applications; their bytes are stored with the outputs.
    beside(
        "review_files",
        Rights::Add,
        &[
            integer("workspace").key(),
            integer("number").key(),
            integer("file"),
            text("name").sealed(),
            text("content_type").sealed(),
            integer("bytes").sealed(),
            text("sha256").key(),
            text("actor").sealed(),
            integer("added_at").sealed(),
            SEAL,
        ],
    ),
    // Stripe customers of workspaces.
    beside(
        "customers",
        Rights::Change,
        &[
            integer("workspace").key(),
            text("customer").sealed(),
            integer("created_at"),
            integer("hinted"),
            integer("looked"),
            integer("due_at"),
            integer("attempts"),
            integer("lease_until"),
            SEAL,
        ],
    ),
    // Stripe's events, as hints.
    beside(
        "provider_events",
        Rights::Change,
        &[
            text("id"),
            text("kind"),
            text("customer"),
            text("charge"),
            integer("created_at"),
            integer("received_at"),
            integer("handled_at"),
        ],
    ),
    // Purchases that a person decided on.
    beside(
        "purchases",
        Rights::Change,
        &[
            text("id").key(),
            integer("workspace").sealed(),
            text("what").sealed(),
            integer("catalog").sealed(),
            integer("amount").sealed(),
            text("currency").sealed(),
            text("session").sealed(),
            text("url").sealed(),
            integer("created_at"),
            integer("expires_at"),
            integer("closed_at"),
            SEAL,
        ],
    ),
    // Alerts for operators.
    beside(
        "alerts",
        Rights::Delete,
        &[text("about"), text("kind"), integer("workspace"), text("detail"), integer("at")],
    ),
    // Positions up to which everything is folded.
    Table {
        distribution: Distribution::Everywhere,
        ..projection(
            "positions",
            &[
                text("name"),
                integer("xid").only(Engine::Postgres),
                integer("position"),
                bytes("hash").only(Engine::Sqlite),
            ],
        )
    },
    // Snapshots of workspaces, each after one of its entries.
    projection("snapshots", &[integer("workspace"), integer("seq"), bytes("hash"), bytes("mac"), text("state")]),
    projection(
        "workspaces",
        &[
            integer("workspace").folded(),
            integer("opened").folded(),
            text("external_id").folded(),
            integer("test_clock").folded(),
            integer("next_due_at").folded(),
        ],
    ),
    projection(
        "runs",
        &[
            integer("workspace").folded(),
            integer("n").folded(),
            text("status").folded(),
            integer("seq").folded(),
            text("body").folded(),
        ],
    ),
    // Runs that are to be worked on.
    projection(
        "queue",
        &[
            integer("workspace").folded(),
            integer("n").folded(),
            integer("test_clock").folded(),
            integer("due_at"),
            integer("lease_until"),
            integer("attempt").folded(),
        ],
    ),
    projection(
        "holds",
        &[
            integer("workspace").folded(),
            integer("n").folded(),
            text("model").folded(),
            text("unit").folded(),
            integer("amount").folded(),
            integer("opened").folded(),
            integer("extended").folded(),
            integer("ended").folded(),
        ],
    ),
    projection(
        "usage",
        &[
            integer("workspace").folded(),
            integer("day").folded(),
            text("model").folded(),
            text("unit").folded(),
            integer("key").folded(),
            integer("runs").folded(),
            integer("failed").folded(),
            integer("captured").folded(),
        ],
    ),
    // Requests that each workspace was admitted in the last minute.
    Table {
        writer: Writer::Limiter,
        only: Some(Engine::Postgres),
        ..projection("admissions", &[integer("workspace"), bytes("log"), integer("last")])
    },
    // Instants at which keys were last used.
    Table {
        distribution: Distribution::ByWorkspace,
        ..beside("key_uses", Rights::Change, &[integer("workspace"), integer("n"), integer("used_at")])
    },
    // The index of the embedded journal: an entry by its number, the last number, an entry by its idempotency key.
    Table {
        only: Some(Engine::Sqlite),
        ..projection("places", &[integer("workspace").folded(), integer("seq").folded(), integer("position").folded()])
    },
    Table {
        only: Some(Engine::Sqlite),
        ..projection("ends", &[integer("workspace").folded(), integer("seq").folded()])
    },
    Table {
        only: Some(Engine::Sqlite),
        ..projection(
            "keys",
            &[integer("workspace").folded(), bytes("idempotency_key").folded(), integer("position").folded()],
        )
    },
    // The entries of a workspace in order: on SQLite a view over the index, in each connection that reads.
    Table {
        writer: Writer::Appender,
        distribution: Distribution::Nowhere,
        is_moved: false,
        only: Some(Engine::Postgres),
        ..beside("history", Rights::Read, ENTRY)
    },
    // The migrations that were run, as the migration library keeps them.
    Table {
        writer: Writer::Migrations,
        distribution: Distribution::Nowhere,
        is_moved: false,
        ..beside("refinery_schema_history", Rights::Read, &[])
    },
];

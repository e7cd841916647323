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
    beside("settings", Rights::Change, &[text("name").key(), bytes("value").in_seal(), SEAL]),
    // Keys of operators.
    beside(
        "operator_keys",
        Rights::Change,
        &[
            bytes("hash").key(),
            text("name").in_seal(),
            text("last4").in_seal(),
            integer("created_at").in_seal(),
            text("scopes").in_seal(),
            integer("grants_per_day").in_seal(),
            integer("expires_at").in_seal(),
            integer("revoked_at").in_seal(),
            integer("last_used_at"),
            SEAL,
        ],
    ),
    // Credits that an operator's key has granted on the last day on which it granted any.
    beside(
        "operator_grants",
        Rights::Change,
        &[bytes("hash").key(), integer("day").in_seal(), integer("amount").in_seal(), SEAL],
    ),
    // Published versions of the catalog.
    beside(
        "catalogs",
        Rights::Add,
        &[
            integer("version").key(),
            integer("published_at").in_seal(),
            text("sha256").in_seal(),
            text("text"),
            text("actor").in_seal(),
            text("clocks").in_seal(),
            SEAL,
        ],
    ),
    // Test clocks.
    beside("test_clocks", Rights::Change, &[integer("id").key(), text("name"), integer("now").in_seal(), SEAL]),
    // Claims, each of one workspace.
    Table {
        distribution: Distribution::ByClaim,
        ..beside(
            "claims",
            Rights::Delete,
            &[text("scope").key(), text("claim").key(), integer("workspace").in_seal(), SEAL],
        )
    },
    // People.
    beside("users", Rights::Change, &[integer("id").key(), text("email").in_seal(), integer("created_at"), SEAL]),
    // Addresses by which workspaces know the people that their entries name.
    Table {
        distribution: Distribution::ByWorkspace,
        ..beside(
            "profiles",
            Rights::Change,
            &[
                integer("workspace").key(),
                integer("user_id").key(),
                text("email").in_seal(),
                text("earlier").in_seal(),
                SEAL,
            ],
        )
    },
    // Subjects of identity providers, and the people they are.
    beside(
        "identities",
        Rights::Add,
        &[text("issuer").key(), text("subject").key(), integer("user_id").in_seal(), integer("created_at"), SEAL],
    ),
    // Links that sign a person in once.
    beside(
        "sign_in_tokens",
        Rights::Delete,
        &[
            bytes("hash").key(),
            text("email").in_seal(),
            integer("workspace").in_seal(),
            text("made_by").in_seal(),
            integer("created_at").in_seal(),
            integer("expires_at").in_seal(),
            SEAL,
        ],
    ),
    // Sessions of people who are signed in.
    beside(
        "sessions",
        Rights::Delete,
        &[
            bytes("hash").key(),
            integer("user_id").in_seal(),
            integer("workspace").in_seal(),
            integer("created_at").in_seal(),
            integer("seen_at").in_seal(),
            integer("expires_at").in_seal(),
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
            text("person").in_seal(),
            text("reason").in_seal(),
            text("actor").in_seal(),
            integer("at").in_seal(),
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
                text("kind").in_seal(),
                text("name").in_seal(),
                text("reason").in_seal(),
                text("actor").in_seal(),
                text("request").in_seal(),
                integer("at").in_seal(),
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
            text("kind").in_seal(),
            text("recipient").in_seal(),
            text("data").in_seal(),
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
                text("form").in_seal(),
                text("actor").in_seal(),
                integer("applied_at").in_seal(),
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
            text("name").in_seal(),
            text("content_type").in_seal(),
            integer("bytes").in_seal(),
            text("sha256").key(),
            text("actor").in_seal(),
            integer("added_at").in_seal(),
            SEAL,
        ],
    ),
    // Stripe customers of workspaces.
    beside(
        "customers",
        Rights::Change,
        &[
            integer("workspace").key(),
            text("customer").in_seal(),
            integer("created_at"),
            integer("hints"),
            integer("reconciled"),
            integer("due_at"),
            integer("attempts"),
            integer("lease_until"),
            SEAL,
        ],
    ),
    // Stripe's events, as hints.
    beside(
        "stripe_events",
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
            integer("workspace").in_seal(),
            text("what").in_seal(),
            integer("catalog").in_seal(),
            integer("amount").in_seal(),
            text("currency").in_seal(),
            text("session").in_seal(),
            text("url").in_seal(),
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
        only: Some(Engine::Sqlite),
        ..projection("positions", &[text("name"), integer("position"), bytes("hash")])
    },
    // Workspaces that are to be folded anew from their first entry.
    Table { only: Some(Engine::Postgres), ..projection("unfolded", &[integer("workspace")]) },
    // Snapshots of workspaces, each after one of its entries.
    projection("snapshots", &[integer("workspace"), integer("seq"), bytes("hash"), bytes("mac"), text("state")]),
    projection(
        "workspaces",
        &[
            integer("workspace").in_fold(),
            integer("opened").in_fold(),
            text("external_id").in_fold(),
            integer("test_clock").in_fold(),
            integer("next_due_at").in_fold(),
            integer("seq").in_fold().only(Engine::Postgres),
        ],
    ),
    projection(
        "runs",
        &[
            integer("workspace").in_fold(),
            integer("n").in_fold(),
            text("status").in_fold(),
            integer("seq").in_fold(),
            text("body").in_fold(),
        ],
    ),
    // Runs that are to be worked on.
    projection(
        "queue",
        &[
            integer("workspace").in_fold(),
            integer("n").in_fold(),
            integer("test_clock").in_fold(),
            integer("due_at"),
            integer("lease_until"),
            integer("owner"),
            integer("attempt").in_fold(),
        ],
    ),
    projection(
        "holds",
        &[
            integer("workspace").in_fold(),
            integer("n").in_fold(),
            text("model").in_fold(),
            text("unit").in_fold(),
            integer("amount").in_fold(),
            integer("opened").in_fold(),
            integer("extended").in_fold(),
            integer("ended").in_fold(),
        ],
    ),
    projection(
        "usage",
        &[
            integer("workspace").in_fold(),
            integer("day").in_fold(),
            text("model").in_fold(),
            text("unit").in_fold(),
            integer("key").in_fold(),
            integer("runs").in_fold(),
            integer("failed").in_fold(),
            integer("captured").in_fold(),
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
        ..projection(
            "places",
            &[integer("workspace").in_fold(), integer("seq").in_fold(), integer("position").in_fold()],
        )
    },
    Table {
        only: Some(Engine::Sqlite),
        ..projection("ends", &[integer("workspace").in_fold(), integer("seq").in_fold()])
    },
    Table {
        only: Some(Engine::Sqlite),
        ..projection(
            "keys",
            &[integer("workspace").in_fold(), bytes("idempotency_key").in_fold(), integer("position").in_fold()],
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

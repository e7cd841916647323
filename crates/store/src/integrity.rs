//! Seals of the rows that the journal does not hold: a MAC over each row that decides about rights, sign-in or sales,
//! so that a row that was changed or planted in the database is detected and not believed.
//!
//! The key comes from a secret that the operator gives, or, without one, from the database itself. In the second case
//! the seals show accidents and old copies; an attacker who can read the key in the database can compute them.
//!
//! Invariant: a seal is made where its row is written, from the values that are written, never from a row that was read
//! and not checked. [`Start::Unsealed`] is the one exception: the rows of an older version are trusted once.

use super::tables::{Column, TABLES, Table};
use super::{Claim, Row, Unavailable, Value, text_hash};
use crate::crypto::{hex, hmac, random, sha256};
use scrip_engine::{Timestamp, WorkspaceId};
use std::fmt;
use std::sync::LazyLock;

/// Name of the setting that holds the key of the seals, where the operator gives no secret.
pub const KEY: &str = "integrity";
/// Name of the setting that tells which key the rows are sealed with.
pub const MARK: &str = "sealed";
/// Name of the setting that holds the number and the seal of the last act, so that acts cannot be cut off at the end.
pub const LAST_ACT: &str = "last_act";
/// Name of the setting that holds the number of the newest catalog version, so that versions cannot be cut off at the
/// end.
pub const LAST_CATALOG: &str = "last_catalog";
/// Name of the setting that counts the claims of an older version.
pub const CLAIMS_BEFORE: &str = "older_claims";
/// Name of the setting that records how far entries of earlier versions were brought over to ids of people.
pub const PEOPLE_BY_ID: &str = "people by id";
/// Names of the settings that are made with the schema, before there is a row to seal.
pub const SETTINGS: [&str; 6] = [KEY, MARK, LAST_ACT, LAST_CATALOG, CLAIMS_BEFORE, PEOPLE_BY_ID];
/// Minimum length of a secret that seals, in characters.
const SECRET_MIN: usize = 16; // # assumed

/// A secret that the operator gives to seal with.
#[derive(Clone, Copy)]
pub struct Key([u8; 32]);

impl Key {
    /// Returns the key of a secret.
    ///
    /// # Errors
    /// When the secret is too short to be one.
    pub fn of(secret: &str) -> Result<Key, String> {
        if secret.chars().count() < SECRET_MIN {
            return Err(format!(
                "SCRIP_INTEGRITY_SECRET must be at least {SECRET_MIN} characters long: `openssl rand -hex 32` makes one"
            ));
        }
        Ok(Key(sha256(&[b"scrip integrity", secret.as_bytes()])))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A table whose rows are sealed. Each has a column `seal` beside the columns listed here.
#[derive(Debug)]
pub struct SealedTable {
    /// Name of the table in SQL.
    pub name: &'static str,
    /// The columns that name a row; they are among the sealed ones.
    pub key: Vec<&'static str>,
    /// The columns that the seal is over, in the order in which they are given to [`Seals::seal`].
    pub columns: Vec<&'static str>,
    /// `true` when each row's seal is also over the seal of the row before it, in the order of the key.
    pub chained: bool,
}

/// All sealed tables, derived from the list of tables.
static SEALED: LazyLock<Vec<SealedTable>> =
    LazyLock::new(|| TABLES.iter().map(SealedTable::of).filter(|table| !table.columns.is_empty()).collect());

/// Name of the table of operators' acts, each sealed together with the one before it.
pub const ACTS: &str = "acts";
/// Name of the table of claims. Claims of an older version are sealed under another name, since no entry records them.
pub const CLAIMS: &str = "claims";
/// Name that claims of an older version are sealed under.
const OLDER_CLAIMS: &str = "older claims";

impl SealedTable {
    fn of(table: &Table) -> SealedTable {
        let those =
            |is: fn(&Column) -> bool| table.columns.iter().filter(|column| is(column)).map(|it| it.name).collect();
        SealedTable {
            name: table.name,
            key: those(|column| column.is_key),
            columns: those(|column| column.is_sealed),
            chained: table.is_chained,
        }
    }

    /// Returns every sealed table, the chained one among them.
    pub fn all() -> impl Iterator<Item = &'static SealedTable> {
        SEALED.iter()
    }

    /// Returns the sealed table of a name.
    ///
    /// # Panics
    /// When rows of that table are not sealed.
    pub fn by_name(name: &str) -> &'static SealedTable {
        SEALED.iter().find(|table| table.name == name).expect("the rows of this table are sealed")
    }

    /// Returns the name under which rows that existed before the seals are sealed.
    fn legacy_name(&self) -> &'static str {
        if self.name == CLAIMS { OLDER_CLAIMS } else { self.name }
    }

    /// Returns the statement that reads rows with their seals, in the order of the key: at most `$1`, after skipping
    /// `$2`.
    pub fn select(&self) -> String {
        let (columns, key) = (self.columns.join(", "), self.key.join(", "));
        format!("SELECT {columns}, seal FROM {} ORDER BY {key} LIMIT $1 OFFSET $2", self.name)
    }

    /// Returns the statement that gives a row another seal, `$1`, by the columns of its key.
    pub fn update(&self) -> String {
        let named = self.key.iter().enumerate().map(|(place, key)| format!("{key} = ${}", place + 2));
        format!("UPDATE {} SET seal = $1 WHERE {}", self.name, named.collect::<Vec<_>>().join(" AND "))
    }

    fn key_of<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (&'static str, &'r Value)> {
        self.key.iter().filter_map(|key| {
            let place = self.columns.iter().position(|column| column == key)?;
            Some((*key, row.0.get(place)?))
        })
    }

    /// Returns a description of a row that [`SealedTable::select`] read, for the operator.
    fn describe(&self, row: &Row) -> String {
        let named = self.key_of(row).map(|(key, value)| match value {
            Value::Null => format!("{key} null"),
            Value::Integer(number) => format!("{key} {number}"),
            Value::Text(text) => format!("{key} {text}"),
            // A hash identifies a secret: its beginning is enough to find the row.
            Value::Bytes(bytes) => format!("{key} {}…", hex(bytes.get(..4).unwrap_or(bytes))),
        });
        format!("{} {}", self.name, named.collect::<Vec<_>>().join(", "))
    }
}

/// Makes and checks seals.
#[derive(Clone)]
pub struct Seals {
    key: [u8; 32],
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals(…)")
    }
}

impl Seals {
    fn new(secret: &[u8]) -> Seals {
        Seals { key: hmac(secret, &[b"scrip seals 1"]) }
    }

    /// Returns the seal of a row, by the values of its table's sealed columns, in their order.
    pub fn seal(&self, table: &str, columns: &[Value]) -> Value {
        Value::Bytes(self.mac(table, columns).to_vec())
    }

    /// Returns whether a row carries the seal of its values.
    pub fn is_sealed(&self, table: &str, columns: &[Value], seal: &[u8]) -> bool {
        let good = self.mac(table, columns) == seal;
        if !good {
            tracing::error!(table, "a row does not match its seal and is not believed: run `scrip verify`");
        }
        good
    }

    /// Returns the MAC of a text that is no row.
    pub fn mac_of(&self, text: &[u8]) -> [u8; 32] {
        hmac(&self.key, &[b"not a row", text])
    }

    fn mac(&self, table: &str, columns: &[Value]) -> [u8; 32] {
        let mut text = Vec::with_capacity(128);
        let mut piece = |kind: u8, bytes: &[u8]| {
            text.push(kind);
            text.extend((bytes.len() as u64).to_le_bytes());
            text.extend(bytes);
        };
        piece(b't', table.as_bytes());
        for value in columns {
            match value {
                Value::Null => piece(b'n', &[]),
                Value::Integer(number) => piece(b'i', &number.to_le_bytes()),
                Value::Text(text) => piece(b's', text.as_bytes()),
                Value::Bytes(bytes) => piece(b'b', bytes),
            }
        }
        hmac(&self.key, &[b"row", &text])
    }

    /// Returns the values of a setting with its seal, as [`super::queries::KEEP_SETTING`] takes them.
    pub fn setting(&self, name: &str, value: Vec<u8>) -> Vec<Value> {
        let columns = vec![Value::Text(name.to_owned()), Value::Bytes(value)];
        let seal = self.seal("settings", &columns);
        columns.into_iter().chain([seal]).collect()
    }

    /// Returns the value of a setting that was read with its seal; `None` where the seal does not hold.
    pub fn read_setting(&self, name: &str, row: &Row) -> Option<Vec<u8>> {
        let columns = [Value::Text(name.to_owned()), Value::Bytes(row.bytes(0).to_vec())];
        self.is_sealed("settings", &columns, row.bytes(1)).then(|| row.bytes(0).to_vec())
    }

    /// Returns the values of [`super::queries::NEW_CATALOG`] for a version that is in force from an instant.
    pub fn catalog(
        &self,
        (version, starts_at): (i64, Timestamp),
        sha256: &str,
        actor: &str,
        clocks: &str,
        text: &str,
    ) -> Vec<Value> {
        let mut values = vec![version.into(), starts_at.micros().into()];
        values.extend([sha256, actor, clocks].map(|text| Value::Text(text.to_owned())));
        values.push(self.seal("catalogs", &values));
        values.push(Value::Text(text.to_owned()));
        values
    }

    /// Returns the seal of an act, over the act and the seal of the act before it; the first act follows an empty seal.
    pub fn act(&self, columns: &[Value], before: &[u8]) -> Value {
        self.seal(ACTS, &[columns, &[Value::Bytes(before.to_vec())]].concat())
    }

    /// Returns whether a claim, as [`SealedTable::select`] reads it, was made by an older version.
    pub fn is_claim_before(&self, row: &Row) -> bool {
        self.mac(OLDER_CLAIMS, &row.0[..3]) == row.bytes(3)
    }

    /// Returns the seal of a claim that is derived from one of an older version and is in no entry.
    pub fn older_claim(&self, columns: &[Value]) -> Value {
        self.seal(OLDER_CLAIMS, columns)
    }

    /// Returns the seal of a claim that an entry makes.
    pub fn claim(&self, claim: &Claim, workspace: WorkspaceId) -> Value {
        let columns = [Value::Text(claim.scope.to_string()), Value::Text(claim.what.clone()), workspace.into()];
        self.seal(CLAIMS, &columns)
    }

    /// Returns whether an act carries its seal.
    pub fn is_act(&self, columns: &[Value], before: &[u8], seal: &[u8]) -> bool {
        self.is_sealed(ACTS, &[columns, &[Value::Bytes(before.to_vec())]].concat(), seal)
    }

    /// Returns the values of [`super::queries::NEW_ACT`] for an act, and the new value of [`LAST_ACT`], by the present
    /// one.
    ///
    /// # Errors
    /// When that setting is missing or does not carry its seal: the last act is then unknown.
    pub fn next_act(&self, last: Option<&Row>, act: &[Value]) -> Result<(Vec<Value>, Vec<u8>), Unavailable> {
        let last = last.and_then(|row| self.read_setting(LAST_ACT, row)).ok_or_else(|| {
            Unavailable("the newest act of an operator does not match its seal: run `scrip verify`".to_owned())
        })?;
        let (n, before) =
            last.split_first_chunk::<8>().map_or((0, &[][..]), |(n, seal)| (i64::from_le_bytes(*n), seal));
        let mut values = vec![Value::Integer(n + 1)];
        values.extend(act.iter().cloned());
        let seal = self.act(&values, before);
        values.push(seal);
        let row = Row(vec![values[0].clone(), values[values.len() - 1].clone()]);
        Ok((values, last_act(Some(&row))))
    }

    /// Returns the value of [`MARK`], which tells the key that rows are sealed with.
    pub fn mark(&self) -> Vec<u8> {
        hmac(&self.key, &[b"mark"]).to_vec()
    }

    /// Returns the values of [`SealedTable::update`] for each row of a table, given all of its rows as they were read.
    pub fn reseal(&self, table: &SealedTable, rows: &[Row]) -> Vec<Vec<Value>> {
        let mut before = Vec::new();
        let sealed = rows.iter().map(|row| {
            let seal = self.mac(table.legacy_name(), &sealed_columns(table, row, &before));
            if table.chained {
                before = seal.to_vec();
            }
            [Value::Bytes(seal.to_vec())].into_iter().chain(table.key_of(row).map(|(_, value)| value.clone())).collect()
        });
        sealed.collect()
    }

    /// Returns the faults of rows as [`SealedTable::select`] reads them; `before` is the seal of the row before the
    /// first, and becomes that of the last.
    pub fn differences(&self, table: &SealedTable, rows: &[Row], before: &mut Vec<u8>) -> Vec<String> {
        let mut found = Vec::new();
        for row in rows {
            let seal = row.bytes(table.columns.len());
            let columns = sealed_columns(table, row, before);
            if self.mac(table.name, &columns) != seal && self.mac(table.legacy_name(), &columns) != seal {
                found.push(format!("{}: the row is not what its seal says", table.describe(row)));
            }
            *before = seal.to_vec();
        }
        found
    }
}

/// Returns the number of claims of older versions as the setting [`CLAIMS_BEFORE`] has it, from a row that counts them.
pub fn claims_before(row: Option<&Row>) -> Vec<u8> {
    row.map_or(0, |row| row.integer(0)).to_le_bytes().to_vec()
}

/// Counts the claims, without those of workspaces that were never opened: these are given up.
pub const COUNT_CLAIMS: &str =
    "SELECT COUNT(*) FROM claims WHERE workspace IN (SELECT workspace FROM entries) LIMIT $1 OFFSET $2";

/// Returns the error text for a journal that ends before an entry that was seen in it.
pub fn shorter(last: i64, seen: i64) -> String {
    format!(
        "the journal ends at entry {last}, and entry {seen} was there before: entries are missing at its end. Restore \
         a newer backup; or, if the entries were removed on purpose, start once with --accept-shortened-journal"
    )
}

/// Returns the error text for a workspace whose entries end before one that its rows were folded up to.
pub fn shorter_workspace(workspace: WorkspaceId, seen: i64) -> String {
    format!(
        "the journal of {workspace} ends before entry {seen}, which was there: entries are missing at its end. Restore a \
         newer backup; or, if the entries were removed on purpose, start once with --accept-shortened-journal"
    )
}

/// Checks catalog versions, as [`super::queries::CATALOG_TEXTS`] reads them, and that none is missing at the end, by
/// [`LAST_CATALOG`].
///
/// # Errors
/// Names the first version that is not what was published. That version is not served.
pub fn check_catalogs(versions: &[Row], last: Option<&Row>, seals: &Seals) -> Result<(), Unavailable> {
    let found = catalog_differences(versions, last, seals);
    match found.first() {
        None => Ok(()),
        Some(first) => Err(Unavailable(format!("{first}: restore it from a backup; `scrip verify` checks the rest"))),
    }
}

/// Returns the faults of catalog versions and of the setting that counts them.
pub fn catalog_differences(versions: &[Row], last: Option<&Row>, seals: &Seals) -> Vec<String> {
    let mut found = Vec::new();
    for (row, version) in versions.iter().zip(1..) {
        if row.integer(0) != version {
            found.push(format!("catalog version {version} is missing"));
            break;
        }
        if text_hash(row.text(6)) != row.text(2) {
            found.push(format!("catalog version {version} is not what its sha256 says"));
        } else if !seals.is_sealed("catalogs", &row.0[..5], row.bytes(5)) {
            found.push(format!("catalog version {version} is not what its seal says"));
        }
    }
    let newest = seals.setting(LAST_CATALOG, last_catalog(versions.last()))[2].clone();
    if last.is_none_or(|row| Value::Bytes(row.bytes(1).to_vec()) != newest) {
        found.push(format!("the newest catalog version is not {}", versions.len()));
    }
    found
}

/// Reads a test clock, from its id, instant and seal.
///
/// # Errors
/// When it does not carry its seal.
pub fn read_clock(seals: &Seals, row: &Row) -> Result<(i64, Timestamp), Unavailable> {
    let id = row.integer(0);
    match seals.is_sealed("test_clocks", &row.0[..2], row.bytes(2)) {
        true => Ok((id, Timestamp::from_micros(row.integer(1)))),
        false => Err(Unavailable(format!("test clock {id} is not what its seal says: run `scrip verify`"))),
    }
}

/// Returns the value of [`LAST_ACT`], by the number and the seal of the last act.
pub fn last_act(row: Option<&Row>) -> Vec<u8> {
    let number = |row: &Row| [&row.integer(0).to_le_bytes(), row.bytes(1)].concat();
    row.map(number).unwrap_or_default()
}

/// Returns the value of [`LAST_CATALOG`], by the number of the newest version.
pub fn last_catalog(row: Option<&Row>) -> Vec<u8> {
    row.map_or(0, |row| row.integer(0)).to_le_bytes().to_vec()
}

fn sealed_columns(table: &SealedTable, row: &Row, before: &[u8]) -> Vec<Value> {
    let columns = row.0.iter().take(table.columns.len()).cloned();
    columns.chain(table.chained.then(|| Value::Bytes(before.to_vec()))).collect()
}

/// Settings that a start reads before it believes any other row.
#[derive(Debug, Default)]
pub struct StoredSettings {
    /// Value of the setting [`KEY`].
    pub key: Option<Vec<u8>>,
    /// Value of the setting [`MARK`].
    pub mark: Option<Vec<u8>>,
    /// `true` when the schema had no seals until this start, or the journal has no entry yet.
    pub is_new: bool,
}

/// Seals of a database that is being opened.
pub enum Start {
    /// The rows are sealed with this key.
    Sealed(Seals),
    /// The rows are to be sealed in their present state with this key. The value, if there is one, is the key's secret
    /// and is to be stored in [`KEY`].
    Unsealed(Seals, Option<Vec<u8>>),
}

impl Start {
    /// Returns the seals of a database, by the secret that was given and the settings found in it. With `again`, all
    /// rows are to be sealed in their present state, whatever they were sealed with before.
    ///
    /// # Errors
    /// When the rows were sealed with another key, or have lost the mark of having been sealed.
    pub fn of(given: Option<Key>, found: StoredSettings, again: bool) -> Result<Start, Unavailable> {
        let made = (given.is_none() && found.key.is_none()).then(|| random::<32>().to_vec());
        let seals = match (&given, &found.key, &made) {
            (Some(Key(key)), ..) => Seals::new(key),
            (None, Some(key), _) | (None, None, Some(key)) => Seals::new(key),
            (None, None, None) => return Err(Unavailable("there is no key to seal with".to_owned())),
        };
        let was_sealed = found.key.is_some() || given.is_some() && !found.is_new;
        match found.mark {
            Some(mark) if mark == seals.mark() && !again => Ok(Start::Sealed(seals)),
            _ if again => Ok(Start::Unsealed(seals, made)),
            None if found.is_new || !was_sealed => Ok(Start::Unsealed(seals, made)),
            Some(_) => Err(Unavailable(format!(
                "its rows were sealed with another secret{}; if the secret is to change, stop all servers and run \
                 `scrip migrate --seal` with the new one",
                match given {
                    Some(_) => " than SCRIP_INTEGRITY_SECRET",
                    None => ": give it as SCRIP_INTEGRITY_SECRET",
                }
            ))),
            None => Err(Unavailable(
                "its rows have no mark of having been sealed: restore it from a backup, or run `scrip migrate --seal` to \
                 trust them as they are"
                    .to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seals() -> Seals {
        Seals::new(b"secret")
    }

    #[test]
    fn a_seal_is_over_each_column_its_kind_and_its_place() {
        let of = |columns: &[Value]| seals().mac("users", columns);
        let text = |text: &str| Value::Text(text.to_owned());
        let all = [
            of(&[]),
            of(&[Value::Null]),
            of(&[text("")]),
            of(&[Value::Bytes(Vec::new())]),
            of(&[Value::Integer(0)]),
            of(&[text("ab")]),
            of(&[text("a"), text("b")]),
            of(&[text("b"), text("a")]),
            seals().mac("sessions", &[text("ab")]),
            Seals::new(b"other").mac("users", &[text("ab")]),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[..n].contains(one), "{n}");
        }
    }

    #[test]
    fn a_chain_shows_a_change_a_gap_and_another_order() {
        let seals = seals();
        let text = |text: &str| Value::Text(text.to_owned());
        let acts = SealedTable::by_name(ACTS);
        let act = |n: i64| {
            Row(vec![n.into(), text("model"), text("m"), text("why"), text("who"), text("r"), n.into(), Value::Null])
        };
        let mut rows = vec![act(1), act(2), act(3)];
        for (row, values) in rows.clone().iter().zip(seals.reseal(acts, &rows)) {
            let place = row.integer(0) as usize - 1;
            rows[place].0[7] = values[0].clone();
        }
        let wrong = |rows: &[Row]| seals.differences(acts, rows, &mut Vec::new()).len();
        assert_eq!(wrong(&rows), 0);
        assert_eq!(wrong(&rows[1..]), 1);
        assert_eq!(wrong(&[rows[0].clone(), rows[2].clone()]), 1);
        let mut changed = rows.clone();
        changed[1].0[3] = text("other");
        assert_eq!(wrong(&changed), 1);
    }

    #[test]
    fn rows_are_trusted_once_and_another_secret_is_refused() {
        let key = |secret: &str| Some(Key::of(secret).expect("it is long enough"));
        let (one, other) = (key("a secret of some length"), key("another secret of some length"));
        let found = |key: Option<&[u8]>, mark: Option<Vec<u8>>, is_new| StoredSettings {
            key: key.map(<[u8]>::to_vec),
            mark,
            is_new,
        };
        let kind = |given, found, again| match Start::of(given, found, again) {
            Ok(Start::Sealed(_)) => "sealed",
            Ok(Start::Unsealed(_, Some(_))) => "made",
            Ok(Start::Unsealed(_, None)) => "unsealed",
            Err(_) => "refused",
        };
        let data: &[u8] = &[7; 32];
        let mark = |start: Start| match start {
            Start::Sealed(seals) | Start::Unsealed(seals, _) => Some(seals.mark()),
        };
        let with_one = || mark(Start::of(one, found(None, None, true), false).expect("it is new"));
        let with_data = || Some(Seals::new(data).mark());
        assert_eq!(kind(None, found(None, None, true), false), "made");
        assert_eq!(kind(None, found(None, None, false), false), "made", "an interrupted start goes on");
        assert_eq!(kind(None, found(Some(data), with_data(), false), false), "sealed");
        assert_eq!(kind(None, found(Some(data), None, false), false), "refused");
        assert_eq!(kind(None, found(Some(data), with_one(), false), false), "refused");
        assert_eq!(kind(one, found(None, None, true), false), "unsealed");
        assert_eq!(kind(one, found(None, None, false), false), "refused");
        assert_eq!(kind(one, found(None, with_one(), false), false), "sealed");
        assert_eq!(kind(other, found(None, with_one(), false), false), "refused");
        assert_eq!(kind(one, found(Some(data), with_data(), false), false), "refused");
        assert_eq!(kind(one, found(Some(data), with_data(), false), true), "unsealed");
        assert!(Key::of("short").is_err());
    }
}

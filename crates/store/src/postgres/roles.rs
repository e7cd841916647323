//! A database role for the server, which may append to the journal and cannot rewrite it.
//!
//! Invariant: a role that is admitted here can neither change nor delete an entry, whatever other rights it has.

use super::reach::{Address, Reach};
use super::schema;
use crate::Unavailable;
use crate::tables::{Engine, Table};
use tokio_postgres::Client;

/// Reads whether a role can change entries in another way, or give itself the right to.
const COULD: &str = "SELECT pg_has_role($1, relowner, 'MEMBER') OR has_any_column_privilege($1, oid, 'UPDATE')
    OR has_table_privilege($1, oid, 'DELETE, TRUNCATE') FROM pg_class WHERE oid = 'entries'::regclass";

/// Reads whether the connected role may grant rights on the tables: to others the database gives a warning and does
/// nothing.
const MAY: &str = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'entries'::regclass";

/// Grants a role the rights that serving needs, and revokes every other right on these tables. For the owner of the
/// tables, after every change of the schema.
///
/// # Errors
/// When there is no such role, when it can change entries in another way, or when another role owns the tables.
pub async fn admit(address: &Address, role: &str) -> Result<(), Unavailable> {
    let reach = Reach::of(address)?;
    let mut client = reach.connect().await?;
    schema::migrate(&mut client, &reach).await?;
    admit_on(&mut client, role).await
}

async fn admit_on(client: &mut Client, role: &str) -> Result<(), Unavailable> {
    if !client.query_one(MAY, &[]).await?.get::<_, bool>(0) {
        return Err(Unavailable("only the owner of the tables can let a role serve: connect as the owner".to_owned()));
    }
    let transaction = client.transaction().await?;
    let sql = "SELECT quote_ident(rolname), quote_ident(current_schema()), quote_ident(current_database()),
               has_database_privilege(oid, current_database(), 'CONNECT')
               AND has_database_privilege(oid, current_database(), 'TEMPORARY') FROM pg_roles WHERE rolname = $1";
    let Some(found) = transaction.query_opt(sql, &[&role]).await? else {
        return Err(Unavailable(format!(
            "there is no role {role}: make it first, CREATE ROLE {role} LOGIN PASSWORD …"
        )));
    };
    let (quoted, schema, database): (&str, &str, &str) = (found.get(0), found.get(1), found.get(2));
    let mut sql = format!("GRANT USAGE ON SCHEMA {schema} TO {quoted};");
    if !found.get::<_, bool>(3) {
        // A replay compares the projections with temporary tables of its own connection.
        sql += &format!("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {quoted};");
    }
    for Table { name, rights, .. } in Table::on(Engine::Postgres) {
        let rights = rights.privileges();
        sql += &format!("REVOKE ALL ON {name} FROM {quoted}; GRANT {rights} ON {name} TO {quoted};");
    }
    transaction.batch_execute(&sql).await?;
    if transaction.query_one(COULD, &[&role]).await?.get(0) {
        transaction.rollback().await?;
        return Err(Unavailable(format!(
            "{role} could change entries all the same: it is a superuser, the owner of the tables, or a member of a role \
             that may; name a role that is none of these"
        )));
    }
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_testing::postgres::{Role, database, query};

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_could_rewrite_the_journal_is_not_let_in() {
        let (role, way) = (Role::new(), Role::new());
        let database = database();
        let address = Address::from(database.url());
        let refused = async |name: &str| admit(&address, name).await.expect_err("it is refused").to_string();
        assert!(refused("nobody_of_that_name").await.contains("CREATE ROLE"));
        assert!(refused("postgres").await.contains("could change entries all the same"));
        // A role may enter another one without inheriting from it.
        let entered = format!("ALTER ROLE {0} NOINHERIT; GRANT {1} TO {0}", role.name(), way.name());
        database.query(&format!("{entered}; ALTER TABLE entries OWNER TO {}", way.name()));
        assert!(refused(role.name()).await.contains("a member of a role"));
        let seen = query(&role.url(&database), "SELECT count(*) FROM entries").expect_err("it was given nothing");
        assert!(seen.contains("permission denied"), "{seen}");
        database.query(&format!("REVOKE {} FROM {}", way.name(), role.name()));
        admit(&address, role.name()).await.expect("it is a member of no role any more");
    }
}

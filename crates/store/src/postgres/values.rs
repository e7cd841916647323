//! Conversion of values to PostgreSQL and back.
//!
//! Invariant: a number is a BIGINT, text is TEXT, bytes are BYTEA; nothing else is ever bound or read.

use crate::{Row, Unavailable, Value};
use std::error::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(value) => value.to_sql(kind, out),
            Value::Text(value) => value.to_sql(kind, out),
            Value::Bytes(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

/// Reads a row of a statement's result.
///
/// # Errors
/// When a column has a type other than BIGINT, TEXT or BYTEA.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, Unavailable> {
    let value = |column: usize| -> Result<Value, Unavailable> {
        Ok(match *row.columns()[column].type_() {
            Type::INT8 => row.get::<_, Option<i64>>(column).into(),
            Type::TEXT => row.get::<_, Option<String>>(column).into(),
            Type::BYTEA => row.get::<_, Option<Vec<u8>>>(column).map_or(Value::Null, Value::Bytes),
            ref other => return Err(Unavailable(format!("column {column} is {other}"))),
        })
    };
    Ok(Row((0..row.len()).map(value).collect::<Result<_, _>>()?))
}

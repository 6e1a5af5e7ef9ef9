//! The columns of a kind, built in or declared.
use jiff::Timestamp;
use serde_json::Value;

use super::{builtin, column::Column};

/// The columns of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    columns: Vec<Column>,
}

impl Columns {
    /// The columns of a built-in kind; name and age where nothing more is known.
    pub(crate) fn builtin(group: &str, kind: &str) -> Self {
        Self { columns: builtin::columns(group, kind) }
    }

    /// The columns that a version of a CustomResourceDefinition declares; name and age where it declares none.
    ///
    /// A column with a path that cannot be read stays, always empty.
    pub(crate) fn declared(version: &Value) -> Self {
        let mut columns = vec![Column::name()];
        match version["additionalPrinterColumns"].as_array().filter(|declared| !declared.is_empty()) {
            None => columns.push(Column::age()),
            Some(declared) => columns.extend(declared.iter().map(Column::declared)),
        }
        Self { columns }
    }

    pub(super) fn definitions(&self) -> Value {
        self.columns.iter().map(Column::definition).collect()
    }

    pub(super) fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        self.columns.iter().map(|column| column.cell(object, now)).collect()
    }
}

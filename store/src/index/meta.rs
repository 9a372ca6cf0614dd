//! Small values that others keep here: the scan counter, the clock's watermark.

use redb::TableDefinition;

use super::database::Index;
use super::error::IndexError;
use super::row::{checked, sealed};

pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

impl Index {
    /// The value under `name`.
    pub fn meta_get(&self, name: &str) -> Result<Option<Vec<u8>>, IndexError> {
        self.read(|transaction| {
            let table = transaction.open_table(META)?;
            let value = table.get(name)?;
            let plain = value.map(|value| {
                let plain = checked(name.as_bytes(), value.value())?;
                Ok(plain.to_vec())
            });
            plain.transpose()
        })
    }

    /// Sets the value under `name`; it is small, a few bytes.
    pub fn meta_put(&self, name: &str, value: &[u8]) -> Result<(), IndexError> {
        self.write(|transaction| {
            let value = sealed(name.as_bytes(), value.to_vec());
            let mut table = transaction.open_table(META)?;
            table.insert(name, value.as_slice())?;
            Ok(())
        })
    }
}

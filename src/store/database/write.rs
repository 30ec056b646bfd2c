//! A new database with just the paths of a closure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::{Connection, params};

use super::schema::{REGISTRATION_TIME, TABLES};
use super::{DATABASE_FILE, DatabaseError};
use crate::store::{PathInfo, StorePath};

/// The bytes of a database in which exactly `paths` are valid.
///
/// Paths are numbered from 1 in the order of their names, so that equal closures give equal bytes.
/// `ultimate`, the mark of what this machine built itself, is set for none: like any copy to another
/// store, the image did not build them.
///
/// # Errors
///
/// When a reference is not among `paths`: Nix would refuse to register it.
pub fn encode<'a>(paths: impl IntoIterator<Item = &'a PathInfo>) -> Result<Vec<u8>, DatabaseError> {
    let paths: BTreeMap<&StorePath, &PathInfo> = paths.into_iter().map(|info| (&info.path, info)).collect();
    let ids: BTreeMap<&StorePath, i64> = paths.keys().copied().zip(1..).collect();
    let mut connection = Connection::open_in_memory().map_err(sqlite)?;
    // A journal would only cost time: the database exists in memory until it is complete.
    connection
        .execute_batch("pragma page_size = 4096; pragma encoding = 'UTF-8'; pragma journal_mode = off;")
        .map_err(sqlite)?;
    let transaction = connection.transaction().map_err(sqlite)?;
    transaction.execute_batch(TABLES).map_err(sqlite)?;
    for (path, info) in &paths {
        insert_path(&transaction, ids[path], info).map_err(sqlite)?;
    }
    for (path, info) in &paths {
        insert_references(&transaction, &ids, info)?;
        for (output, output_path) in &info.outputs {
            transaction
                .prepare_cached("insert into DerivationOutputs (drv, id, path) values (?, ?, ?)")
                .and_then(|mut row| row.execute(params![ids[path], output, output_path.to_string()]))
                .map_err(sqlite)?;
        }
    }
    transaction.commit().map_err(sqlite)?;
    let bytes = connection.serialize("main").map_err(sqlite)?;
    Ok(bytes.to_vec())
}

fn insert_path(connection: &Connection, id: i64, info: &PathInfo) -> rusqlite::Result<()> {
    let mut row = connection.prepare_cached(
        "insert into ValidPaths (id, path, hash, registrationTime, deriver, narSize, sigs, ca)
         values (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    // Nix has NULL, not an empty text, where there is nothing to say.
    let signatures = (!info.signatures.is_empty()).then(|| info.signatures.join(" "));
    row.execute(params![
        id,
        info.path.to_string(),
        info.nar_hash.to_string(),
        REGISTRATION_TIME,
        info.deriver.as_ref().map(StorePath::to_string),
        i64::try_from(info.nar_size.bytes()).unwrap_or(i64::MAX),
        signatures,
        info.content_address,
    ])?;
    Ok(())
}

fn insert_references(
    connection: &Connection,
    ids: &BTreeMap<&StorePath, i64>,
    info: &PathInfo,
) -> Result<(), DatabaseError> {
    let mut row =
        connection.prepare_cached("insert into Refs (referrer, reference) values (?, ?)").map_err(sqlite)?;
    for reference in &info.references {
        let id = ids.get(reference).ok_or_else(|| DatabaseError::Dangling {
            referrer: info.path.to_string(),
            reference: reference.to_string(),
        })?;
        row.execute([ids[&info.path], *id]).map_err(sqlite)?;
    }
    Ok(())
}

fn sqlite(source: rusqlite::Error) -> DatabaseError {
    DatabaseError::Sqlite { path: PathBuf::from("/").join(DATABASE_FILE), source }
}

#[cfg(test)]
mod tests {
    use super::super::Database;
    use super::*;
    use crate::store::NarHash;
    use crate::units::ByteSize;

    fn path(letter: char, name: &str) -> StorePath {
        StorePath::from_base_name(&format!("{}-{name}", letter.to_string().repeat(32))).unwrap()
    }

    fn closure() -> Vec<PathInfo> {
        let (a, b, drv) = (path('a', "lib"), path('b', "tool"), path('c', "tool.drv"));
        let hash = |byte| NarHash::from_bytes([byte; 32]);
        let mut lib = PathInfo::new(a.clone(), hash(1), ByteSize(120), vec![a.clone()]);
        lib.signatures = vec!["cache-1:AAAA".into(), "other:BBBB".into()];
        let mut tool = PathInfo::new(b.clone(), hash(2), ByteSize(1 << 40), vec![b.clone(), a]);
        tool.deriver = Some(drv.clone());
        tool.content_address = Some("fixed:r:sha256:abc".into());
        let mut recipe = PathInfo::new(drv, hash(3), ByteSize(96), vec![]);
        recipe.outputs = vec![("dev".into(), path('d', "tool-dev")), ("out".into(), b)];
        vec![lib, tool, recipe]
    }

    #[test]
    fn everything_known_of_a_path_is_read_back() {
        let closure = closure();
        let database = Database::from_bytes(&encode(&closure).unwrap()).unwrap();
        for info in &closure {
            assert_eq!(database.info(&info.path).unwrap().as_ref(), Some(info));
        }
        assert_eq!(database.info(&path('z', "none")).unwrap(), None);
        assert_eq!(
            database.paths().unwrap(),
            closure.iter().map(|info| info.path.clone()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_order_of_the_paths_does_not_reach_the_bytes() {
        let forward = closure();
        let backward: Vec<_> = forward.iter().rev().cloned().collect();
        assert_eq!(encode(&forward).unwrap(), encode(&backward).unwrap());
    }

    #[test]
    fn a_reference_outside_is_refused() {
        let closure = closure();
        let message = encode(&closure[1..]).unwrap_err().to_string();
        let (tool, lib) = (path('b', "tool"), path('a', "lib"));
        assert_eq!(message, format!("`{tool}` refers to `{lib}`, which is not to be registered"));
    }
}

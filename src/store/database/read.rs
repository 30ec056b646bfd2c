//! Reading a database that may be in use, in a folder where we may not write.
//!
//! Nix keeps its database in write-ahead-log (WAL) mode. SQLite's rules for reading such a file
//! ("Write-Ahead Logging", section 5, read-only databases) leave three cases:
//!
//! - a log lies beside it: someone has it open, or died. It is opened normally; where SQLite cannot do
//!   that because it may not make its index file, a copy of both files is read.
//! - no log: nobody has it open. It is read as immutable, which leaves no files behind; afterwards we
//!   look whether it is still the same file.
//! - the rollback journal of older settings: opened normally, so that locks hold.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction};

use super::{DATABASE_FILE, DatabaseError, SCHEMA_FILE, SCHEMA_VERSION};
use crate::error::IoError;
use crate::files;
use crate::store::{PathInfo, StorePath};
use crate::units::ByteSize;

/// How long to wait for someone else's lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// First bytes of every SQLite file (SQLite, "Database File Format", section 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Where the header says how the file is journalled, and its two values: a rollback journal, or a
/// write-ahead log.
const WRITE_VERSION_AT: usize = 18;
const READ_VERSION_AT: usize = 19;
const VERSION_ROLLBACK: u8 = 1;
const VERSION_LOG: u8 = 2;

/// A Nix database open for reading.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
    /// What the file looked like when it was opened without locks.
    unlocked: Option<Fingerprint>,
    /// Keeps the copy that is read, when one had to be made.
    _copy: Option<tempfile::TempDir>,
}

/// Enough of a file to see that it was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint {
    len: u64,
    modified: Option<SystemTime>,
    has_log: bool,
}

impl Database {
    /// Opens the database of the store root `root`.
    pub fn open(root: &Path) -> Result<Self, DatabaseError> {
        let path = root.join(DATABASE_FILE);
        check_version(root)?;
        let mut header = [0; 100];
        let file = match files::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DatabaseError::Missing(path));
            }
            file => file?,
        };
        let read = std::os::unix::fs::FileExt::read_at(&file, &mut header, 0);
        let read = read.map_err(|source| IoError::new("reading", &path, source))?;
        if !header[..read].starts_with(MAGIC) {
            let detail = "it is not an SQLite file".to_owned();
            return Err(DatabaseError::Corrupt { path, detail });
        }
        if header[READ_VERSION_AT] != VERSION_LOG {
            return Self::connect(&path, "mode=ro");
        }
        let before = Fingerprint::of(&path)?;
        if before.has_log {
            return Self::open_with_log(&path);
        }
        let mut database = Self::connect(&path, "mode=ro&immutable=1")?;
        database.unlocked = Some(before);
        Ok(database)
    }

    /// The database with these bytes: the inside of an image that nobody has open.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DatabaseError> {
        Self::from_files(bytes, None)
    }

    /// The database with these bytes and, where there is one, the write-ahead log beside it: the inside
    /// of an image or disk from which a system ran.
    pub fn from_files(bytes: &[u8], log: Option<&[u8]>) -> Result<Self, DatabaseError> {
        let path = PathBuf::from("/").join(DATABASE_FILE);
        if !bytes.starts_with(MAGIC) {
            let detail = "it is not an SQLite file".to_owned();
            return Err(DatabaseError::Corrupt { path, detail });
        }
        if let Some(log) = log.filter(|log| !log.is_empty()) {
            let copy = tempfile::tempdir().map_err(|source| IoError::new("copying", &path, source))?;
            let file = copy.path().join("db.sqlite");
            files::replace(&file, bytes)?;
            files::replace(&with_suffix(&file, "-wal"), log)?;
            return Self::connect_copy(path, copy);
        }
        let mut bytes = bytes.to_vec();
        // A database in memory has no log; without one, the file is complete all the same
        // (SQLite, "sqlite3_deserialize").
        if let Some(versions) = bytes.get_mut(WRITE_VERSION_AT..=READ_VERSION_AT) {
            versions.fill(VERSION_ROLLBACK);
        }
        let error = |source| classify(source, &path);
        let mut connection = Connection::open_in_memory().map_err(error)?;
        connection.deserialize_read_exact("main", &*bytes, bytes.len(), true).map_err(error)?;
        let database = Self { connection, path, unlocked: None, _copy: None };
        database.check_tables()
    }

    /// Opens the copy `db.sqlite` in a folder of our own; errors name `path`.
    fn connect_copy(path: PathBuf, copy: tempfile::TempDir) -> Result<Self, DatabaseError> {
        let mut database = Self::connect(&copy.path().join("db.sqlite"), "mode=rw")?;
        database.path = path;
        database._copy = Some(copy);
        Ok(database)
    }

    fn open_with_log(path: &Path) -> Result<Self, DatabaseError> {
        match Self::connect(path, "mode=ro") {
            // The folder is not ours, so SQLite could not make its index of the log.
            Err(DatabaseError::Sqlite { source, .. })
                if matches!(
                    source.sqlite_error_code(),
                    Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
                ) =>
            {
                let copy = tempfile::tempdir().map_err(|source| IoError::new("copying", path, source))?;
                for suffix in ["", "-wal"] {
                    let from = with_suffix(path, suffix);
                    fs::copy(&from, copy.path().join(format!("db.sqlite{suffix}")))
                        .map_err(|source| IoError::new("copying", &from, source))?;
                }
                Self::connect_copy(path.to_owned(), copy)
            }
            outcome => outcome,
        }
    }

    fn connect(path: &Path, how: &str) -> Result<Self, DatabaseError> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let error = |source| classify(source, path);
        let connection = Connection::open_with_flags(uri(path, how), flags).map_err(error)?;
        connection.busy_timeout(PATIENCE).map_err(error)?;
        let database = Self { connection, path: path.to_owned(), unlocked: None, _copy: None };
        database.check_tables()
    }

    /// Touches each table, so that a locked, damaged or foreign file is noticed at once.
    fn check_tables(self) -> Result<Self, DatabaseError> {
        for table in ["ValidPaths", "Refs", "DerivationOutputs"] {
            let first = format!("select 1 from {table} limit 1");
            match self.connection.query_row(&first, [], |_| Ok(())).optional() {
                Err(rusqlite::Error::SqlInputError { .. }) => {
                    let detail = format!("it has no table `{table}`");
                    return Err(DatabaseError::Corrupt { path: self.path, detail });
                }
                outcome => outcome.map_err(|source| classify(source, &self.path))?,
            };
        }
        Ok(self)
    }

    /// Every valid path, sorted.
    pub fn paths(&self) -> Result<Vec<StorePath>, DatabaseError> {
        let mut paths = self.column("select path from ValidPaths", None)?;
        paths.sort();
        Ok(paths)
    }

    /// What the database says of `path`; `None` when the path is not valid.
    pub fn info(&self, path: &StorePath) -> Result<Option<PathInfo>, DatabaseError> {
        let absolute = path.to_string();
        let mut statement =
            self.prepare("select id, hash, narSize, deriver, sigs, ca from ValidPaths where path = ?")?;
        let row = statement.query_row([&absolute], Raw::from_row).optional();
        let Some(raw) = row.map_err(|source| self.row_error(path, source))? else { return Ok(None) };
        let wrong = |why: String| self.wrong(&absolute, why);
        let hash = raw.hash.parse().map_err(|error| wrong(format!("{error}")))?;
        let size = raw.size.and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| wrong("its archive's size is not known".to_owned()))?;
        let references = "select path from Refs left join ValidPaths on id = reference where referrer = ?";
        let mut info =
            PathInfo::new(path.clone(), hash, ByteSize(size), self.column(references, Some((raw.id, path)))?);
        info.deriver = raw
            .deriver
            .filter(|text| !text.is_empty())
            .map(|text| StorePath::from_absolute(&text))
            .transpose()
            .map_err(|error| wrong(error.to_string()))?;
        info.signatures =
            raw.signatures.iter().flat_map(|text| text.split_ascii_whitespace()).map(str::to_owned).collect();
        info.content_address = raw.content_address.filter(|text| !text.is_empty());
        if path.is_derivation() {
            info.outputs = self.outputs(raw.id, path)?;
        }
        Ok(Some(info))
    }

    /// One state of the database for all that is read until the guard is dropped, whoever writes meanwhile. Writers may have
    /// to wait for that, so it should not be long.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, DatabaseError> {
        let transaction = self.connection.unchecked_transaction();
        Ok(Snapshot { _transaction: transaction.map_err(|source| classify(source, &self.path))? })
    }

    /// Fails when a database that was read without locks is not what it was: what was read may then be
    /// half of one state and half of another.
    pub fn check_unchanged(&self) -> Result<(), DatabaseError> {
        match &self.unlocked {
            Some(before) if *before != Fingerprint::of(&self.path)? => {
                Err(DatabaseError::Changed(self.path.clone()))
            }
            _ => Ok(()),
        }
    }

    /// The store paths in a one-column result; with `of`, of the path with that row number.
    fn column(&self, query: &str, of: Option<(i64, &StorePath)>) -> Result<Vec<StorePath>, DatabaseError> {
        let owner = of.map(|(_, path)| path.to_string()).unwrap_or_default();
        let mut statement = self.prepare(query)?;
        let rows = statement.query_map(rusqlite::params_from_iter(of.map(|(id, _)| id)), |row| {
            row.get::<_, Option<String>>(0)
        });
        let rows = rows.map_err(|source| classify(source, &self.path))?;
        rows.map(|row| {
            let text = row.map_err(|source| classify(source, &self.path))?;
            let text =
                text.ok_or_else(|| self.wrong(&owner, "it refers to a path that has no row".to_owned()))?;
            StorePath::from_absolute(&text).map_err(|error| self.wrong(&text, error.to_string()))
        })
        .collect()
    }

    fn outputs(&self, id: i64, path: &StorePath) -> Result<Vec<(String, StorePath)>, DatabaseError> {
        let mut statement =
            self.prepare("select id, path from DerivationOutputs where drv = ? order by id")?;
        let rows = statement.query_map([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let rows = rows.map_err(|source| self.row_error(path, source))?;
        rows.map(|row| {
            let (name, text) = row.map_err(|source| self.row_error(path, source))?;
            let output = StorePath::from_absolute(&text);
            Ok((name, output.map_err(|error| self.wrong(&path.to_string(), error.to_string()))?))
        })
        .collect()
    }

    fn prepare(&self, query: &str) -> Result<rusqlite::CachedStatement<'_>, DatabaseError> {
        self.connection.prepare_cached(query).map_err(|source| classify(source, &self.path))
    }

    fn wrong(&self, path: &str, why: String) -> DatabaseError {
        DatabaseError::Row { database: self.path.clone(), path: path.to_owned(), why }
    }

    /// A column of another type than ours is a wrong row; all else is SQLite's trouble.
    fn row_error(&self, path: &StorePath, source: rusqlite::Error) -> DatabaseError {
        match source {
            rusqlite::Error::InvalidColumnType(_, column, _) => {
                self.wrong(&path.to_string(), format!("`{column}` has the wrong type"))
            }
            source => classify(source, &self.path),
        }
    }
}

/// Keeps what is read of a database in one state.
#[derive(Debug)]
pub struct Snapshot<'d> {
    /// Rolled back when dropped: nothing was written.
    _transaction: Transaction<'d>,
}

/// A row of `ValidPaths` as it is stored.
struct Raw {
    id: i64,
    hash: String,
    size: Option<i64>,
    deriver: Option<String>,
    signatures: Option<String>,
    content_address: Option<String>,
}

impl Raw {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            hash: row.get(1)?,
            size: row.get(2)?,
            deriver: row.get(3)?,
            signatures: row.get(4)?,
            content_address: row.get(5)?,
        })
    }
}

impl Fingerprint {
    fn of(path: &Path) -> Result<Self, DatabaseError> {
        let metadata = fs::metadata(path).map_err(|source| IoError::new("reading", path, source))?;
        let has_log = with_suffix(path, "-wal").exists();
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok(), has_log })
    }
}

/// Refuses schemas that we do not know. Without the file Nix takes the tables as they are; so do we.
fn check_version(root: &Path) -> Result<(), DatabaseError> {
    let path = root.join(SCHEMA_FILE);
    let found = match files::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?.trim().to_owned(),
    };
    if found.parse() == Ok(SCHEMA_VERSION) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(root).to_owned();
    Err(DatabaseError::Version { folder, found })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// `path` as SQLite's URI ("Uniform Resource Identifiers", section 3), any byte of it escaped.
fn uri(path: &Path, how: &str) -> String {
    let escape = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let path: String = path.as_os_str().as_bytes().iter().map(escape).collect();
    format!("file:{path}?{how}")
}

/// Sorts SQLite's errors by what the user can do about them.
fn classify(source: rusqlite::Error, path: &Path) -> DatabaseError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Locked(path),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            DatabaseError::Corrupt { path, detail: source.to_string() }
        }
        _ => DatabaseError::Sqlite { path, source },
    }
}

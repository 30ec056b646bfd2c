//! Where the database is and which tables it has.

/// The version of the schema, content of [`SCHEMA_FILE`] (without a line feed).
pub const SCHEMA_VERSION: u32 = 10;

/// The database, relative to the store root.
pub const DATABASE_FILE: &str = "nix/var/nix/db/db.sqlite";

/// The file with the schema's version, relative to the store root.
pub const SCHEMA_FILE: &str = "nix/var/nix/db/schema";

/// The time at which every path of a new database was registered, seconds since 1970. Nix shows it and
/// sorts by it, nothing depends on it; one second, like the files' own times.
pub(super) const REGISTRATION_TIME: i64 = 1;

/// The tables, indexes and the trigger, with the names, types, keys and actions of released Nix.
pub(super) const TABLES: &str = "
create table ValidPaths (
    id integer primary key autoincrement not null,
    path text unique not null,
    hash text not null,
    registrationTime integer not null,
    deriver text,
    narSize integer,
    ultimate integer,
    sigs text,
    ca text
);
create table Refs (
    referrer integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
);
create index IndexReferrer on Refs(referrer);
create index IndexReference on Refs(reference);
create trigger DeleteSelfRefs before delete on ValidPaths
begin
    delete from Refs where referrer = old.id and reference = old.id;
end;
create table DerivationOutputs (
    drv integer not null,
    id text not null,
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
);
create index IndexDerivationOutputs on DerivationOutputs(path);
";

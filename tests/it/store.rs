//! The store, judged by Nix itself.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock};

use landfall::store::database::{self, Database};
use landfall::store::install::{add_store, install_tree};
use landfall::store::installed::Installed;
use landfall::store::verify::{FaultKind, verify};
use landfall::store::{Closure, PathInfo, Source, StorePath, closure, nar, registration};
use landfall::tree::{ContentError, Kind, Metadata, Name, Tree, host_tree};
use proptest::prelude::*;
use uefi::Architecture;

use crate::fixture::{Fixture, Store};
use crate::oracle::require_tool;
use crate::squashfs::image::{Image, options};

/// Runs `nix-store --store ROOT …` with a home and state of its own.
fn nix_store(tool: &Path, root: &Path, arguments: &[&str], input: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let input_file = home.path().join("input");
    fs::write(&input_file, input).unwrap();
    Command::new(tool)
        .arg("--store")
        .arg(root)
        .args(arguments)
        .env("HOME", home.path())
        .env("LC_ALL", "C")
        .stdin(Stdio::from(fs::File::open(&input_file).unwrap()))
        .output()
        .unwrap()
}

/// What Nix says of a store root: whether all is well, and its words.
fn nix_verifies(tool: &Path, root: &Path) -> (bool, String) {
    let output = nix_store(tool, root, &["--verify", "--check-contents"], "");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), words)
}

/// Writes `tree` into the empty folder `target`. The owner may write everything, so that the folder can
/// be removed again; owners and times stay those of the test.
fn write_out(tree: &Tree, target: &Path) {
    for (path, id) in tree.walk() {
        let path = target.join(OsStr::from_bytes(&path));
        let node = tree.node(id);
        match &node.kind {
            Kind::Directory(_) => fs::create_dir(&path).unwrap(),
            Kind::File(content) => fs::write(&path, content.to_vec().unwrap()).unwrap(),
            Kind::Symlink(link) => symlink(OsStr::from_bytes(link), &path).unwrap(),
            other => panic!("{} is {other:?}", path.display()),
        }
        if !matches!(node.kind, Kind::Symlink(_)) {
            let mode = u32::from(node.metadata.permissions) | 0o200;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// The fixture's system, installed into a folder.
fn installed() -> (Fixture, Closure, Tree, tempfile::TempDir) {
    let fixture = Fixture::new(Architecture::X64);
    let source = Source::open(fixture.root()).unwrap();
    let closure = Closure::read(&source, &fixture.toplevel).unwrap();
    let tree = install_tree(&closure).unwrap();
    let target = tempfile::tempdir().unwrap();
    write_out(&tree, target.path());
    (fixture, closure, tree, target)
}

fn database_paths(root: &Path) -> BTreeSet<StorePath> {
    Database::open(root).unwrap().paths().unwrap().into_iter().collect()
}

#[test]
fn nix_verifies_what_we_installed() {
    let Some(nix) = require_tool("nix-store") else { return };
    let (fixture, closure, _tree, target) = installed();
    let expected: BTreeSet<_> = closure.paths().map(|info| info.path.clone()).collect();
    assert!(expected.contains(&fixture.specialisation));
    assert_eq!(expected.len(), 10);
    let (fine, words) = nix_verifies(&nix, target.path());
    assert!(fine, "{words}");
    // Nix forgets paths that are missing without calling that an error: see that it forgot none.
    assert_eq!(database_paths(target.path()), expected);
    let query =
        nix_store(&nix, target.path(), &["--query", "--requisites", &closure.toplevel().to_string()], "");
    let listed = String::from_utf8(query.stdout).unwrap();
    let listed: BTreeSet<_> = listed.lines().map(|line| StorePath::from_absolute(line).unwrap()).collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_flipped_byte_is_noticed_by_nix_and_by_us() {
    let Some(nix) = require_tool("nix-store") else { return };
    let (fixture, closure, _tree, target) = installed();
    let initrd = fixture.path("initrd-linux-6.12.5");
    let file = target.path().join(&format!("{initrd}/initrd")[1..]);
    let mut bytes = fs::read(&file).unwrap();
    bytes[200_000] ^= 1;
    fs::write(&file, bytes).unwrap();

    let (fine, words) = nix_verifies(&nix, target.path());
    assert!(!fine && words.contains(&initrd.to_string()), "{words}");

    let tree = host_tree(target.path()).unwrap();
    let infos: Vec<PathInfo> = closure.paths().cloned().collect();
    let faults = verify(&tree, tree.lookup("nix/store").unwrap(), &infos);
    let wrong: Vec<_> = faults.iter().filter(|fault| matches!(fault.kind, FaultKind::Hash { .. })).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].path, initrd.to_string());
}

#[test]
fn our_verification_finds_no_fault_in_our_tree_and_each_fault_in_a_changed_one() {
    let (fixture, closure, mut tree, _target) = installed();
    let infos: Vec<PathInfo> = closure.paths().cloned().collect();
    let store = tree.lookup("nix/store").unwrap();
    assert_eq!(verify(&tree, store, &infos), []);

    let unregistered: Vec<_> = infos.iter().filter(|info| info.path.name() != "bash-5.3").cloned().collect();
    let bash = fixture.path("bash-5.3");
    let faults = verify(&tree, store, &unregistered);
    assert!(
        faults.iter().any(|fault| fault.path == bash.base_name() && fault.kind == FaultKind::NotRegistered)
    );
    assert!(faults.iter().any(|fault| fault.kind == FaultKind::Dangling(bash.clone())));

    let program = tree.lookup(&format!("{bash}/bin/bash")).unwrap();
    tree.metadata_mut(program).permissions = 0o755;
    let faults = verify(&tree, store, &infos);
    let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(said, [format!("`{bash}` holds `/bin/bash`, which has mode 0755")]);
}

#[test]
fn a_database_that_nix_made_is_read_right() {
    let Some(nix) = require_tool("nix-store") else { return };
    let fixture = Fixture::new(Architecture::Aa64);
    let theirs = tempfile::tempdir().unwrap();
    let text = registration::render(&fixture.paths);
    let loaded = nix_store(&nix, theirs.path(), &["--load-db"], &text);
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let (ours, theirs) = (Database::open(fixture.root()).unwrap(), Database::open(theirs.path()).unwrap());
    assert_eq!(ours.paths().unwrap(), theirs.paths().unwrap());
    for path in ours.paths().unwrap() {
        assert_eq!(ours.info(&path).unwrap(), theirs.info(&path).unwrap());
    }
}

#[test]
fn nix_dumps_from_our_database_what_it_dumps_from_its_own() {
    let Some(nix) = require_tool("nix-store") else { return };
    let fixture = Fixture::new(Architecture::X64);
    let theirs = tempfile::tempdir().unwrap();
    let loaded = nix_store(&nix, theirs.path(), &["--load-db"], &registration::render(&fixture.paths));
    assert!(loaded.status.success());
    let dump = |root: &Path| String::from_utf8(nix_store(&nix, root, &["--dump-db"], "").stdout).unwrap();
    let parse = |text: &str| {
        let mut records = registration::parse(text, Path::new("dump")).unwrap();
        records.sort_by(|a, b| a.path.cmp(&b.path));
        records
    };
    let records = parse(&dump(fixture.root()));
    assert_eq!(records.len(), fixture.paths.len());
    assert_eq!(records, parse(&dump(theirs.path())));
}

/// Columns, keys and indexes of every table, as SQLite itself lists them.
fn schema_of(root: &Path) -> Vec<String> {
    let file = root.join(landfall::store::database::DATABASE_FILE);
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut lines = Vec::new();
    for table in ["ValidPaths", "Refs", "DerivationOutputs"] {
        for pragma in ["table_info", "foreign_key_list", "index_list"] {
            let mut statement = connection.prepare(&format!("pragma {pragma}({table})")).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| {
                (0..columns)
                    .map(|column| row.get::<_, rusqlite::types::Value>(column))
                    .collect::<Result<Vec<_>, _>>()
            });
            lines.extend(rows.unwrap().map(|row| format!("{table} {pragma} {:?}", row.unwrap())));
        }
    }
    let mut statement =
        connection.prepare("select type, name, tbl_name from sqlite_master order by name").unwrap();
    let rows = statement.query_map([], |row| {
        Ok(format!("{} {} {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    });
    lines.extend(rows.unwrap().map(Result::unwrap));
    lines
}

#[test]
fn our_schema_is_the_one_that_nix_makes() {
    let Some(nix) = require_tool("nix-store") else { return };
    let fixture = Fixture::new(Architecture::X64);
    let theirs = tempfile::tempdir().unwrap();
    assert!(nix_store(&nix, theirs.path(), &["--load-db"], "").status.success());
    assert_eq!(schema_of(fixture.root()), schema_of(theirs.path()));
    let version = |root: &Path| fs::read(root.join(landfall::store::database::SCHEMA_FILE)).unwrap();
    assert_eq!(version(fixture.root()), version(theirs.path()));
}

#[test]
fn archives_are_those_of_nix_for_any_name_and_kind() {
    let Some(nix) = require_tool("nix-store") else { return };
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("object");
    fs::create_dir_all(root.join("empty")).unwrap();
    for (name, content) in [
        (&b"plain"[..], &b"1234567"[..]),
        (b"\xff\xfe not UTF-8", b"12345678"),
        ("Größe".as_bytes(), b"123456789"),
        (b"B", b""),
        (b"a-", b"x"),
        (b"a/b", b"below a folder whose name sorts between"),
        (&[b'n'; 255], b"the longest name"),
    ] {
        let path = root.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    for (name, mode) in [("owner", 0o700), ("group", 0o670), ("other", 0o601)] {
        let path = root.join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink(OsStr::from_bytes(b"nowhere/\xff"), root.join("link")).unwrap();
    fs::File::create(root.join("sparse")).unwrap().set_len(3_000_001).unwrap();

    let output = Command::new(nix).arg("--dump").arg(&root).output().unwrap();
    assert!(output.status.success());
    let mut ours = Vec::new();
    nar::write(&host_tree(&root).unwrap(), Tree::ROOT, &mut ours).unwrap();
    assert!(ours == output.stdout, "{} bytes against {}", ours.len(), output.stdout.len());
    // The twin: the judge's bytes are not the same for another tree.
    fs::write(root.join("B"), b"changed").unwrap();
    let mut changed = Vec::new();
    nar::write(&host_tree(&root).unwrap(), Tree::ROOT, &mut changed).unwrap();
    assert!(changed != output.stdout);
}

#[test]
fn a_store_root_that_also_holds_a_registration_is_a_store_root() {
    let fixture = Fixture::new(Architecture::X64);
    fs::write(fixture.root().join("registration"), registration::render(&fixture.paths)).unwrap();
    fs::write(fixture.root().join("store-paths"), "").unwrap();
    let root = fs::canonicalize(fixture.root()).unwrap();
    let with_database = Source::open(fixture.root()).unwrap();
    fs::remove_file(fixture.root().join(database::DATABASE_FILE)).unwrap();
    let without = Source::open(fixture.root()).unwrap();
    for source in [with_database, without] {
        assert_eq!(source.root(), root);
        let info = source.info(&fixture.toplevel).unwrap();
        assert_eq!(info.as_ref(), fixture.paths.last());
    }
}

#[test]
fn a_closure_info_folder_says_the_same_as_the_database() {
    let fixture = Fixture::new(Architecture::X64);
    let closure = Closure::read(&Source::open(fixture.root()).unwrap(), &fixture.toplevel).unwrap();
    // As on a machine with Nix: the folder is itself in the store that it describes.
    let folder = fixture.root().join("nix/store/closure-info");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("registration"), registration::render(closure.paths())).unwrap();
    let listed: String = closure.paths().map(|info| format!("{}\n", info.path)).collect();
    fs::write(folder.join("store-paths"), &listed).unwrap();

    let source = Source::open(&folder).unwrap();
    let again =
        Closure::read(&source, &source.system(Path::new(&closure.toplevel().to_string())).unwrap()).unwrap();
    assert!(again.paths().eq(closure.paths()));
    assert_eq!(again.root(), closure.root());

    fs::write(folder.join("store-paths"), "/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src\n").unwrap();
    let folder = folder.display();
    assert_eq!(
        Source::open(Path::new(&folder.to_string())).unwrap_err().to_string(),
        format!(
            "`{folder}/store-paths` lists `/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src`, which \
             `{folder}/registration` does not describe"
        )
    );
}

fn closure_error(fixture: &Fixture, system: &StorePath) -> String {
    let source = Source::open(fixture.root()).unwrap();
    let error: closure::ClosureError = Closure::read(&source, system).unwrap_err();
    error.to_string()
}

#[test]
fn an_incomplete_closure_names_who_needs_what() {
    let fixture = Fixture::new(Architecture::X64);
    let root = fs::canonicalize(fixture.root()).unwrap();
    let root = root.display();
    let (bash, sw) = (fixture.path("bash-5.3"), fixture.path("system-path"));

    let stranger = StorePath::from_base_name("nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src").unwrap();
    assert_eq!(
        closure_error(&fixture, &stranger),
        format!("`{stranger}` is not registered in the store of `{root}`")
    );

    fs::remove_dir_all(fixture.host(bash)).unwrap();
    let gone = closure_error(&fixture, sw);
    assert_eq!(
        gone,
        format!(
            "`{bash}` is registered but not on disk below `{root}`; `{sw}` needs it; repair the store with \
             `nix-store --verify --check-contents --repair`"
        )
    );

    // A row deleted behind Nix's back, as an interrupted copy of a database can leave it.
    let file = fixture.root().join(landfall::store::database::DATABASE_FILE);
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.execute_batch("pragma foreign_keys = off").unwrap();
    connection.execute("delete from ValidPaths where path = ?", [bash.to_string()]).unwrap();
    drop(connection);
    let dangling = closure_error(&fixture, sw);
    assert!(
        dangling.ends_with(&format!("says of `{sw}`: it refers to a path that has no row")),
        "{dangling}"
    );
}

#[test]
fn a_registration_without_a_path_names_who_needs_it() {
    let fixture = Fixture::new(Architecture::X64);
    let (bash, sw) = (fixture.path("bash-5.3").clone(), fixture.path("system-path").clone());
    let kept: Vec<_> = fixture.paths.iter().filter(|info| info.path != bash).cloned().collect();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("registration"), registration::render(&kept)).unwrap();
    fs::write(folder.path().join("store-paths"), "").unwrap();
    let source = Source::closure_info(folder.path(), fixture.root()).unwrap();
    let root = source.root().display().to_string();
    assert_eq!(
        Closure::read(&source, &sw).unwrap_err().to_string(),
        format!(
            "`{bash}` is missing from the store of `{root}`, but `{sw}` needs it; copy the whole closure there"
        )
    );
}

/// The database file of a fixture, and what opening the store says after `change` had it.
fn database_error(change: impl FnOnce(&Path)) -> (PathBuf, String) {
    let store = Store::new();
    store.register();
    let file = store.root().join(landfall::store::database::DATABASE_FILE);
    change(&file);
    let error = Source::open(store.root()).map(drop).unwrap_err();
    (file, error.to_string())
}

#[test]
fn a_database_that_cannot_be_used_is_refused_with_the_way_out() {
    let (file, message) = database_error(|file| fs::remove_file(file).unwrap());
    let shown = file.display();
    assert_eq!(
        message,
        format!(
            "there is no Nix database `{shown}`; --store takes the folder that holds `nix/store` and \
             `nix/var/nix/db`"
        )
    );
    let (file, message) = database_error(|file| fs::write(file, "not a database").unwrap());
    let shown = file.display();
    let way_out = "put back a copy of it, or copy the system to a new store with `nix copy`";
    assert_eq!(
        message,
        format!("the Nix database `{shown}` is damaged: it is not an SQLite file; {way_out}")
    );

    let (_, message) = database_error(|file| {
        let bytes = fs::read(file).unwrap();
        let mut damaged = bytes.clone();
        damaged[4096..8192].fill(0xff);
        damaged[100..200].fill(0xff);
        fs::write(file, damaged).unwrap();
    });
    assert!(message.contains("is damaged") && message.ends_with(way_out), "{message}");

    for (version, hint) in [("11", ""), ("7", "; any command of a current Nix brings it up to date")] {
        let (file, message) =
            database_error(|file| fs::write(file.with_file_name("schema"), version).unwrap());
        let folder = file.parent().unwrap().display();
        assert_eq!(
            message,
            format!(
                "the Nix database below `{folder}` has schema version `{version}`, but 10 is what this program \
                 reads{hint}"
            )
        );
    }
}

#[test]
fn a_locked_database_is_refused_and_one_in_use_is_read() {
    let fixture = Fixture::new(Architecture::X64);
    let file = fixture.root().join(landfall::store::database::DATABASE_FILE);
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("begin exclusive").unwrap();
    let shown = file.display();
    assert_eq!(
        Source::open(fixture.root()).map(drop).unwrap_err().to_string(),
        format!(
            "the Nix database `{shown}` is locked by another program; let it finish, or stop it, and try again"
        )
    );
    other.execute_batch("commit; pragma journal_mode = wal; pragma wal_autocheckpoint = 0").unwrap();
    // In the log only, and the other connection stays open.
    let late = "/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-late";
    other
        .execute(
            "insert into ValidPaths (path, hash, registrationTime, narSize) values (?, ?, 1, 96)",
            [late, "sha256:0850e021060f2ab157976053a8cadfa4f2f6f9bcd5d57daed0269249d3c870cf"],
        )
        .unwrap();
    let source = Source::open(fixture.root()).unwrap();
    let late = StorePath::from_absolute(late).unwrap();
    let snapshot = source.snapshot().unwrap();
    assert!(source.info(&late).unwrap().is_some());
    other.execute("delete from ValidPaths where path = ?", [late.to_string()]).unwrap();
    assert!(source.info(&late).unwrap().is_some(), "one state for all of a closure");
    drop(snapshot);
    assert_eq!(source.info(&late).unwrap(), None);
}

#[test]
fn a_database_is_read_where_we_may_not_write_and_nothing_is_left_behind() {
    let fixture = Fixture::new(Architecture::X64);
    let file = fixture.root().join(landfall::store::database::DATABASE_FILE);
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("pragma journal_mode = wal; create table Extra (x); drop table Extra").unwrap();
    let folder = file.parent().unwrap();
    let (wal, late_wal) = (folder.join("db.sqlite-wal"), folder.join("copy-of-wal"));
    fs::copy(&wal, &late_wal).unwrap();
    drop(other);
    let names = || {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<BTreeSet<_>>()
    };
    let before = names();
    let read = |what: &str| {
        let source = Source::open(fixture.root()).unwrap_or_else(|error| panic!("{what}: {error}"));
        Closure::read(&source, &fixture.toplevel).unwrap();
    };
    let mode = |bits| fs::set_permissions(folder, fs::Permissions::from_mode(bits)).unwrap();
    mode(0o555);
    read("a log mode database without a log");
    assert_eq!(names(), before);
    // As a crashed writer leaves it: a log, but no index of it. Root may write anyway and is not tested.
    mode(0o755);
    fs::rename(&late_wal, &wal).unwrap();
    let before = names();
    mode(0o555);
    if !nix::unistd::geteuid().is_root() {
        read("a log mode database with a log and no index");
        assert_eq!(names(), before);
    }
    mode(0o755);
}

#[test]
fn what_we_installed_is_what_we_find_even_after_nix_wrote_to_it() {
    let Some(nix) = require_tool("nix-store") else { return };
    let (_fixture, closure, tree, target) = installed();
    let expected: Vec<PathInfo> = closure.paths().cloned().collect();
    let installed = Installed::read(&tree).unwrap().unwrap();
    assert_eq!(installed.paths, expected);
    assert_eq!(installed.current, Some(1));
    assert_eq!(installed.generations.len(), 1);
    assert_eq!(
        (installed.generations[0].number, &installed.generations[0].toplevel),
        (1, closure.toplevel())
    );

    // Nix turns the database to its log mode.
    assert!(nix_verifies(&nix, target.path()).0);
    let read = || Installed::read(&host_tree(target.path()).unwrap()).unwrap().unwrap();
    assert_eq!(read().paths, expected);
    // As after a power cut: the change is in the log only.
    let other = rusqlite::Connection::open(target.path().join(database::DATABASE_FILE)).unwrap();
    other.execute_batch("pragma journal_mode = wal; pragma wal_autocheckpoint = 0").unwrap();
    let toplevel = closure.toplevel().to_string();
    other.execute("delete from Refs", []).unwrap();
    other.execute("delete from ValidPaths where path <> ?", [&toplevel]).unwrap();
    assert_eq!(read().paths.len(), 1);

    assert!(Installed::read(&Tree::new(Metadata::root(0o755))).unwrap().is_none());
}

#[test]
fn a_file_that_changes_after_the_tree_was_made_is_noticed() {
    let (fixture, _closure, tree, _target) = installed();
    let initrd = fixture.path("initrd-linux-6.12.5");
    let id = tree.lookup(&initrd.to_string()).unwrap();
    let file = fixture.host(initrd).join("initrd");
    fs::write(&file, b"shorter").unwrap();
    let error = nar::hash(&tree, id).unwrap_err();
    assert!(
        matches!(error, nar::NarError::Content(ContentError::Changed { expected: 400_000, found: 7, .. })),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let error = nar::hash(&tree, id).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}` is no longer a file", fs::canonicalize(&file).unwrap().display())
    );
}

/// Paths, metadata and bytes of everything in `tree`.
fn lines(tree: &Tree) -> Vec<(Vec<u8>, Metadata, Vec<u8>)> {
    let line = |(path, id)| {
        let node = tree.node(id);
        let bytes = match &node.kind {
            Kind::File(content) => content.to_vec().unwrap(),
            Kind::Symlink(target) => target.clone(),
            _ => Vec::new(),
        };
        (path, node.metadata.clone(), bytes)
    };
    tree.walk().map(line).collect()
}

#[test]
fn a_packed_store_gives_the_same_installed_tree() {
    let fixture = Fixture::new(Architecture::X64);
    let closure = Closure::read(&Source::open(fixture.root()).unwrap(), &fixture.toplevel).unwrap();
    let mut store = Tree::new(Metadata::root(0o755));
    add_store(&mut store, Tree::ROOT, &closure).unwrap();
    let image = Image::of(&store, &options(|_| {}));
    let expected = lines(&install_tree(&closure).unwrap());
    let again = closure.clone().packed_in(Arc::new(image.tree()));
    // The folder is not looked at any more.
    fs::remove_file(fixture.host(fixture.path("initrd-linux-6.12.5")).join("initrd")).unwrap();
    assert!(lines(&install_tree(&closure).unwrap()) != expected);
    assert!(lines(&install_tree(&again).unwrap()) == expected);
    // What is registered and not packed is missing.
    let empty = closure.packed_in(Arc::new(Tree::new(Metadata::root(0o755))));
    let error = install_tree(&empty).unwrap_err();
    assert!(error.to_string().ends_with("is registered but not in the packed store"), "{error}");
}

#[test]
fn the_installed_tree_is_the_same_whatever_the_source_looks_like() {
    let fixture = Fixture::new(Architecture::X64);
    let digests = || {
        let closure = Closure::read(&Source::open(fixture.root()).unwrap(), &fixture.toplevel).unwrap();
        let tree = install_tree(&closure).unwrap();
        let lines = tree.walk().map(|(path, id)| {
            let node = tree.node(id);
            let bytes = match &node.kind {
                Kind::File(content) => content.to_vec().unwrap(),
                Kind::Symlink(target) => target.clone(),
                _ => Vec::new(),
            };
            (path, id, node.metadata.clone(), bytes)
        });
        lines.collect::<Vec<_>>()
    };
    let before = digests();
    // An optimised store: equal files are one file. And modes as a careless copy leaves them.
    let bash = fixture.host(fixture.path("bash-5.3")).join("bin/bash");
    fs::create_dir(fixture.root().join("nix/store/.links")).unwrap();
    fs::hard_link(&bash, fixture.root().join("nix/store/.links/x")).unwrap();
    let etc = fixture.host(fixture.path("etc"));
    fs::remove_file(etc.join("etc/hostname")).unwrap();
    fs::write(etc.join("etc/hostname"), b"mini\n").unwrap();
    fs::set_permissions(etc.join("etc/hostname"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(&bash, fs::Permissions::from_mode(0o500)).unwrap();
    assert!(digests() == before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_databases_and_archives_are_errors_and_not_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        static PRISTINE: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
            let fixture = Fixture::new(Architecture::X64);
            let tree = host_tree(&fixture.host(&fixture.toplevel)).unwrap();
            let mut archive = Vec::new();
            nar::write(&tree, Tree::ROOT, &mut archive).unwrap();
            (database::encode(&fixture.paths).unwrap(), archive)
        });
        let (mut database, mut archive) = PRISTINE.clone();
        for (index, bits) in flips {
            let (at_database, at_archive) = (index.index(database.len()), index.index(archive.len()));
            database[at_database] ^= bits;
            archive[at_archive] ^= bits;
        }
        if let Ok(database) = Database::from_bytes(&database)
            && let Ok(paths) = database.paths()
        {
            for path in paths {
                let _ = database.info(&path);
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &archive).unwrap();
        if let Ok(tree) = nar::read(file.path(), Name::new(b"object").unwrap()) {
            let _ = nar::hash(&tree, Tree::ROOT);
        }
    }
}

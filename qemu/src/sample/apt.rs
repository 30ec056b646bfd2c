//! Packages by name, from Debian's archive, through apt and into a cache.
//!
//! A private apt root holds one source, one architecture and an empty package database, so that the
//! host's own packages and settings play no part: apt resolves the dependencies, fetches the archives
//! and verifies them against the Debian keyring. What it resolved is written to a lock list; while that
//! list stands, the same archives are used and no network is needed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Architecture;

use super::digest::{hex, sha256};
use super::{SampleError, files};

/// The Debian release that sample systems are made of.
const SUITE: &str = "trixie";

/// Names the archive where the host's apt configuration does not.
const MIRROR_VARIABLE: &str = "LANDFALL_DEBIAN_MIRROR";

/// The keys that Debian's archive is signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Host settings that reach the private root: how to get through to the network, and nothing else.
const NETWORK_SETTINGS: [&str; 5] =
    ["Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::ForceIPv", "Acquire::Check-"];

/// Bytes of standard error that a failure keeps.
const STDERR_TAIL: usize = 2000;

/// One package archive in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CachedDeb {
    /// Where it is.
    pub(super) path: PathBuf,
    sha256: String,
}

impl CachedDeb {
    /// The archive's content, which must be what the lock list says.
    pub(super) fn read(&self) -> Result<Vec<u8>, SampleError> {
        let bytes = files::read(&self.path)?;
        if hex(&sha256(&bytes)) == self.sha256 {
            Ok(bytes)
        } else {
            Err(SampleError::CacheChanged(self.path.clone()))
        }
    }
}

/// The archives of `wanted` and all they depend on, and a digest that changes whenever one of them does.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The archives, in the order of their file names.
    pub(super) debs: Vec<CachedDeb>,
    /// SHA-256 of the lock list.
    pub(super) digest: [u8; 32],
}

/// Finds the archives of `wanted` in `cache`, where apt puts them first when there is no lock list yet.
pub(super) fn fetch(
    arch: Architecture,
    wanted: &[&str],
    cache: &Path,
    on_step: &dyn Fn(&str),
) -> Result<Fetched, SampleError> {
    let folder = cache.join("deb").join(SUITE);
    files::make_directory(&folder)?;
    // Two builds at once share one cache: the second waits and then finds everything there.
    let guard_path = folder.join(".lock");
    let guard = File::create(&guard_path).map_err(SampleError::io("creating", &guard_path))?;
    guard.lock().map_err(SampleError::io("locking", &guard_path))?;

    let key = hex(&sha256(wanted.join(" ").as_bytes()));
    let list = folder.join(format!("{}-{}.lock", arch.debian(), &key[..16]));
    if !list.exists() {
        on_step("fetching packages");
        download(arch, wanted, &folder, &list)?;
    }
    let text = String::from_utf8_lossy(&files::read(&list)?).into_owned();
    let debs = parse_list(&text, &folder.join("pool")).ok_or(SampleError::CacheChanged(list))?;
    Ok(Fetched { debs, digest: sha256(text.as_bytes()) })
}

fn parse_list(text: &str, pool: &Path) -> Option<Vec<CachedDeb>> {
    let entry = |line: &str| {
        let (sha256, name) = line.split_once("  ")?;
        Some(CachedDeb { path: pool.join(name), sha256: sha256.to_owned() })
    };
    text.lines().map(entry).collect()
}

/// Has apt resolve and fetch, then moves the archives to the pool and writes the list, which comes last:
/// a list stands for a complete set.
fn download(arch: Architecture, wanted: &[&str], folder: &Path, list: &Path) -> Result<(), SampleError> {
    let root = folder.join(format!("apt-{}", arch.debian()));
    files::remove_tree(&root)?;
    let config = private_root(arch, &root)?;
    apt(&config, &["update"])?;
    let mut install = vec!["install", "--download-only"];
    install.extend_from_slice(wanted);
    apt(&config, &install)?;

    let archives = root.join("cache/archives");
    let pool = folder.join("pool");
    files::make_directory(&pool)?;
    let mut text = String::new();
    for name in files::names(&archives)? {
        let name = name.to_string_lossy().into_owned();
        if name.ends_with(".deb") {
            let from = archives.join(&name);
            text.push_str(&format!("{}  {name}\n", hex(&sha256(&files::read(&from)?))));
            files::rename(&from, &pool.join(&name))?;
        }
    }
    let unfinished = list.with_extension("unfinished");
    files::write(&unfinished, text)?;
    files::rename(&unfinished, list)?;
    files::remove_tree(&root)
}

/// Makes the private apt root; the path of its configuration.
fn private_root(arch: Architecture, root: &Path) -> Result<PathBuf, SampleError> {
    if !Path::new(KEYRING).exists() {
        return Err(SampleError::MissingProgram { program: KEYRING, package: "debian-archive-keyring" });
    }
    for directory in ["state/lists/partial", "cache/archives/partial"] {
        files::make_directory(&root.join(directory))?;
    }
    files::write(&root.join("status"), "")?;
    let source = format!(
        "Types: deb\nURIs: {}\nSuites: {SUITE}\nComponents: main\nArchitectures: {}\nSigned-By: {KEYRING}\n",
        mirror()?,
        arch.debian()
    );
    files::write(&root.join("sources/debian.sources"), source)?;
    let config = root.join("apt.conf");
    files::write(&config, configuration(arch, root, &network_settings()?))?;
    Ok(config)
}

fn configuration(arch: Architecture, root: &Path, network: &str) -> String {
    let debian = arch.debian();
    let root = root.display();
    format!(
        "APT::Architecture \"{debian}\";\n\
         APT::Architectures {{ \"{debian}\"; }};\n\
         APT::Sandbox::User \"\";\n\
         APT::Install-Recommends \"0\";\n\
         APT::Get::Assume-Yes \"1\";\n\
         Acquire::Languages \"none\";\n\
         Dir::State \"{root}/state\";\n\
         Dir::State::status \"{root}/status\";\n\
         Dir::Cache \"{root}/cache\";\n\
         Dir::Etc::main \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"/dev/null\";\n\
         Dir::Etc::sourceparts \"{root}/sources\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::Etc::trusted \"/dev/null\";\n\
         Dir::Etc::trustedparts \"/dev/null\";\n{network}"
    )
}

/// The Debian archive that the host itself uses.
fn mirror() -> Result<String, SampleError> {
    if let Ok(mirror) = std::env::var(MIRROR_VARIABLE) {
        return Ok(mirror);
    }
    let text = run(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]))?;
    let debian = |uri: &&str| uri.trim_end_matches('/').ends_with("/debian");
    let found = text.lines().find(debian).map(str::to_owned);
    found.ok_or(SampleError::NoMirror(MIRROR_VARIABLE))
}

/// The host's proxy and retry settings.
fn network_settings() -> Result<String, SampleError> {
    let text = run(Command::new("apt-config").arg("dump"))?;
    let wanted = |line: &&str| NETWORK_SETTINGS.iter().any(|prefix| line.starts_with(prefix));
    Ok(text.lines().filter(wanted).map(|line| format!("{line}\n")).collect())
}

fn apt(config: &Path, arguments: &[&str]) -> Result<(), SampleError> {
    run(Command::new("apt-get").env("APT_CONFIG", config).arg("--quiet").args(arguments)).map(drop)
}

/// Runs a program of apt; its standard output.
fn run(command: &mut Command) -> Result<String, SampleError> {
    let output = command.env("LC_ALL", "C").output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => SampleError::MissingProgram { program: "apt-get", package: "apt" },
        _ => SampleError::io("running", Path::new(command.get_program()))(source),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let tail = output.stderr.len().saturating_sub(STDERR_TAIL);
    Err(SampleError::Program {
        line: format!("{command:?}"),
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr[tail..]).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache whose lock list for `wanted` names one archive.
    fn cache_with(wanted: &[&str], content: &str, listed: &str) -> tempfile::TempDir {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("deb").join(SUITE);
        let key = hex(&sha256(wanted.join(" ").as_bytes()));
        files::write(&folder.join("pool/a_1_amd64.deb"), content).unwrap();
        let line = format!("{}  a_1_amd64.deb\n", hex(&sha256(listed.as_bytes())));
        files::write(&folder.join(format!("amd64-{}.lock", &key[..16])), line).unwrap();
        cache
    }

    #[test]
    fn a_lock_list_needs_no_network() {
        let cache = cache_with(&["a"], "archive", "archive");
        let fetched =
            fetch(Architecture::X86_64, &["a"], cache.path(), &|_| panic!("must not fetch")).unwrap();
        assert_eq!(fetched.debs.len(), 1);
        assert_eq!(fetched.debs[0].read().unwrap(), b"archive");
    }

    #[test]
    fn an_archive_that_changed_in_the_cache_is_refused() {
        let cache = cache_with(&["a"], "tampered", "archive");
        let fetched = fetch(Architecture::X86_64, &["a"], cache.path(), &|_| ()).unwrap();
        assert!(matches!(fetched.debs[0].read(), Err(SampleError::CacheChanged(_))));
    }

    #[test]
    fn the_private_root_takes_nothing_but_network_settings_from_the_host() {
        let text = configuration(Architecture::Aarch64, Path::new("/r"), "Acquire::http::Proxy \"p\";\n");
        assert!(text.contains("APT::Architectures { \"arm64\"; };"));
        assert!(text.contains("Dir::Etc::parts \"/dev/null\";"));
        assert!(text.ends_with("Acquire::http::Proxy \"p\";\n"));
    }
}

//! The cache of compressed blocks: the same bytes with and without it, whatever is done to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use landfall::fs::squashfs::{BlockSize, CacheOptions, CacheUse, Options};
use landfall::tree::{Content, ContentError, Kind, Source, Tree};
use landfall::units::{ByteSize, u64_of};

use super::edges;
use super::image::{Image, options};
use crate::ext4::trees;

/// Ten packages of text, the fifth of them in some `version`.
fn packages(version: u32) -> Tree {
    let mut tree = trees::empty();
    for package in 0..10_u32 {
        let version = if package == 5 { version } else { 0 };
        for file in 0..30 {
            trees::put(
                &mut tree,
                &format!("package-{package}/file-{file}"),
                trees::file(&text(package, version, file)),
            );
        }
    }
    tree
}

fn text(package: u32, version: u32, file: u32) -> Vec<u8> {
    (0..4000).flat_map(|line| format!("{package} {version} {file} {line}\n").into_bytes()).collect()
}

fn cached(folder: &Path, change: impl FnOnce(&mut Options)) -> Options {
    options(|options| {
        options.block_size = BlockSize::new(256 << 10).unwrap();
        options.cache = Some(CacheOptions { folder: folder.to_owned(), limit: ByteSize::mib(100) });
        change(options);
    })
}

/// The same options without the cache.
fn bare(options: &Options) -> Options {
    Options { cache: None, ..options.clone() }
}

fn worth(image: &Image) -> CacheUse {
    image.written.cache.clone().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn with_and_without_a_cache_the_bytes_are_the_same() {
    let (host, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = edges::everything(host.path());
    let options = cached(folder.path(), |_| ());
    let expected = Image::of(&tree, &bare(&options)).digest();
    let first = Image::of(&tree, &options);
    let second = Image::of(&tree, &options);
    assert_eq!([first.digest(), second.digest()], [expected.clone(), expected]);
    assert_eq!((worth(&first).found, worth(&second).compressed), (0, 0));
    assert_eq!(worth(&first).problem, None);
    assert_eq!(worth(&second).found, worth(&first).compressed);
}

#[test]
fn a_changed_package_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let options = cached(folder.path(), |_| ());
    let all = worth(&Image::of(&packages(0), &options)).compressed;
    let changed = Image::of(&packages(1), &options);
    assert_eq!(worth(&changed).compressed, all / 10);
    assert_eq!(changed.digest(), Image::of(&packages(1), &bare(&options)).digest());
}

/// A file that counts how often it is read.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl Source for Counted {
    fn len(&self) -> u64 {
        u64_of(self.0.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let offset = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.0[offset..][..buffer.len()]);
        Ok(())
    }
}

/// Packages whose files count how often they are read.
fn counted(reads: &Arc<AtomicUsize>) -> Tree {
    let mut tree = trees::empty();
    for package in 0..4_u32 {
        for file in 0..10 {
            let source = Counted(text(package, 0, file), Arc::clone(reads));
            let node = trees::node(Kind::File(Content::Source(Arc::new(source))));
            trees::put(&mut tree, &format!("store/package-{package}/{file}"), node);
        }
    }
    tree
}

#[test]
fn what_has_an_identity_is_not_even_read() {
    let folder = tempfile::tempdir().unwrap();
    let identified = |changed: u8| {
        cached(folder.path(), |options| {
            options.runs.below = "store".to_owned();
            for package in 0..4_u8 {
                let identity = [if package == 2 { changed } else { package }; 32];
                options.runs.identities.insert(format!("package-{package}").into_bytes(), identity);
            }
        })
    };
    let reads = Arc::new(AtomicUsize::new(0));
    let tree = counted(&reads);
    let first = Image::of(&tree, &identified(2));
    assert!(reads.swap(0, Ordering::Relaxed) > 0);
    let again = Image::of(&tree, &identified(2));
    assert_eq!(reads.swap(0, Ordering::Relaxed), 0);
    assert_eq!(again.digest(), first.digest());
    again.check();
    // Another identity: it is read, and found to be what is known.
    let other = Image::of(&tree, &identified(77));
    assert_eq!(reads.swap(0, Ordering::Relaxed), 10);
    assert_eq!((other.digest(), worth(&other).compressed), (first.digest(), 0));
}

#[test]
fn damage_is_noticed_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let options = cached(folder.path(), |options| {
        for package in 0..10_u8 {
            options.runs.identities.insert(format!("package-{package}").into_bytes(), [package; 32]);
        }
    });
    let tree = packages(0);
    let expected = Image::of(&tree, &options).digest();
    let (all, pristine) = (files(folder.path()), files(folder.path()).len());
    for damage in 0..4 {
        for path in &all {
            let mut bytes = fs::read(path).unwrap();
            let len = bytes.len();
            match damage {
                // In a block, in the index, in the footer; and the file cut in half.
                0 => bytes[20] ^= 1,
                1 => bytes[len - 100] ^= 1,
                2 => bytes[len - 60] ^= 1,
                _ => bytes.truncate(len / 2),
            }
            fs::write(path, bytes).unwrap();
        }
        let mended = Image::of(&tree, &options);
        assert_eq!(mended.digest(), expected, "damage {damage}");
        assert!(worth(&mended).compressed >= 10, "damage {damage}: {:?}", worth(&mended));
        let after = Image::of(&tree, &options);
        assert_eq!((after.digest(), worth(&after).compressed), (expected.clone(), 0), "damage {damage}");
        assert_eq!(files(folder.path()).len(), pristine);
    }
}

#[test]
fn nothing_in_the_cache_can_be_missed() {
    let folder = tempfile::tempdir().unwrap();
    let options = cached(folder.path(), |_| ());
    let tree = packages(0);
    let expected = Image::of(&tree, &options).digest();
    for (number, path) in files(folder.path()).iter().enumerate() {
        if number % 2 == 0 {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(Image::of(&tree, &options).digest(), expected);
    fs::remove_dir_all(folder.path()).unwrap();
    let again = Image::of(&tree, &options);
    assert_eq!((again.digest(), worth(&again).problem), (expected, None));
}

#[test]
fn several_builds_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let options = cached(folder.path(), |_| ());
    let expected = [0, 1].map(|version| Image::of(&packages(version), &bare(&options)).digest());
    std::thread::scope(|scope| {
        for build in 0..6 {
            let (options, expected) = (&options, &expected);
            scope.spawn(move || {
                let version = build % 2;
                let image = Image::of(&packages(version), options);
                assert_eq!(image.digest(), expected[usize::try_from(version).unwrap()]);
                assert_eq!(worth(&image).problem, None);
            });
        }
    });
    assert_eq!(worth(&Image::of(&packages(1), &options)).compressed, 0);
    assert!(files(folder.path()).iter().all(|path| path.extension().is_some()), "nothing unfinished is left");
}

#[test]
fn the_oldest_goes_when_the_limit_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("not-ours");
    fs::write(&other, vec![0; 1 << 20]).unwrap();
    let size = |folder: &Path| -> u64 {
        let packs = files(folder).into_iter().filter(|path| path.extension().is_some());
        packs.map(|path| fs::metadata(path).unwrap().len()).sum()
    };
    let options = cached(folder.path(), |_| ());
    Image::of(&packages(0), &options);
    let full = size(folder.path());
    let limit = ByteSize(full + full / 20);
    let options = cached(folder.path(), |options| {
        options.cache = Some(CacheOptions { folder: folder.path().to_owned(), limit });
    });
    for version in 1..4 {
        Image::of(&packages(version), &options);
        assert!(size(folder.path()) <= limit.bytes());
    }
    // What every build used is still there, the older versions of one package are not.
    assert_eq!(worth(&Image::of(&packages(3), &options)).compressed, 0);
    assert!(worth(&Image::of(&packages(1), &options)).compressed > 0);
    assert!(other.is_file(), "files of others are left alone");
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let tree = packages(0);
    // Below a file no folder can be, whoever asks.
    let options = cached(&file.join("cache"), |_| ());
    let image = Image::of(&tree, &options);
    assert_eq!(image.digest(), Image::of(&tree, &bare(&options)).digest());
    let problem = worth(&image).problem.unwrap();
    assert!(problem.contains("creating directory") && problem.contains("cache"), "{problem}");
    // A folder that may be read only is still of use.
    let folder = dir.path().join("readable");
    let options = cached(&folder, |_| ());
    let expected = Image::of(&tree, &options).digest();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let again = Image::of(&tree, &options);
    assert_eq!((again.digest(), worth(&again).compressed), (expected, 0));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_device_is_told_and_harms_nobody() {
    // Writing to it fails as on a device without room, for every user.
    if !crate::oracle::require_root() {
        return;
    }
    let (Some(mount), Some(umount)) =
        (crate::oracle::require_tool("mount"), crate::oracle::require_tool("umount"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    crate::oracle::run_ok(&mount, &["-t", "tmpfs", "-o", "size=64k", "tmpfs", place]);
    let tree = packages(0);
    let options = cached(folder.path(), |_| ());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let image = Image::of(&tree, &options);
        assert_eq!(image.digest(), Image::of(&tree, &bare(&options)).digest());
        worth(&image).problem.unwrap()
    }));
    crate::oracle::run_ok(&umount, &[place]);
    let problem = result.unwrap();
    assert!(problem.contains("No space left"), "{problem}");
}

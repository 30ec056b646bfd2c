//! The trees of the boot partitions: what `bootctl install` and NixOS's builder leave there.
//!
//! ```text
//! ESP                                    boot partition: the ESP, or XBOOTLDR where there is one
//! EFI/BOOT/BOOTX64.EFI                   EFI/nixos/HASH-linux-6.12.5-bzImage.efi …
//! EFI/systemd/systemd-bootx64.efi        EFI/Linux/
//! loader/loader.conf                     loader/entries/nixos-generation-1.conf …
//!                                        loader/entries.srel
//! ```
//!
//! Governing documents: Boot Loader Specification (UAPI.1), section "The partitions"; bootctl(1).
//! Left out on purpose: `loader/random-seed`, which no two machines may share, and the machine id in
//! entries. Secrets are not appended to initrds: that takes the machine's own files, and its builder
//! does it at the next switch.

use uefi::Architecture;
use uefi::loader::{ConsoleMode, ENTRIES_SREL, LoaderConf, Timeout};

use super::entry::{self, Convention, EntryError, EntryFile, EntryFiles, Variant};
use super::files::{BootFileError, BootFiles, FOLDER, Found, initrd_with_secrets_name};
use super::retain::{Root, Roots};
use super::{Bootspec, Generation};
use crate::error::IoError;
use crate::store::source::SourceError;
use crate::store::{Source, StorePath};
use crate::timestamp::Timestamp;
use crate::tree::{Content, Kind, Metadata, Node, Tree, TreeError};

/// Bytes within which a PE image has its header.
const PE_HEAD: u64 = 4096;

/// Where entries, kernels and initrds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On the ESP with everything else.
    Esp,
    /// On a partition of their own (`boot.loader.systemd-boot.xbootldrMountPoint`).
    Xbootldr,
}

/// How the boot partitions are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspOptions {
    /// How entries are named.
    pub convention: Convention,
    /// Where entries and kernels go.
    pub placement: Placement,
    /// The day that entries show as "built on", and the time of every file.
    pub time: Timestamp,
    /// How long the menu waits.
    pub timeout: Timeout,
    /// The menu's text mode.
    pub console_mode: ConsoleMode,
    /// `Some(false)`: the command line cannot be edited in the menu.
    pub editor: Option<bool>,
}

impl EspOptions {
    /// What NixOS does unless told otherwise: numbered entries on the ESP, five seconds.
    pub const fn nixos(time: Timestamp) -> Self {
        Self {
            convention: Convention::Numbered,
            placement: Placement::Esp,
            time,
            timeout: Timeout::Seconds(5),
            console_mode: ConsoleMode::Keep,
            editor: None,
        }
    }
}

/// What goes onto the boot partitions.
#[derive(Clone, Debug)]
pub struct BootTrees {
    /// The EFI system partition.
    pub esp: Tree,
    /// The extended boot loader partition, with [`Placement::Xbootldr`].
    pub xbootldr: Option<Tree>,
    /// Who needs which file of the boot partition.
    pub roots: Roots,
    /// The entry that is started, without a boot counter.
    pub default_entry: String,
}

/// Why the boot partitions cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EspError {
    /// There is nothing to boot.
    #[error("there is no generation to boot")]
    NoGeneration,
    /// The system names no systemd, whose boot loader would be used.
    #[error("`{0}` has no link `systemd`, so there is no boot loader to install")]
    NoSystemd(StorePath),
    /// Its systemd has no boot loader for the machine.
    #[error(
        "`{systemd}` has no boot loader for {architecture}: `{file}` is missing{found}; build systemd with its boot loader (`withBootloader`)"
    )]
    NoBootLoader {
        /// The systemd.
        systemd: String,
        /// What is needed.
        file: String,
        /// The machine.
        architecture: Architecture,
        /// What is there instead, as part of the sentence.
        found: String,
    },
    /// A program is for another machine.
    #[error("`{file}` is for {found}, but `{system}` is a system for {expected}")]
    Architecture {
        /// The program.
        file: String,
        /// The machine it is for.
        found: String,
        /// The system.
        system: StorePath,
        /// The system's machine.
        expected: Architecture,
    },
    /// Firmware cannot start it.
    #[error("`{file}` is not an EFI program; the kernel of `{system}` must be built with EFI_STUB")]
    NotEfi {
        /// The program.
        file: String,
        /// The system.
        system: StorePath,
    },
    /// The system counts on files that only its own builder can make.
    #[error("`{system}` has extra initrds on the boot partition (`{path}`), which is not supported yet")]
    ExtraInitrd {
        /// The system.
        system: String,
        /// The first of them.
        path: String,
    },
    /// A kernel, initrd or device tree could not be had.
    #[error(transparent)]
    File(#[from] BootFileError),
    /// An entry could not be made.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The store could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Two files want one name.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// The boot partitions for `generations`, the last of which is started by default and brings the boot
/// loader.
///
/// Everything is found and checked here; contents are read when the trees are written.
pub fn boot_trees(
    source: &Source,
    generations: &[Generation],
    options: &EspOptions,
) -> Result<BootTrees, EspError> {
    let newest = generations.last().ok_or(EspError::NoGeneration)?;
    let loader = boot_loader(source, newest)?;
    let mut boot = BootPartition { source, options, files: BootFiles::default(), roots: Roots::default() };
    let mut entries = Vec::new();
    let mut default_entry = String::new();
    for generation in generations {
        for (specialisation, bootspec) in generation.variants() {
            let variant = Variant { generation, specialisation: specialisation.as_deref(), bootspec };
            let entry = boot.add(variant)?;
            if specialisation.is_none() {
                default_entry = entry.name.id();
            }
            entries.push(entry);
        }
    }
    let mut esp = Filler::new(options.time);
    esp.file(&format!("EFI/BOOT/{}", newest.architecture.removable_media_file()), loader.content())?;
    let own_name = format!("EFI/systemd/systemd-boot{}.efi", newest.architecture.efi_suffix());
    esp.file(&own_name, loader.content())?;
    esp.text("loader/loader.conf", &loader_conf(options, &default_entry).render())?;
    let BootPartition { files, roots, .. } = boot;
    let xbootldr = match options.placement {
        Placement::Esp => {
            fill_boot_partition(&mut esp, &files, &entries)?;
            None
        }
        Placement::Xbootldr => {
            let mut partition = Filler::new(options.time);
            fill_boot_partition(&mut partition, &files, &entries)?;
            Some(partition.tree)
        }
    };
    Ok(BootTrees { esp: esp.tree, xbootldr, roots, default_entry })
}

fn fill_boot_partition(
    partition: &mut Filler,
    files: &BootFiles,
    entries: &[EntryFile],
) -> Result<(), TreeError> {
    partition.tree.make_directories("EFI/Linux", &partition.folder)?;
    for (name, file) in files.iter() {
        partition.file(&format!("{FOLDER}/{name}"), file.content())?;
    }
    for entry in entries {
        partition.text(&format!("loader/entries/{}", entry.name), &entry.text)?;
    }
    partition.text("loader/entries.srel", ENTRIES_SREL)
}

/// `loader.conf` with the entry `default_entry` started.
fn loader_conf(options: &EspOptions, default_entry: &str) -> LoaderConf {
    let (preferred, default) = match options.convention {
        // An entry that turned bad gives way to any other (`preferred`: systemd 260 and later).
        Convention::Hashed { tries: Some(_) } => (Some(default_entry.to_owned()), "nixos-*".to_owned()),
        Convention::Hashed { tries: None } | Convention::Numbered => (None, default_entry.to_owned()),
    };
    LoaderConf {
        timeout: Some(options.timeout),
        preferred,
        default: Some(default),
        editor: options.editor,
        reboot_for_bitlocker: None,
        console_mode: Some(options.console_mode),
        others: Vec::new(),
    }
}

/// The boot loader of the generation's own systemd.
pub(super) fn boot_loader(source: &Source, generation: &Generation) -> Result<Found, EspError> {
    const FOLDER: &str = "lib/systemd/boot/efi";
    let link = format!("{}/systemd", generation.toplevel);
    let systemd = match source.resolve(link.as_ref()) {
        Err(SourceError::NotFound { .. }) => return Err(EspError::NoSystemd(generation.toplevel.clone())),
        systemd => systemd?.to_string_lossy().into_owned(),
    };
    let file = |architecture: Architecture| format!("{FOLDER}/systemd-boot{}.efi", architecture.efi_suffix());
    let exists = |architecture| source.resolve(format!("{systemd}/{}", file(architecture)).as_ref()).is_ok();
    let architecture = generation.architecture;
    if !exists(architecture) {
        let other = Architecture::ALL.into_iter().find(|other| *other != architecture && exists(*other));
        let found = other.map(|other| format!(" (there is one for {other})")).unwrap_or_default();
        return Err(EspError::NoBootLoader { systemd, file: file(architecture), architecture, found });
    }
    let path = format!("{systemd}/{}", file(architecture));
    let found = Found::find(source, &path, &generation.toplevel.to_string())?;
    check_program(&found, &path, generation)?;
    Ok(found)
}

/// Refuses what the generation's machine could not start.
pub(super) fn check_program(found: &Found, path: &str, generation: &Generation) -> Result<(), EspError> {
    let (file, system) = (path.to_owned(), generation.toplevel.clone());
    let Some(machine) = uefi::pe_machine(&found.head(PE_HEAD)?) else {
        return Err(EspError::NotEfi { file, system });
    };
    let expected = generation.architecture;
    if machine == expected.pe_machine() {
        return Ok(());
    }
    let found = Architecture::from_pe_machine(machine);
    let found = found.map_or_else(|| format!("machine {machine:#06x}"), |other| other.to_string());
    Err(EspError::Architecture { file, found, system, expected })
}

/// The partition with kernels and entries, while it is collected.
struct BootPartition<'a> {
    source: &'a Source,
    options: &'a EspOptions,
    files: BootFiles,
    roots: Roots,
}

impl BootPartition<'_> {
    /// Collects the files of `variant` and makes its entry.
    fn add(&mut self, variant: Variant<'_>) -> Result<EntryFile, EspError> {
        let files = self.entry_files(variant)?;
        let entry = entry::render(self.options.convention, variant, &files, self.options.time)?;
        let needed =
            [Some(&files.linux), files.devicetree.as_ref()].into_iter().flatten().chain(&files.initrds);
        for path in needed {
            self.roots.register(path.trim_start_matches('/'), root(variant));
        }
        self.roots.register(&format!("loader/entries/{}", entry.name), root(variant));
        Ok(entry)
    }

    fn entry_files(&mut self, variant: Variant<'_>) -> Result<EntryFiles, EspError> {
        let Bootspec { boot, .. } = variant.bootspec;
        if let (Convention::Hashed { .. }, Some(path)) =
            (self.options.convention, variant.bootspec.extra_initrds().first())
        {
            return Err(EspError::ExtraInitrd { system: boot.toplevel.clone(), path: (*path).to_owned() });
        }
        let kernel = Found::find(self.source, &boot.kernel, &boot.toplevel)?;
        check_program(&kernel, &boot.kernel, variant.generation)?;
        let linux = self.place(kernel.name.clone(), kernel)?;
        let mut initrds = Vec::new();
        if let Some(path) = &boot.initrd {
            let initrd = Found::find(self.source, path, &boot.toplevel)?;
            let name = self.initrd_name(&initrd, boot.initrd_secrets.as_deref(), &boot.toplevel)?;
            initrds.push(self.place(name, initrd)?);
        }
        let blob = variant.bootspec.devicetree();
        let blob = blob.map(|path| Found::find(self.source, path, &boot.toplevel)).transpose()?;
        let devicetree = blob.map(|blob| self.place(blob.name.clone(), blob)).transpose()?;
        Ok(EntryFiles { linux, initrds, devicetree })
    }

    /// The name of an initrd: by NixOS's rule, or the one that its completed copy will have.
    fn initrd_name(&self, initrd: &Found, secrets: Option<&str>, toplevel: &str) -> Result<String, EspError> {
        match (self.options.convention, secrets) {
            (Convention::Hashed { .. }, Some(secrets)) => {
                let secrets = Found::find(self.source, secrets, toplevel)?;
                Ok(initrd_with_secrets_name(initrd, &secrets))
            }
            (Convention::Hashed { .. } | Convention::Numbered, _) => Ok(initrd.name.clone()),
        }
    }

    /// The absolute path of `file` on the partition, put there as `name` unless its content is there.
    fn place(&mut self, name: String, file: Found) -> Result<String, EspError> {
        Ok(format!("/{FOLDER}/{}", self.files.place(name, file)?))
    }
}

fn root(variant: Variant<'_>) -> Root {
    Root {
        profile: variant.generation.profile.clone(),
        generation: variant.generation.number.get(),
        specialisation: variant.specialisation.map(str::to_owned),
    }
}

/// A tree whose files and folders have one time, the only metadata that FAT keeps.
pub(super) struct Filler {
    /// What is there so far.
    pub(super) tree: Tree,
    folder: Metadata,
}

impl Filler {
    pub(super) fn new(time: Timestamp) -> Self {
        let folder = Metadata { modified: time, ..Metadata::root(0o755) };
        Self { tree: Tree::new(folder.clone()), folder }
    }

    pub(super) fn file(&mut self, path: &str, content: Content) -> Result<(), TreeError> {
        let metadata = Metadata { permissions: 0o644, ..self.folder.clone() };
        self.tree.insert(path, Node { metadata, kind: Kind::File(content) }, &self.folder).map(drop)
    }

    pub(super) fn text(&mut self, path: &str, text: &str) -> Result<(), TreeError> {
        self.file(path, Content::from(text.as_bytes().to_vec()))
    }
}

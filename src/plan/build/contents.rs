//! File systems, swap, containers and members.

use super::super::content::{
    Assembly, AssemblyKind, Content, Filesystem, FilesystemId, Luks, LuksKey, Member, MountPoint, Subvolume,
    Swap, SwapFile,
};
use super::super::mount::SwapUse;
use super::super::step::Action;
use super::{Builder, Leaf, MemberDevice, Place, formats, mount_point};
use crate::layout::model::btrfs::{Btrfs, SwapFile as SwapFileOptions};
use crate::layout::model::content::ContentRef;
use crate::layout::model::filesystem::Filesystem as FilesystemOptions;
use crate::layout::model::luks::Luks as LuksOptions;
use crate::layout::model::swap::Swap as SwapOptions;
use crate::layout::syntax::source::Span;
use crate::units::ByteSize;

/// What lies in front of the data of a LUKS2 container as cryptsetup makes it (LUKS2 on-disk format, section 2: the data
/// segment's default offset).
const LUKS2_HEADER: ByteSize = ByteSize::mib(16);

/// The same of a LUKS1 container.
const LUKS1_HEADER: ByteSize = ByteSize::mib(2);

impl Builder<'_> {
    /// Plans what lies at `place`; `None` for a table that cannot be (which is then a problem already told).
    pub(super) fn content(&mut self, content: ContentRef<'_>, place: &Place) -> Option<Content> {
        let device = |set: &String| place.device.clone().unwrap_or_else(|| set.clone());
        Some(match content {
            ContentRef::Gpt(set) => Content::Table(self.gpt(set, place)?),
            ContentRef::Table(set) => Content::Table(self.legacy(set, place)?),
            ContentRef::Filesystem(set) => {
                Content::Filesystem(Box::new(self.filesystem(set, device(&set.device), place)))
            }
            ContentRef::Btrfs(set) => {
                Content::Filesystem(Box::new(self.btrfs(set, device(&set.device), place)))
            }
            ContentRef::Swap(set) => Content::Swap(self.swap(set, device(&set.device), place)),
            ContentRef::Luks(set) => Content::Luks(Box::new(self.luks(set, device(&set.device), place))),
            ContentRef::LvmPv(set) => {
                self.member(AssemblyKind::VolumeGroup, &set.vg, device(&set.device), place)
            }
            ContentRef::MdMember(set) => {
                self.member(AssemblyKind::Array, &set.name, device(&set.device), place)
            }
            ContentRef::Zfs(set) => self.member(AssemblyKind::Pool, &set.pool, device(&set.device), place),
            ContentRef::Bcachefs(set) => {
                self.member(AssemblyKind::Bcachefs, &set.filesystem, device(&set.device), place)
            }
        })
    }

    fn member(&mut self, kind: AssemblyKind, name: &str, device: String, place: &Place) -> Content {
        let of = Assembly { kind, name: name.to_owned() };
        let index = self.members_of(&of).len();
        let uuid = self.request.seed.uuid(&format!("{}/member", place.label));
        self.members.push(MemberDevice {
            of: of.clone(),
            device: device.clone(),
            size: place.size,
            sector: place.sector,
        });
        Content::Member(Member { of, index, device, uuid, size: place.size })
    }

    fn identity(&self, format: &str, arguments: &[String], place: &Place) -> FilesystemId {
        let label = format!("{}/{format}", place.label);
        formats::id(format, arguments).unwrap_or_else(|| {
            if formats::has_serial(format) {
                FilesystemId::Serial(self.request.seed.serial(&label))
            } else {
                FilesystemId::Uuid(self.request.seed.uuid(&label))
            }
        })
    }

    fn filesystem(&mut self, set: &FilesystemOptions, device: String, place: &Place) -> Filesystem {
        let format = set.format.as_str();
        let mount = set.mountpoint.as_ref().map(|path| mount_point(path.as_str(), &set.mount_options));
        let path = mount.as_ref().map(|mount| mount.path.as_str());
        let needed = self.request.contents.needed(path.or(Some(device.as_str())));
        self.leaf(format, path, &device, (place.size, needed), set.places.whole());
        self.step(Action::Format, &device, format!("make {format} on {device}"), true);
        self.mount(mount.as_ref(), &device, format);
        Filesystem {
            format: format.to_owned(),
            id: self.identity(format, &set.extra_args, place),
            label: formats::label(format, &set.extra_args),
            size: place.size,
            needed,
            mount,
            subvolumes: Vec::new(),
            swap_files: Vec::new(),
            extra_args: set.extra_args.clone(),
            maker: formats::maker(format),
            device,
        }
    }

    fn btrfs(&mut self, set: &Btrfs, device: String, place: &Place) -> Filesystem {
        let mount = set.mountpoint.as_ref().map(|path| mount_point(path.as_str(), &set.mount_options));
        let subvolumes: Vec<Subvolume> = set
            .subvolumes
            .values()
            .map(|subvolume| Subvolume {
                name: subvolume.name.clone(),
                mount: subvolume.mountpoint.as_ref().map(|path| {
                    let mut mount = mount_point(path.as_str(), &subvolume.mount_options);
                    mount.options.push(format!("subvol={}", subvolume.name));
                    mount
                }),
                swap_files: swap_files(&subvolume.swap),
                extra_args: subvolume.extra_args.clone(),
            })
            .collect();
        let all = || mount.iter().chain(subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref()));
        let swap_files = swap_files(&set.swap);
        let files = swap_files.iter().chain(subvolumes.iter().flat_map(|subvolume| &subvolume.swap_files));
        let swapped: u64 = files.map(|file| file.size.bytes()).sum();
        let needed =
            self.request.contents.needed(all().map(|mount| mount.path.as_str()).chain([device.as_str()]));
        // What was measured has its swap files in it.
        let needed = match (needed, swapped) {
            (None, 0) => None,
            (None, swapped) => Some(ByteSize(formats::minimum("btrfs").bytes() + swapped)),
            (needed, _) => needed,
        };
        let path = all().map(|mount| mount.path.as_str()).min();
        self.leaf("btrfs", path, &device, (place.size, needed), set.places.whole());
        self.step(Action::Format, &device, format!("make btrfs on {device}"), true);
        for subvolume in &subvolumes {
            let what = format!("make subvolume {} in {device}", subvolume.name);
            self.step(Action::Create, &device, what, false);
        }
        for mount in all() {
            self.mount(Some(mount), &device, "btrfs");
        }
        self.swap_file_uses(mount.as_ref(), &swap_files);
        for subvolume in &subvolumes {
            self.swap_file_uses(subvolume.mount.as_ref(), &subvolume.swap_files);
        }
        Filesystem {
            format: "btrfs".to_owned(),
            id: self.identity("btrfs", &set.extra_args, place),
            label: formats::label("btrfs", &set.extra_args),
            size: place.size,
            needed,
            mount,
            subvolumes,
            swap_files,
            extra_args: set.extra_args.clone(),
            maker: formats::maker("btrfs"),
            device,
        }
    }

    fn swap_file_uses(&mut self, mount: Option<&MountPoint>, files: &[SwapFile]) {
        // A file that is mounted nowhere has no path in the running system.
        let Some(mount) = mount else { return };
        self.swaps.extend(files.iter().map(|file| SwapUse {
            device: format!("{}/{}", mount.path.trim_end_matches('/'), file.path),
            priority: file.priority,
            discard: None,
            options: file.options.clone(),
            random_encryption: false,
            resume: false,
            file: true,
        }));
    }

    fn swap(&mut self, set: &SwapOptions, device: String, place: &Place) -> Swap {
        self.leaf("swap", None, &device, (place.size, None), set.places.whole());
        self.step(Action::Format, &device, format!("make swap on {device}"), true);
        let uuid = match self.identity("swap", &set.extra_args, place) {
            FilesystemId::Uuid(uuid) => uuid,
            FilesystemId::Serial(_) => self.request.seed.uuid(&place.label),
        };
        let discard = set.discard_policy.map(|policy| policy.word().to_owned());
        self.swaps.push(SwapUse {
            device: device.clone(),
            priority: set.priority,
            discard: discard.clone(),
            options: set.mount_options.clone(),
            random_encryption: set.random_encryption,
            resume: set.resume_device,
            file: false,
        });
        Swap {
            device,
            uuid,
            label: formats::label("swap", &set.extra_args),
            size: place.size,
            priority: set.priority,
            discard,
            options: set.mount_options.clone(),
            random_encryption: set.random_encryption,
            resume: set.resume_device,
        }
    }

    fn luks(&mut self, set: &LuksOptions, device: String, place: &Place) -> Luks {
        let header = luks_header(&set.extra_format_args);
        let payload = place.size.checked_sub(header).unwrap_or(ByteSize::ZERO);
        self.step(Action::Encrypt, &device, format!("encrypt {device} as {}", set.name), true);
        // Opened and otherwise blank, it may be one of several devices of a file system.
        let opened = format!("/dev/mapper/{}", set.name);
        let blank = Some(opened.as_str()).filter(|_| set.content.is_none());
        let needed = self.request.contents.needed(blank);
        let spare = self.request.contents.spare(blank);
        self.leaves.push(Leaf {
            what: format!("the LUKS container {}", set.name),
            device: device.clone(),
            size: place.size,
            needed: ByteSize(header.bytes() + needed.unwrap_or(ByteSize(place.sector.bytes())).bytes()),
            spare: spare.unwrap_or(ByteSize::ZERO),
            span: set.places.whole(),
        });
        let inner = place.below("luks", payload);
        let content =
            set.content.as_ref().and_then(|content| self.content(ContentRef::from(content), &inner));
        let key_file = set.settings.get("keyFile").and_then(|file| file.as_str());
        let key = match (key_file, set.ask_password, &set.password_file, &set.key_file) {
            (Some(file), ..) => LuksKey::KeyFile(file.to_owned()),
            (None, true, ..) => LuksKey::Asked,
            (None, false, Some(file), _) => LuksKey::PasswordFile(file.to_string()),
            (None, false, None, Some(file)) => LuksKey::KeyFile(file.to_string()),
            (None, false, None, None) => LuksKey::Asked,
        };
        Luks {
            name: set.name.clone(),
            uuid: self.request.seed.uuid(&format!("{}/luks", place.label)),
            size: place.size,
            header,
            key,
            additional_key_files: set.additional_key_files.iter().map(ToString::to_string).collect(),
            settings: set.settings.clone(),
            initrd_unlock: set.initrd_unlock,
            extra_format_args: set.extra_format_args.clone(),
            extra_open_args: set.extra_open_args.clone(),
            content: content.map(Box::new),
            device,
        }
    }

    /// Notes that something needs room: `sizes` are the bytes that there are, and those that its contents need.
    pub(super) fn leaf(
        &mut self,
        format: &str,
        path: Option<&str>,
        device: &str,
        sizes: (ByteSize, Option<ByteSize>),
        span: Span,
    ) {
        let what = match path {
            Some(path @ ("/boot" | "/efi" | "/boot/efi")) if formats::has_serial(format) => {
                format!("the boot partition ({format} at {path})")
            }
            Some(path) => format!("{format} at {path}"),
            None => format.to_owned(),
        };
        let (size, needed) = sizes;
        let needed = needed.unwrap_or(ByteSize::ZERO).max(formats::minimum(format));
        let spare =
            self.request.contents.spare(path.into_iter().chain([device])).unwrap_or(self.request.free);
        self.leaves.push(Leaf { what, device: device.to_owned(), size, needed, spare, span });
    }
}

fn swap_files(files: &std::collections::BTreeMap<String, SwapFileOptions>) -> Vec<SwapFile> {
    files
        .values()
        .map(|file| SwapFile {
            path: file.path.clone(),
            size: file.size.as_str().parse().unwrap_or(ByteSize::ZERO),
            priority: file.priority,
            options: file.options.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

/// Bytes in front of a container's data: the version's default, or what `--offset` (in 512-byte sectors) says.
fn luks_header(arguments: &[String]) -> ByteSize {
    let words: Vec<&str> = arguments.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let value = |flag: &str| {
        words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(flag)? {
            "" => words.get(index + 1).copied(),
            rest => rest.strip_prefix('='),
        })
    };
    if let Some(sectors) = value("--offset").and_then(|text| text.parse::<u64>().ok()) {
        return ByteSize(sectors.saturating_mul(512));
    }
    if value("--header").is_some() {
        return ByteSize::ZERO;
    }
    if value("--type") == Some("luks1") { LUKS1_HEADER } else { LUKS2_HEADER }
}

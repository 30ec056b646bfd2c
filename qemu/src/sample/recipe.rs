//! What a sample system consists of: packages, links between them, and what its initrd holds.

use crate::Architecture;

/// What the system calls itself.
pub(super) const DISTRIBUTION: &str = "Landfall Sample";

/// The name of the one specialisation.
pub(super) const SPECIALISATION: &str = "lab";

/// The program that says on the console that the system is up.
pub(super) const REPORT: &str = include_str!("files/report.sh");

/// Packages that are asked for by name; apt adds what they depend on. Together about a gigabyte: enough
/// for sizes and times to mean something, with thousands of small files, a few large ones, long names and
/// some that are not ASCII.
const PACKAGES: &[&str] = &[
    // The base: PID 1, devices, messages, accounts, console.
    "base-files",
    "base-passwd",
    "bash",
    "busybox-static",
    "coreutils",
    "dash",
    "dbus",
    "debianutils",
    "diffutils",
    "findutils",
    "gawk",
    "grep",
    "hostname",
    "kmod",
    "less",
    "libc-bin",
    "libnss-systemd",
    "libpam-modules",
    "libpam-modules-bin",
    "libpam-runtime",
    "libpam-systemd",
    "locales",
    "login",
    "login.defs",
    "mount",
    "ncurses-base",
    "ncurses-bin",
    "ncurses-term",
    "passwd",
    "procps",
    "psmisc",
    "sed",
    "sudo",
    "systemd",
    "systemd-boot-efi",
    "systemd-boot-tools",
    "systemd-sysv",
    "tzdata",
    "udev",
    "util-linux",
    "util-linux-extra",
    "zlib1g",
    // Disks and file systems.
    "btrfs-progs",
    "cryptsetup-bin",
    "dmsetup",
    "dosfstools",
    "e2fsprogs",
    "efibootmgr",
    "efivar",
    "eject",
    "erofs-utils",
    "fdisk",
    "gdisk",
    "hdparm",
    "lvm2",
    "mdadm",
    "mokutil",
    "mtools",
    "nvme-cli",
    "parted",
    "sbsigntool",
    "smartmontools",
    "squashfs-tools",
    "tpm2-tools",
    "xfsprogs",
    // Hardware and firmware that is free.
    "ethtool",
    "firmware-linux-free",
    "pciutils",
    "usbutils",
    "wireless-regdb",
    // The network.
    "ca-certificates",
    "curl",
    "iproute2",
    "iptables",
    "iputils-ping",
    "iputils-tracepath",
    "nftables",
    "openssh-client",
    "openssh-server",
    "openssl",
    "rsync",
    "wget",
    // Nix, and what its users have around.
    "bc",
    "bzip2",
    "cpio",
    "file",
    "git",
    "gzip",
    "htop",
    "jq",
    "lsof",
    "man-db",
    "manpages",
    "nix-bin",
    "strace",
    "tar",
    "tmux",
    "tree",
    "vim",
    "xz-utils",
    "zstd",
    // Bulk that is real: interpreters and compilers.
    "g++",
    "gcc",
    "gdb",
    "make",
    "perl",
    "python3",
    "qemu-utils",
];

/// Links that Debian's packages make when they are installed: name, and what it leads to.
pub(super) const ALTERNATIVES: &[(&str, &str)] = &[
    ("bin/awk", "bin/gawk"),
    ("bin/c++", "bin/g++"),
    ("bin/cc", "bin/gcc"),
    ("bin/editor", "bin/vim.basic"),
    ("bin/pager", "bin/less"),
    ("bin/vi", "bin/vim.basic"),
    ("bin/vim", "bin/vim.basic"),
    ("sbin/ip6tables", "sbin/ip6tables-nft"),
    ("sbin/iptables", "sbin/iptables-nft"),
    ("sbin/iptables-save", "sbin/iptables-nft-save"),
];

/// The packages to ask for on a machine type.
pub(super) fn packages(arch: Architecture) -> Vec<&'static str> {
    let kernel = match arch {
        Architecture::X86_64 => "linux-image-amd64",
        Architecture::Aarch64 => "linux-image-arm64",
    };
    PACKAGES.iter().copied().chain([kernel]).collect()
}

/// Programs of the initrd, as locations in their packages.
pub(super) const INITRD_PROGRAMS: &[&str] = &[
    "bin/btrfs",
    "bin/kmod",
    "bin/udevadm",
    "lib/systemd/systemd-udevd",
    "lib/udev/ata_id",
    "lib/udev/scsi_id",
    "sbin/blkid",
    "sbin/cryptsetup",
    "sbin/dmsetup",
    "sbin/findfs",
    "sbin/lvm",
    "sbin/mdadm",
    "sbin/modprobe",
];

/// Libraries of the initrd that a program opens while it runs, so that none names them.
pub(super) const INITRD_LIBRARIES: &[&str] = &["libgcc_s.so.1", "libkmod.so.2", "libblkid.so.1"];

/// Device rules of the initrd.
pub(super) const INITRD_RULES: &[&str] = &[
    "01-md-raid-creating.rules",
    "50-udev-default.rules",
    "55-dm.rules",
    "56-lvm.rules",
    "60-block.rules",
    "60-persistent-storage-dm.rules",
    "60-persistent-storage.rules",
    "63-md-raid-arrays.rules",
    "64-btrfs.rules",
    "64-md-raid-assembly.rules",
    "80-drivers.rules",
    "95-dm-notify.rules",
];

/// Busybox programs that the initrd's script and the device rules name.
pub(super) const INITRD_APPLETS: &[&str] = &[
    "cat",
    "cttyhack",
    "cut",
    "dmesg",
    "echo",
    "find",
    "grep",
    "head",
    "less",
    "ln",
    "ls",
    "mkdir",
    "mknod",
    "mount",
    "mv",
    "ps",
    "readlink",
    "reboot",
    "rm",
    "sed",
    "setsid",
    "sh",
    "sleep",
    "sort",
    "switch_root",
    "tr",
    "umount",
    "uname",
    "vi",
];

/// Modules of the initrd: all below these directories, and all that those need. Storage that machines
/// boot from, the file systems, and what opens and joins devices.
const INITRD_MODULES: &[&str] = &[
    "arch/",
    "crypto/",
    "drivers/ata/ahci",
    "drivers/ata/ata_",
    "drivers/ata/libahci",
    "drivers/ata/pata_",
    "drivers/block/",
    "drivers/hv/",
    "drivers/md/",
    "drivers/mmc/",
    "drivers/nvme/host/",
    "drivers/pci/",
    "drivers/scsi/hv_storvsc",
    "drivers/scsi/sd_mod",
    "drivers/scsi/sr_mod",
    "drivers/scsi/virtio_scsi",
    "drivers/scsi/vmw_pvscsi",
    "drivers/usb/host/",
    "drivers/usb/storage/",
    "drivers/virtio/",
    "fs/btrfs/",
    "fs/erofs/",
    "fs/ext4/",
    "fs/fat/",
    "fs/isofs/",
    "fs/nls/",
    "fs/overlayfs/",
    "fs/squashfs/",
    "fs/xfs/",
    "lib/",
];

/// What lies in those directories and is of no use before the root is there: virtual machines, network
/// block devices and what they pull in, tests, counters.
const NO_INITRD_MODULES: &[&str] = &[
    "arch/arm64/kvm/",
    "arch/x86/events/",
    "arch/x86/kvm/",
    "crypto/tcrypt",
    "drivers/acpi/",
    "drivers/block/aoe/",
    "drivers/block/drbd/",
    "drivers/block/floppy",
    "drivers/block/null_blk/",
    "drivers/block/rbd",
    "drivers/md/bcache/",
    "drivers/md/dm-vdo/",
    "drivers/md/md-cluster",
    "drivers/nvme/host/nvme-fabrics",
    "drivers/nvme/host/nvme-fc",
    "drivers/nvme/host/nvme-rdma",
    "drivers/nvme/host/nvme-tcp",
    "lib/test",
];

/// Whether a module belongs in the initrd; `path` begins with `kernel/`.
pub(super) fn in_initrd(path: &str) -> bool {
    let below = path.strip_prefix("kernel/").unwrap_or(path);
    let among = |list: &[&str]| list.iter().any(|prefix| below.starts_with(prefix));
    among(INITRD_MODULES) && !among(NO_INITRD_MODULES)
}

/// What the kernel is told, apart from `init=`; the last console is `/dev/console`. The root is found by
/// the store path of `init=`, so that one closure boots from any layout.
pub(super) fn kernel_parameters(arch: Architecture) -> Vec<String> {
    let serial = format!("console={},115200", arch.serial_device());
    let mut parameters = ["console=tty0", &serial, "loglevel=4", "panic=10"].map(str::to_owned).to_vec();
    if arch == Architecture::X86_64 {
        // The kernel tests the timer for ten ticks and panics when QEMU, on a busy host, is too late.
        parameters.push("no_timer_check".to_owned());
    }
    parameters
}

/// A text that changes with the recipe.
pub(super) fn fingerprint(arch: Architecture) -> String {
    let parameters = kernel_parameters(arch);
    let initrd =
        (INITRD_PROGRAMS, INITRD_LIBRARIES, INITRD_RULES, INITRD_APPLETS, INITRD_MODULES, NO_INITRD_MODULES);
    format!("{:?}", (DISTRIBUTION, SPECIALISATION, REPORT, ALTERNATIVES, parameters, initrd))
}

//! `/etc` of the sample system: what the packages bring, and what makes a machine of them.

use std::fmt::Write as _;
use std::path::Path;

use super::package::Packages;
use super::store::Store;
use super::union::Union;
use super::{SampleError, files, recipe};

/// Files with their content. Debian's packages make some of these when they are installed; the rest is
/// the machine's own: root at every console without a password, the network by DHCP, SSH on demand.
const FILES: &[(&str, &str)] = &[
    ("bash.bashrc", include_str!("files/etc/profile")),
    ("hostname", "landfall-sample\n"),
    ("hosts", "127.0.0.1 localhost landfall-sample\n::1 localhost\n"),
    // Escape sequences in a transcript help nobody.
    ("inputrc", "set enable-bracketed-paste off\n"),
    ("locale.conf", "LANG=C.UTF-8\n"),
    ("mdadm/mdadm.conf", "HOMEHOST <ignore>\n"),
    ("nix/nix.conf", "build-users-group =\nsandbox = false\nexperimental-features = nix-command flakes\n"),
    (
        "nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    ),
    ("pam.d/common-account", "account required pam_unix.so\n"),
    ("pam.d/common-auth", "auth required pam_unix.so nullok\n"),
    ("pam.d/common-password", "password required pam_unix.so yescrypt\n"),
    // Without logind's sessions: the user manager that they start takes longer than all of the rest.
    ("pam.d/common-session", "session required pam_unix.so\n"),
    ("pam.d/common-session-noninteractive", "session required pam_unix.so\n"),
    ("profile", include_str!("files/etc/profile")),
    ("shells", "/bin/sh\n/bin/bash\n"),
    ("ssh/sshd_config", include_str!("files/etc/sshd_config")),
    (
        "systemd/network/80-dhcp.network",
        "[Match]\nType=ether\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nDHCP=yes\n",
    ),
    (
        "systemd/system/getty@.service.d/autologin.conf",
        "[Service]\nExecStart=\nExecStart=-/usr/sbin/agetty --autologin root --noclear %I $TERM\n",
    ),
    ("systemd/system/serial-getty@.service", include_str!("files/etc/serial-getty@.service")),
    ("systemd/system/ssh-host-key.service", include_str!("files/etc/ssh-host-key.service")),
    (
        "systemd/system/ssh.service.d/host-key.conf",
        "[Unit]\nRequires=ssh-host-key.service\nAfter=ssh-host-key.service\n",
    ),
    ("systemd/system/landfall-report.service", include_str!("files/report.service")),
    // An emulated machine on a busy host is slow, not stuck.
    (
        "systemd/system.conf.d/slow.conf",
        "[Manager]\nDefaultTimeoutStartSec=10min\nDefaultDeviceTimeoutSec=10min\n",
    ),
];

/// Links: units that are started, and the target that is reached.
const LINKS: &[(&str, &str)] = &[
    ("localtime", "/usr/share/zoneinfo/Etc/UTC"),
    ("systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target"),
    // Every library is in the linker's own path; the cache takes minutes on an emulated machine.
    ("systemd/system/ldconfig.service", "/dev/null"),
    ("systemd/system/getty.target.wants/getty@tty1.service", "/usr/lib/systemd/system/getty@.service"),
    ("systemd/system/multi-user.target.wants/landfall-report.service", "../landfall-report.service"),
    (
        "systemd/system/multi-user.target.wants/systemd-networkd.service",
        "/usr/lib/systemd/system/systemd-networkd.service",
    ),
    ("systemd/system/sockets.target.wants/ssh.socket", "/usr/lib/systemd/system/ssh.socket"),
];

/// What packages have in `/etc` for other init systems and for their own installation.
const LEFT_OUT: &[&str] = &[
    "adduser.conf",
    "alternatives",
    "apt",
    "cron.d",
    "cron.daily",
    "cron.weekly",
    "dpkg",
    "init.d",
    "initramfs-tools",
    "kernel",
    "logcheck",
    "network",
    "sv",
    "ufw",
];

/// Where the certificates of public authorities lie in their package.
const CERTIFICATES: &str = "share/ca-certificates/mozilla/";

/// A text that changes with what is made here.
pub(super) fn fingerprint() -> String {
    format!("{:?}", (FILES, LINKS, LEFT_OUT, CERTIFICATES))
}

/// Makes the store path whose directory `etc` is `/etc`; of a specialisation, with a file that names it.
pub(super) fn build(
    store: &mut Store,
    packages: &Packages,
    version: &str,
    specialisation: Option<&str>,
) -> Result<String, SampleError> {
    let own = store.scratch();
    write_own(store, packages, version, &own.join("etc"))?;
    if let Some(name) = specialisation {
        files::write(&own.join("etc/specialisation"), format!("{name}\n"))?;
    }
    let own = store.add("etc-files", &own)?;
    let mut sources = vec![own.as_str()];
    sources.extend(packages.iter().map(|package| package.path.as_str()));
    let united = store.scratch();
    let union = Union { sources, below: "etc", leave_out: LEFT_OUT, keep: &["etc"] };
    union.build(store, &united.join("etc"))?;
    store.add("etc", &united)
}

fn write_own(store: &Store, packages: &Packages, version: &str, etc: &Path) -> Result<(), SampleError> {
    for (name, content) in FILES {
        files::write(&etc.join(name), content)?;
    }
    for (name, target) in LINKS {
        files::link(target, &etc.join(name))?;
    }
    files::write(&etc.join("os-release"), os_release(version))?;
    let mut bundle = Vec::new();
    for location in packages.locations(CERTIFICATES) {
        bundle.extend(files::read(&store.on_host(&packages.file(&location)?))?);
    }
    files::write(&etc.join("ssl/certs/ca-certificates.crt"), bundle)
}

fn os_release(version: &str) -> String {
    let mut text = String::new();
    let name = recipe::DISTRIBUTION;
    for (key, value) in
        [("ID", "landfall-sample"), ("ID_LIKE", "nixos debian"), ("NAME", name), ("VERSION_ID", version)]
    {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key}=\"{value}\"");
    }
    text + &format!("PRETTY_NAME=\"{name} {version}\"\n")
}

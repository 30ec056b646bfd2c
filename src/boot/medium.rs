//! The EFI system partition of an installation medium: a boot loader and one entry, the installer.
//!
//! ```text
//! EFI/BOOT/BOOTX64.EFI      systemd-boot of the system that is installed
//! EFI/landfall/linux.efi    that system's kernel
//! EFI/landfall/initrd       the installer
//! loader/loader.conf        loader/entries/landfall-install.conf
//! ```
//!
//! systemd-boot reads nothing but its own partition, so kernel and initrd must be there.

use uefi::loader::{ConsoleMode, Entry, Key, LoaderConf, Timeout};

use super::Generation;
use super::cmdline::joined;
use super::entry::EntryError;
use super::esp::{EspError, Filler, boot_loader, check_program};
use super::files::Found;
use crate::store::Source;
use crate::timestamp::Timestamp;
use crate::tree::{Content, Tree};

/// Parameters of a system that its installer must not get, as the beginnings of words: where the root is, what
/// runs there, and what makes a kernel that has failed start again and again.
const NOT_FOR_INSTALLER: [&str; 12] = [
    "boot.",
    "init=",
    "landfall.",
    "panic=",
    "rd.",
    "rdinit=",
    "resume",
    "root=",
    "rootdelay=",
    "rootflags=",
    "rootfstype=",
    "systemd.",
];

/// The entry that starts an installer.
#[derive(Clone, Debug)]
pub struct InstallerEntry {
    /// What the menu shows.
    pub title: String,
    /// The initrd.
    pub initrd: Content,
    /// Parameters besides those of the system.
    pub parameters: Vec<String>,
}

/// The EFI system partition of a medium that installs `generation`; every file has the time `time`.
///
/// # Errors
///
/// When the system's boot loader or kernel is missing or for another machine, or the command line too long.
pub fn installer_tree(
    source: &Source,
    generation: &Generation,
    entry: InstallerEntry,
    time: Timestamp,
) -> Result<Tree, EspError> {
    const ENTRY: &str = "landfall-install.conf";
    let boot = &generation.bootspec.boot;
    let kernel = Found::find(source, &boot.kernel, &boot.toplevel)?;
    check_program(&kernel, &boot.kernel, generation)?;
    let parameters: Vec<String> = installer_parameters(&boot.kernel_params)
        .into_iter()
        .map(str::to_owned)
        .chain(entry.parameters)
        .collect();
    let options = joined(&parameters, &boot.toplevel).map_err(EntryError::from)?;
    let mut lines = vec![
        (Key::Title, entry.title),
        (Key::Linux, "/EFI/landfall/linux.efi".to_owned()),
        (Key::Initrd, "/EFI/landfall/initrd".to_owned()),
        (Key::Options, options),
    ];
    let mut esp = Filler::new(time);
    if let Some(blob) = generation.bootspec.devicetree() {
        let blob = Found::find(source, blob, &boot.toplevel)?;
        esp.file("EFI/landfall/devicetree.dtb", blob.content())?;
        lines.push((Key::Devicetree, "/EFI/landfall/devicetree.dtb".to_owned()));
    }
    let mut text = Entry::new();
    for (key, value) in lines {
        text = text.with(key, value).map_err(EntryError::from)?;
    }
    let loader = boot_loader(source, generation)?;
    esp.file(&format!("EFI/BOOT/{}", generation.architecture.removable_media_file()), loader.content())?;
    esp.file("EFI/landfall/linux.efi", kernel.content())?;
    esp.file("EFI/landfall/initrd", entry.initrd)?;
    let conf = LoaderConf {
        timeout: Some(Timeout::Seconds(3)),
        default: Some(ENTRY.to_owned()),
        console_mode: Some(ConsoleMode::Keep),
        ..LoaderConf::default()
    };
    esp.text("loader/loader.conf", &conf.render())?;
    esp.text(&format!("loader/entries/{ENTRY}"), &text.render())?;
    Ok(esp.tree)
}

/// The parameters of a system that are about its machine, in their order.
fn installer_parameters(parameters: &[String]) -> Vec<&str> {
    let is_kept = |word: &&str| !NOT_FOR_INSTALLER.iter().any(|beginning| word.starts_with(beginning));
    parameters.iter().flat_map(|text| text.split_whitespace()).filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_machine_is_kept() {
        let given = [
            "console=tty0",
            "root=LABEL=nixos",
            "console=ttyS0,115200",
            "panic=10",
            "rd.luks.uuid=x",
            "loglevel=4",
            "systemd.unit=rescue.target",
            "no_timer_check",
            "boot.panic_on_fail",
            "resume=/dev/x",
        ]
        .map(str::to_owned);
        assert_eq!(
            installer_parameters(&given),
            ["console=tty0", "console=ttyS0,115200", "loglevel=4", "no_timer_check"]
        );
    }
}

//! What a disk is called: model, serial number, and the names that udev would give it.
//!
//! The names follow systemd's `60-persistent-storage.rules` with `ata_id`, `scsi_id`, `usb_id` and
//! `path_id`, as far as the kernel shows in `/sys` what those ask the disk for. ATA disks tell their whole
//! model and serial number in the page of SCSI's vital product data that libata makes (SAT-4, "ATA
//! Information VPD page"), since the text in `device/model` is cut at 16 characters.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::inventory::{Transport, text};

/// Where IDENTIFY DEVICE data begin in the ATA Information page.
const IDENTIFY: usize = 60;

/// Bytes of the serial number in IDENTIFY DEVICE data: words 10 to 19 (ACS-4, table 45).
const ATA_SERIAL: std::ops::Range<usize> = 20..40;

/// Bytes of the model: words 27 to 46.
const ATA_MODEL: std::ops::Range<usize> = 54..94;

/// What was found of one disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) transport: Option<Transport>,
    pub(super) by_id: Vec<String>,
    pub(super) by_path: Vec<String>,
}

/// Reads what `directory` (the disk's own in `/sys/devices`) says; `place` is the same relative to `/sys`.
pub(super) fn read(directory: &Path, place: &str) -> Identity {
    let device = directory.join("device");
    let transport = transport(place, directory);
    let mut identity = Identity { transport, ..Identity::default() };
    match transport {
        None => return identity,
        Some(Transport::Nvme) => nvme(directory, &mut identity),
        Some(Transport::Virtio) if directory.join("serial").exists() => {
            identity.serial = text(&directory.join("serial"));
            identity.by_id =
                identity.serial.iter().map(|serial| format!("virtio-{}", plain(serial))).collect();
        }
        Some(Transport::Mmc) => mmc(&device, &mut identity),
        Some(_) => scsi(&device, &mut identity),
    }
    identity.by_path = by_path(directory, place);
    identity
}

fn transport(place: &str, directory: &Path) -> Option<Transport> {
    let parts: Vec<&str> = place.split('/').collect();
    let has = |prefix: &str| {
        parts.iter().any(|part| {
            part.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    let known = [
        ("usb", Transport::Usb),
        ("nvme", Transport::Nvme),
        ("mmc", Transport::Mmc),
        ("ata", Transport::Sata),
        ("virtio", Transport::Virtio),
    ];
    let found = known.into_iter().find(|(prefix, _)| has(prefix)).map(|(_, transport)| transport);
    let is_virtual = || parts.iter().any(|part| part.starts_with("vbd-")) || place.contains("/VMBUS");
    found
        .or_else(|| is_virtual().then_some(Transport::Virtio))
        .or_else(|| (has("host") || directory.join("device/vendor").exists()).then_some(Transport::Scsi))
}

fn nvme(directory: &Path, identity: &mut Identity) {
    let controller = directory.join("device");
    identity.model = text(&controller.join("model"));
    identity.serial = text(&controller.join("serial"));
    if let (Some(model), Some(serial)) = (&identity.model, &identity.serial) {
        let name = format!("nvme-{}_{}", plain(model), plain(serial));
        if let Some(namespace) = text(&directory.join("nsid")) {
            identity.by_id.push(format!("{name}_{namespace}"));
        }
        identity.by_id.insert(0, name);
    }
    identity.by_id.extend(text(&directory.join("wwid")).map(|wwid| format!("nvme-{}", plain(&wwid))));
}

fn mmc(device: &Path, identity: &mut Identity) {
    identity.model = text(&device.join("name"));
    identity.serial = text(&device.join("serial"));
    if let (Some(model), Some(serial)) = (&identity.model, &identity.serial) {
        identity.by_id.push(format!("mmc-{}_{}", plain(model), plain(serial)));
    }
}

fn scsi(device: &Path, identity: &mut Identity) {
    let (vendor, model) = (text(&device.join("vendor")), text(&device.join("model")));
    let ata = fs::read(device.join("vpd_pg89")).ok().and_then(|page| ata(&page));
    let serial = fs::read(device.join("vpd_pg80")).ok().and_then(|page| page_text(&page));
    match (identity.transport, ata) {
        (Some(Transport::Sata), Some((model, serial))) => {
            identity.by_id.push(format!("ata-{}_{}", plain(&model), plain(&serial)));
            (identity.model, identity.serial) = (Some(model), Some(serial));
        }
        (Some(Transport::Usb), _) => {
            let serial = usb_serial(device).or(serial);
            let words = [vendor.as_deref(), model.as_deref(), serial.as_deref()];
            let name: Vec<String> = words.into_iter().flatten().map(plain).collect();
            // The instance is target and unit of the SCSI address `host:channel:target:unit`.
            let address = fs::canonicalize(device).ok();
            let address = address.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
            let unit = address.and_then(|text| {
                let mut parts = text.rsplit(':').map(str::to_owned);
                let (unit, target) = (parts.next()?, parts.next()?);
                Some(format!("{target}:{unit}"))
            });
            identity.by_id.push(format!("usb-{}-{}", name.join("_"), unit.as_deref().unwrap_or("0:0")));
            (identity.model, identity.serial) = (joined(vendor, model), serial);
        }
        _ => (identity.model, identity.serial) = (joined(vendor.filter(|v| v != "ATA"), model), serial),
    }
    let names = fs::read(device.join("vpd_pg83")).ok().map(|page| designators(&page)).unwrap_or_default();
    identity.by_id.extend(names);
}

/// Model and serial number of an ATA disk, from the ATA Information page.
fn ata(page: &[u8]) -> Option<(String, String)> {
    let identify = page.get(IDENTIFY..)?;
    // Texts are words whose first character is the high byte of a little-endian number.
    let words = |range: std::ops::Range<usize>| -> Option<String> {
        let swapped: Vec<u8> =
            identify.get(range)?.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        let text = String::from_utf8_lossy(&swapped).trim_matches([' ', '\0']).to_owned();
        (!text.is_empty()).then_some(text)
    };
    Some((words(ATA_MODEL)?, words(ATA_SERIAL)?))
}

/// The text of a page of vital product data behind its four bytes of header (SPC-4, 7.8).
fn page_text(page: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(page.get(4..)?).trim_matches([' ', '\0']).to_owned();
    (!text.is_empty()).then_some(text)
}

/// Names from the designators of the Device Identification page (SPC-4, 7.8.6) that are about the disk
/// itself, as `scsi_id` and udev's rules spell them.
fn designators(page: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = page.get(4..).unwrap_or_default();
    while let [code, kind, _, len, tail @ ..] = rest {
        let len = usize::from(*len).min(tail.len());
        let (body, after) = tail.split_at(len);
        rest = after;
        let (association, kind) = (kind >> 4 & 3, kind & 15);
        let hex = || HEXLOWER.encode(body);
        match (association, kind, code & 15) {
            (0, 3, 1) => {
                names.push(format!("scsi-3{}", hex()));
                names.push(format!("wwn-0x{}", hex()));
            }
            (0, 2, 1) => names.push(format!("scsi-2{}", hex())),
            (0, 0 | 1, 2) => {
                names.push(format!("scsi-{kind}{}", plain(&String::from_utf8_lossy(body))));
            }
            _ => {}
        }
    }
    names
}

/// The serial number of the USB device that the disk hangs on: the nearest folder above that has one.
fn usb_serial(device: &Path) -> Option<String> {
    let real = fs::canonicalize(device).ok()?;
    real.ancestors()
        .take(8)
        .find(|folder| folder.join("idVendor").exists())
        .and_then(|folder| text(&folder.join("serial")))
}

fn joined(vendor: Option<String>, model: Option<String>) -> Option<String> {
    match (vendor, model) {
        (Some(vendor), Some(model)) => Some(format!("{vendor} {model}")),
        (vendor, model) => vendor.or(model),
    }
}

/// `path_id`: the nearest PCI function, and the way from there.
fn by_path(directory: &Path, place: &str) -> Vec<String> {
    let parts: Vec<&str> = place.split('/').collect();
    let Some(at) = parts.iter().rposition(|part| is_pci(part)) else { return Vec::new() };
    let base = format!("pci-{}", parts[at]);
    let below = &parts[at + 1..];
    let find = |prefix: &str| {
        below.iter().find(|part| {
            part.strip_prefix(prefix)
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()) && !rest.is_empty())
        })
    };
    let scsi = below.iter().rfind(|part| part.split(':').count() == 4);
    if let Some(interface) = below.iter().rfind(|part| is_usb_interface(part)) {
        // `1-1.2:1.0` is on bus 1, whose number path_id leaves out.
        let port = interface.split_once('-').map_or(*interface, |(_, port)| port);
        let unit = scsi.and_then(|text| text.split_once(':')).map_or("0:0:0", |(_, rest)| rest);
        return vec![format!("{base}-usb-0:{port}-scsi-0:{unit}")];
    }
    if let Some(port) = find("ata") {
        let upto: std::path::PathBuf = directory
            .ancestors()
            .find(|folder| folder.file_name().is_some_and(|name| name.to_str() == Some(port)))
            .map(|folder| folder.join("ata_port").join(port).join("port_no"))
            .unwrap_or_default();
        let number = text(&upto).unwrap_or_else(|| port.trim_start_matches("ata").to_owned());
        return vec![format!("{base}-ata-{number}"), format!("{base}-ata-{number}.0")];
    }
    if find("nvme").is_some() {
        let namespace = text(&directory.join("nsid")).unwrap_or_else(|| "1".to_owned());
        return vec![format!("{base}-nvme-{namespace}")];
    }
    if find("virtio").is_some() && scsi.is_none() {
        return vec![base.clone(), format!("virtio-{base}")];
    }
    match scsi.and_then(|text| text.split_once(':')) {
        Some((_, rest)) => vec![format!("{base}-scsi-0:{rest}")],
        None => vec![base],
    }
}

/// `0000:00:1f.2`.
fn is_pci(part: &str) -> bool {
    let hex = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit());
    let fields: Vec<&str> = part.split([':', '.']).collect();
    fields.len() == 4 && part.matches(':').count() == 2 && fields.iter().all(|field| hex(field))
}

/// `1-1.2:1.0`.
fn is_usb_interface(part: &str) -> bool {
    part.split_once(':').is_some_and(|(port, interface)| port.contains('-') && interface.contains('.'))
}

/// `text` as udev puts it into a name: white space becomes `_`, and so does what it does not allow.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c) || !c.is_ascii();
    words.join("_").chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ata_page_gives_the_whole_model_and_serial_number() {
        let mut page = vec![0_u8; 572];
        let mut put = |range: std::ops::Range<usize>, text: &str| {
            let padded = format!("{text:<width$}", width = range.len());
            for (index, pair) in padded.as_bytes().chunks_exact(2).enumerate() {
                let at = IDENTIFY + range.start + 2 * index;
                page[at..at + 2].copy_from_slice(&[pair[1], pair[0]]);
            }
        };
        put(ATA_SERIAL, "S3Z8NB0K");
        put(ATA_MODEL, "Samsung SSD 860 EVO 1TB");
        assert_eq!(ata(&page), Some(("Samsung SSD 860 EVO 1TB".to_owned(), "S3Z8NB0K".to_owned())));
        assert_eq!(ata(&page[..70]), None);
    }

    #[test]
    fn designators_of_the_disk_become_names_and_those_of_its_port_do_not() {
        let page = [
            &[0, 0x83, 0, 0][..],
            &[1, 0x03, 0, 8, 0x50, 0x02, 0x53, 0x8e, 0x40, 0x00, 0x00, 0x01],
            &[1, 0x13, 0, 2, 1, 2],
            &[2, 0x00, 0, 3, b'a', b' ', b'b'],
        ]
        .concat();
        assert_eq!(designators(&page), ["scsi-35002538e40000001", "wwn-0x5002538e40000001", "scsi-0a_b"]);
        assert!(designators(&page[..3]).is_empty());
    }

    #[test]
    fn names_are_written_as_udev_writes_them() {
        assert_eq!(plain("  WDC  WD10 (x)/y "), "WDC_WD10__x__y");
        assert!(is_pci("0000:00:1f.2") && !is_pci("0:0:0:0") && is_usb_interface("1-1.2:1.0"));
    }
}

use super::*;
use crate::accelerator::Accelerator;
use crate::firmware::{FirmwareFiles, ManagementMode};

fn plain_firmware() -> FirmwareFiles {
    FirmwareFiles::new("/firmware/code.fd".into(), Some("/run/variables.fd".into()), ManagementMode::Unused)
}

fn wiring(firmware: &FirmwareFiles) -> Wiring<'_> {
    Wiring {
        accelerator: Accelerator::Tcg,
        firmware: Some(firmware),
        serial: Serial::Stdio,
        monitor: Monitor::Socket("/run/monitor".into()),
        tpm_socket: Some("/run/tpm.socket".into()),
    }
}

/// The arguments, one option with its value on each line.
fn shown(machine: &Machine, wiring: &Wiring<'_>) -> String {
    let mut text = String::new();
    for argument in arguments(machine, wiring).unwrap() {
        let argument = argument.into_string().unwrap();
        text.push(if argument.starts_with('-') { '\n' } else { ' ' });
        text.push_str(&argument);
    }
    text.trim_start().to_owned()
}

/// Every kind of drive, twice where a second one is named differently.
fn full(architecture: Architecture) -> Machine {
    let drives = [
        Drive::image("/images/a.raw").with_sectors(Sectors::B4096).with_serial("ROOT,1"),
        Drive::image("/images/odd,name: b.raw").on(Bus::Nvme).with_sectors(Sectors::B4096),
        Drive::image("c.qcow2").with_format(Format::Qcow2).on(Bus::Nvme).with_serial("C"),
        Drive::image("/images/d.raw").on(Bus::Sata).snapshot(),
        Drive::image("/images/e.vhd").with_format(Format::Vhd).on(Bus::Sata),
        Drive::image("/images/r.raw").read_only(),
        Drive::image("/images/f.raw").on(Bus::Usb),
        Drive::cdrom("/images/g.iso"),
    ];
    Machine {
        memory: Mebibytes(2048),
        cpus: NonZeroU8::MIN.saturating_add(3),
        network: Network::User(vec![Forward { host: 2222, guest: 22 }, Forward { host: 8080, guest: 80 }]),
        screen: Screen::Hidden,
        tpm: Tpm::Version2,
        reboot: Reboot::Restart,
        extra: vec!["-smbios".into(), "type=11,value=x".into()],
        ..drives.into_iter().fold(Machine::new(architecture), Machine::with_drive)
    }
}

#[test]
fn a_default_machine_is_small_and_quick() {
    let firmware = plain_firmware();
    for architecture in Architecture::ALL {
        let machine = Machine::new(architecture).with_drive(Drive::image("/images/disk.raw").snapshot());
        insta::assert_snapshot!(format!("default-{architecture}"), shown(&machine, &wiring(&firmware)));
    }
}

#[test]
fn every_device_has_its_arguments() {
    let firmware = plain_firmware();
    for architecture in Architecture::ALL {
        insta::assert_snapshot!(
            format!("full-{architecture}"),
            shown(&full(architecture), &wiring(&firmware))
        );
    }
}

#[test]
fn secure_boot_has_management_mode_and_a_guarded_store() {
    let firmware = FirmwareFiles::new(
        "/firmware/code.secboot.fd".into(),
        Some("/run/variables.fd".into()),
        ManagementMode::Needed,
    );
    let machine = Machine::new(Architecture::X86_64).with_boot(Boot::Uefi(SecureBoot::Enrolled));
    insta::assert_snapshot!("secure-x86_64", shown(&machine, &wiring(&firmware)));
}

#[test]
fn a_kernel_starts_without_firmware() {
    let kernel = DirectKernel {
        kernel: "/boot/Image".into(),
        initrd: Some("/boot/initrd".into()),
        command_line: "console=ttyAMA0 panic=-1".to_owned(),
    };
    let machine = Machine::new(Architecture::Aarch64).with_boot(Boot::Kernel(kernel));
    let firmware = plain_firmware();
    let wiring = Wiring {
        firmware: None,
        accelerator: Accelerator::Kvm,
        serial: Serial::Terminal,
        monitor: Monitor::None,
        ..wiring(&firmware)
    };
    insta::assert_snapshot!("kernel-aarch64", shown(&machine, &wiring));
}

#[test]
fn parts_that_do_not_fit_together_are_refused_by_name() {
    let firmware = plain_firmware();
    let machine = Machine::new(Architecture::X86_64);
    let drive = Drive::image("/d");
    let full_sata =
        (0..7).fold(machine.clone(), |machine, _| machine.with_drive(drive.clone().on(Bus::Sata)));
    let cases = [
        (
            machine.clone().with_drive(drive.clone().on(Bus::Sata).with_sectors(Sectors::B4096)),
            MachineError::SataSectors("/d".into()),
        ),
        (
            machine.clone().with_drive(drive.clone().on(Bus::Sata).read_only()),
            MachineError::ProtectedSata("/d".into()),
        ),
        (machine.clone().with_drive(drive.clone().on(Bus::Cdrom)), MachineError::WritableDisc("/d".into())),
        (machine.clone().with_memory(Mebibytes(16)), MachineError::TooLittleMemory(Mebibytes(16))),
        (full_sata, MachineError::TooManySata(7)),
    ];
    for (machine, expected) in cases {
        assert_eq!(arguments(&machine, &wiring(&firmware)), Err(expected));
    }
    let bare = Wiring { firmware: None, tpm_socket: None, ..wiring(&firmware) };
    assert_eq!(arguments(&machine, &bare), Err(MachineError::NoFirmware));
    let with_tpm = Machine { tpm: Tpm::Version2, ..machine };
    let no_tpm = Wiring { tpm_socket: None, ..wiring(&firmware) };
    assert_eq!(arguments(&with_tpm, &no_tpm), Err(MachineError::NoTpmSocket));
}

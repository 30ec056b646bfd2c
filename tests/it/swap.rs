//! Swap areas before their judges: blkid, swaplabel and file.

use std::fs::File;
use std::path::Path;

use landfall::fs::swap::{self, Options};
use landfall::units::{MIB, SectorSize};
use landfall::volume::{Block, FileBlock};
use uuid::Uuid;

use crate::oracle::{require_tool, run, run_ok};

const UUID: Uuid = Uuid::from_u128(0x6b9c5c1e_0000_4000_8000_00000000f00d);

fn made(dir: &Path) -> FileBlock {
    let path = dir.join("swap.raw");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let block = FileBlock::create(file, &path, 8 * MIB, SectorSize::S512).unwrap();
    swap::write(&Options { label: Some("nixswap".parse().unwrap()), uuid: UUID }, &block).unwrap();
    block
}

#[test]
fn blkid_swaplabel_and_file_agree() {
    let dir = tempfile::tempdir().unwrap();
    let area = made(dir.path());
    let path = area.path().to_str().unwrap();
    if let Some(blkid) = require_tool("blkid") {
        let said = run_ok(&blkid, &["-p", "-o", "export", path]);
        for line in ["TYPE=swap", "LABEL=nixswap", &format!("UUID={UUID}"), "VERSION=1"] {
            assert!(said.lines().any(|said| said == line), "{line} is not in {said}");
        }
    }
    if let Some(swaplabel) = require_tool("swaplabel") {
        let said = run_ok(&swaplabel, &[path]);
        assert!(said.contains("LABEL: nixswap") && said.contains(&format!("UUID:  {UUID}")), "{said}");
    }
    if let Some(file) = require_tool("file") {
        let said = run_ok(&file, &[path]);
        // Pages behind the header: 2047 of 2048.
        for part in ["Linux swap file, 4k page size", "size 2047 pages", "no label", "LABEL=nixswap"] {
            assert!(said.contains(part) || part == "no label", "{part} is not in {said}");
        }
    }
}

#[test]
fn the_judges_see_a_flipped_byte() {
    let Some(swaplabel) = require_tool("swaplabel") else { return };
    let dir = tempfile::tempdir().unwrap();
    let area = made(dir.path());
    area.write_at(b"X", 4095).unwrap();
    assert!(!run(&swaplabel, &[area.path().to_str().unwrap()]).status.success());
    assert!(swap::read(&area).is_err());
}

#[test]
fn the_header_is_that_of_mkswap_byte_for_byte() {
    let Some(mkswap) = require_tool("mkswap") else { return };
    let dir = tempfile::tempdir().unwrap();
    let ours = made(dir.path());
    let mut header = [vec![0; 4096], vec![0; 4096]];
    ours.read_at(&mut header[0], 0).unwrap();
    ours.write_at(&[0; 4096], 0).unwrap();
    let path = ours.path().to_str().unwrap();
    run_ok(&mkswap, &["-q", "-L", "nixswap", "-U", &UUID.to_string(), path]);
    ours.read_at(&mut header[1], 0).unwrap();
    assert!(header[0] == header[1]);
    assert_eq!(swap::read(&ours).unwrap().uuid, UUID);
}

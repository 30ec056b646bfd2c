//! A header as text, for `inspect` and for goldens: everything that is no secret.

use std::fmt::Write as _;

use super::metadata::Kdf;
use super::read::Header;

/// Describes `header`, one fact a line.
pub fn dump(header: &Header) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = render(header, &mut text);
    text
}

fn render(header: &Header, text: &mut String) -> std::fmt::Result {
    writeln!(text, "LUKS2 {}", header.uuid)?;
    for (name, value) in [("label", &header.label), ("subsystem", &header.subsystem)] {
        if !value.is_empty() {
            writeln!(text, "  {name} {value}")?;
        }
    }
    writeln!(text, "  seqid {}", header.seqid)?;
    if let Some(problem) = &header.other_copy {
        writeln!(text, "  problem: {problem}")?;
    }
    for (number, slot) in &header.metadata.keyslots {
        let area = &slot.area;
        write!(
            text,
            "  keyslot {number}: {} bits, {} bytes at {}, ",
            slot.key_size * 8,
            area.size,
            area.offset
        )?;
        match &slot.kdf {
            Kdf::Pbkdf2 { hash, iterations, .. } => writeln!(text, "pbkdf2 {hash} x {iterations}")?,
            Kdf::Argon2id(costs) => {
                writeln!(text, "argon2id t={} m={}K p={}", costs.time, costs.memory, costs.cpus)?
            }
            Kdf::Argon2i(costs) => {
                writeln!(text, "argon2i t={} m={}K p={}", costs.time, costs.memory, costs.cpus)?
            }
        }
    }
    for (number, token) in &header.metadata.tokens {
        let kind = token.get("type").and_then(|kind| kind.as_str()).unwrap_or("?");
        writeln!(text, "  token {number}: {kind}")?;
    }
    for (number, segment) in &header.metadata.segments {
        let (encryption, sector) = (&segment.encryption, segment.sector_size);
        writeln!(
            text,
            "  segment {number}: {encryption}, {sector}-byte sectors, {} bytes at {}",
            segment.size, segment.offset
        )?;
    }
    Ok(())
}

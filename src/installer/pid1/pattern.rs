//! Patterns of module aliases, as the kernel's build makes them: `*`, `?` and `[a-f]` (fnmatch(3)
//! without flags).

/// Whether `text` fits `pattern`.
pub(super) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern_at, mut text_at) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: it takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = &pattern[pattern_at..];
        let step = match (rest.first(), text.get(text_at)) {
            (Some(b'*'), _) => {
                retry = Some((pattern_at + 1, text_at));
                pattern_at += 1;
                continue;
            }
            (None, None) => return true,
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(byte)) => class(rest, *byte),
            (Some(expected), Some(byte)) if expected == byte => Some(1),
            _ => None,
        };
        match (step, retry) {
            (Some(consumed), _) => {
                pattern_at += consumed;
                text_at += 1;
            }
            (None, Some((after, from))) if from < text.len() => {
                retry = Some((after, from + 1));
                (pattern_at, text_at) = (after, from + 1);
            }
            (None, _) => return false,
        }
    }
}

/// How many bytes the class at the start of `pattern` has, when `byte` is in it.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let end = pattern.iter().position(|byte| *byte == b']')?;
    let mut members = &pattern[1..end];
    while let Some((&low, rest)) = members.split_first() {
        let (high, rest) = match rest {
            [b'-', high, rest @ ..] => (*high, rest),
            _ => (low, rest),
        };
        if (low..=high).contains(&byte) {
            return Some(end + 1);
        }
        members = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_of_devices_fit_as_the_kernel_means_them() {
        let cases = [
            (
                "pci:v00001AF4d00001001sv*sd*bc*sc*i*",
                "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00",
                true,
            ),
            ("pci:v*d*sv*sd*bc01sc08i02*", "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", true),
            ("pci:v*d*sv*sd*bc01sc08i02*", "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc06i01", false),
            (
                "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*",
                "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00",
                true,
            ),
            ("virtio:d00000002v*", "virtio:d00000002v00001AF4", true),
            (
                "cpu:type:x86,ven*fam*mod*:feature:*0099*",
                "cpu:type:x86,ven0000fam000Fmod006B:feature:,0000,0099",
                true,
            ),
            ("usb:v0[0-9a-f]p?", "usb:v0cp1", true),
            ("usb:v0[0-9]p?", "usb:v0cp1", false),
            ("scsi:t-0x00*", "scsi:t-0x05", false),
            ("*", "", true),
            ("", "x", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let pattern = "*a".repeat(40);
        assert!(!fits(pattern.as_bytes(), "a".repeat(39).as_bytes()));
    }
}

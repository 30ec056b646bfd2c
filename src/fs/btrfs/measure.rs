//! The smallest devices that hold some content: the first pass of writing.

use super::error::BtrfsError;
use super::options::Options;
use super::plan::{Counted, Plan, PlanError, overlays};
use super::profile::Profile;
use super::volumes::Volumes;
use crate::units::ByteSize;

/// More than any device has; half of the addresses that files may have.
const UNLIMITED: u64 = 1 << 62;

/// What a file system for some content takes.
#[derive(Debug)]
pub struct Measure {
    /// The whole of each device, with the free space that the options ask for.
    pub size: ByteSize,
    /// The same without free space.
    pub least: ByteSize,
    /// How many nodes its trees have: saves [`write`](super::write()) the counting.
    pub counted: Counted,
}

/// The smallest size of each of `devices` devices at which [`write`](super::write()) does not refuse `volumes` with
/// `options`.
///
/// What may be compressed counts in full: it could turn out to be incompressible, and to know better would be to compress it
/// all. What compression saves is free space later.
///
/// Fails where a node cannot be stored on btrfs at all, and where there are fewer devices than a profile needs.
pub fn measure(volumes: &Volumes<'_>, options: &Options, devices: usize) -> Result<Measure, BtrfsError> {
    check_devices(options, devices)?;
    let (overlays, parents) = overlays(volumes)?;
    match Plan::new(volumes, &overlays, parents, (options, &vec![UNLIMITED; devices])) {
        Ok(plan) => Ok(Measure {
            size: ByteSize(plan.device_len),
            least: ByteSize(plan.least_len),
            counted: plan.counted,
        }),
        Err(PlanError::Other(error)) => Err(error),
        Err(PlanError::Short) => {
            Err(BtrfsError::DoesNotFit { needed: ByteSize(u64::MAX), available: ByteSize(UNLIMITED) })
        }
    }
}

/// Whether there are as many devices as the profiles of `options` need.
pub(super) fn check_devices(options: &Options, found: usize) -> Result<(), BtrfsError> {
    for profile in [options.data, options.metadata] {
        let needed = Profile::devices_min(profile);
        if found < needed {
            return Err(BtrfsError::Devices { profile, needed, found });
        }
    }
    Ok(())
}

//! Arrays of Linux software RAID.

use uuid::Uuid;

use super::super::assembly::Array;
use super::super::content::{Assembly, AssemblyKind};
use super::super::error::Cause;
use super::super::step::Action;
use super::{Builder, MemberDevice, Place};
use crate::layout::model::content::ContentRef;
use crate::layout::model::md::MdArray;
use crate::timestamp::Timestamp;
use crate::units::{ByteSize, SectorSize, u64_of};
use crate::volume::md::{Bitmap, Level, Options, Version, apply_create_args, capacity};

/// mdadm's default chunk.
const CHUNK: ByteSize = ByteSize::kib(512);

/// What mdadm leaves in front of the data of a member, at least, where it chooses itself.
const DATA_OFFSET: ByteSize = ByteSize::mib(1);

impl Builder<'_> {
    pub(super) fn array(&mut self, set: &MdArray) {
        let of = Assembly { kind: AssemblyKind::Array, name: set.name.clone() };
        let members = self.members_of(&of);
        let label = format!("mdadm/{}", set.name);
        if members.is_empty() {
            let cause = Cause::TooFewMembers { noun: of.kind.noun(), name: of.name, needed: 1, members: 0 };
            return self.problem(set.places.whole(), cause);
        }
        let uuid = self.request.seed.uuid(&label);
        let (size, chunk, uuid) = self.array_size(set, &members, uuid);
        let device = format!("/dev/md/{}", set.name);
        self.step(Action::Assemble, &device, format!("make array {} (level {})", set.name, set.level), true);
        let place = Place {
            label,
            size,
            sector: members.iter().map(|member| member.sector).max().unwrap_or(SectorSize::S512),
            device: None,
        };
        let content =
            set.content.as_ref().and_then(|content| self.content(ContentRef::from(content), &place));
        self.arrays.push(Array {
            name: set.name.clone(),
            device,
            level: set.level,
            metadata: set.metadata.word().to_owned(),
            uuid,
            members: members.into_iter().map(|member| member.device).collect(),
            data_offset: DATA_OFFSET,
            chunk,
            size,
            extra_args: set.extra_args.clone(),
            content,
        });
    }

    /// The size of an array. mdadm makes some that our own writer does not (RAID5 of two members, arrays of a controller's
    /// format): their size is worked out by level. With it come chunk and identity, which arguments for mdadm may give.
    fn array_size(
        &mut self,
        set: &MdArray,
        members: &[MemberDevice],
        uuid: Uuid,
    ) -> (ByteSize, ByteSize, Uuid) {
        let sizes: Vec<ByteSize> = members.iter().map(|member| member.size).collect();
        let level = Level::from_name(&set.level.to_string());
        let version = Version::from_name(set.metadata.word());
        if let (Some(level), Some(version)) = (level, version) {
            let mut options = Options {
                level,
                version,
                uuid,
                member_uuids: vec![uuid; members.len()],
                name: set.name.clone(),
                chunk: CHUNK,
                bitmap: Bitmap::Internal,
                created: Timestamp::default(),
            };
            // Arguments that we do not know are mdadm's affair: an image with them is refused later.
            let _ = apply_create_args(&mut options, &set.extra_args);
            if let Ok(size) = capacity(&options, &sizes) {
                return (size, options.chunk, options.uuid);
            }
        }
        let usable = sizes
            .iter()
            .map(|size| size.checked_sub(DATA_OFFSET).unwrap_or(ByteSize::ZERO).round_down(CHUNK.bytes()))
            .min()
            .unwrap_or(ByteSize::ZERO);
        let count = u64_of(members.len());
        let data = match set.level {
            0 => count,
            4 | 5 => count.saturating_sub(1),
            6 => count.saturating_sub(2),
            10 => count / 2,
            _ => 1,
        };
        if data == 0 {
            let noun = AssemblyKind::Array.noun();
            let needed = if set.level == 6 { 3 } else { 2 };
            let cause = Cause::TooFewMembers { noun, name: set.name.clone(), needed, members: members.len() };
            self.problem(set.places.of("level"), cause);
        }
        (ByteSize(usable.bytes().saturating_mul(data)), CHUNK, uuid)
    }
}

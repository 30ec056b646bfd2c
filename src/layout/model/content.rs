//! What can lie on a block device.

use serde_json::Value as Json;

use super::bcachefs::BcachefsMember;
use super::btrfs::Btrfs;
use super::filesystem::{FORMATS, Filesystem};
use super::gpt::Gpt;
use super::luks::Luks;
use super::lvm::LvmPv;
use super::md::MdMember;
use super::places::Places;
use super::scope::Scope;
use super::swap::Swap;
use super::table::Table;
use super::zfs::ZfsMember;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::options::OptionType;
use crate::layout::options::reader::Reader;
use crate::layout::schema::SchemaBuilder;
use crate::layout::syntax::value::{Kind, Value};

/// Declares an enum of content types, chosen by the option `type`.
macro_rules! content {
    (
        $(#[doc = $doc:literal])+
        $content:ident { $( $(#[doc = $variant_doc:literal])+ $variant:ident($set:ty) = $word:literal, )* }
        elsewhere { $($other:literal => $reason:literal,)* }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub enum $content {
            $( $(#[doc = $variant_doc])+ $variant(Box<$set>), )*
        }

        impl $content {
            /// The values of `type`, in the order of the variants.
            pub const TYPES: &'static [&'static str] = &[$($word),*];

            /// The value of `type`.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $word,)*
                }
            }

            /// Where it was written.
            pub fn places(&self) -> &Places {
                match self {
                    $(Self::$variant(set) => &set.places,)*
                }
            }
        }

        impl OptionType for $content {
            fn accepts() -> String {
                "an attribute set with a `type`".to_owned()
            }

            fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
                match read_type(value, Self::TYPES, &[$(($other, $reason)),*], reader)? {
                    $($word => <$set>::read(value, scope, reader).map(|set| Self::$variant(Box::new(set))),)*
                    _ => None,
                }
            }

            fn resolved(&self) -> Json {
                match self {
                    $(Self::$variant(set) => set.resolved(),)*
                }
            }

            fn schema(schemas: &mut SchemaBuilder) -> Json {
                schemas.define(stringify!($content), |schemas| {
                    let kinds = [$(<$set>::schema(schemas)),*];
                    serde_json::json!({ "oneOf": kinds })
                })
            }
        }
    };
}

pub(crate) use content;

content! {
    /// What can lie on a partition, a logical volume or a ZFS volume.
    Content {
        /// A member of a bcachefs filesystem.
        Bcachefs(BcachefsMember) = "bcachefs",
        /// A btrfs filesystem.
        Btrfs(Btrfs) = "btrfs",
        /// Any other filesystem.
        Filesystem(Filesystem) = "filesystem",
        /// An encrypted container.
        Luks(Luks) = "luks",
        /// A physical volume of LVM.
        LvmPv(LvmPv) = "lvm_pv",
        /// A member of an md array.
        MdMember(MdMember) = "mdraid",
        /// Swap space.
        Swap(Swap) = "swap",
        /// A member of a ZFS pool.
        Zfs(ZfsMember) = "zfs",
    }
    elsewhere {
        "gpt" => "a partition table can lie on a disk, an md array or in LUKS, but not here",
        "table" => "a partition table can lie on a disk, an md array or in LUKS, but not here",
    }
}

content! {
    /// What can lie on a whole device: a disk, an md array, an opened LUKS container.
    DeviceContent {
        /// A member of a bcachefs filesystem.
        Bcachefs(BcachefsMember) = "bcachefs",
        /// A btrfs filesystem.
        Btrfs(Btrfs) = "btrfs",
        /// Any other filesystem.
        Filesystem(Filesystem) = "filesystem",
        /// A GUID partition table.
        Gpt(Gpt) = "gpt",
        /// An encrypted container.
        Luks(Luks) = "luks",
        /// A physical volume of LVM.
        LvmPv(LvmPv) = "lvm_pv",
        /// A member of an md array.
        MdMember(MdMember) = "mdraid",
        /// Swap space.
        Swap(Swap) = "swap",
        /// A partition table of disko's older form.
        Table(Table) = "table",
        /// A member of a ZFS pool.
        Zfs(ZfsMember) = "zfs",
    }
    elsewhere {}
}

/// One content type, borrowed: what both enums come to for code that walks a layout.
#[derive(Clone, Copy, Debug)]
pub enum ContentRef<'a> {
    /// A member of a bcachefs filesystem.
    Bcachefs(&'a BcachefsMember),
    /// A btrfs filesystem.
    Btrfs(&'a Btrfs),
    /// Any other filesystem.
    Filesystem(&'a Filesystem),
    /// A GUID partition table.
    Gpt(&'a Gpt),
    /// An encrypted container.
    Luks(&'a Luks),
    /// A physical volume of LVM.
    LvmPv(&'a LvmPv),
    /// A member of an md array.
    MdMember(&'a MdMember),
    /// Swap space.
    Swap(&'a Swap),
    /// A partition table of disko's older form.
    Table(&'a Table),
    /// A member of a ZFS pool.
    Zfs(&'a ZfsMember),
}

impl<'a> From<&'a Content> for ContentRef<'a> {
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Bcachefs(set) => Self::Bcachefs(set),
            Content::Btrfs(set) => Self::Btrfs(set),
            Content::Filesystem(set) => Self::Filesystem(set),
            Content::Luks(set) => Self::Luks(set),
            Content::LvmPv(set) => Self::LvmPv(set),
            Content::MdMember(set) => Self::MdMember(set),
            Content::Swap(set) => Self::Swap(set),
            Content::Zfs(set) => Self::Zfs(set),
        }
    }
}

impl<'a> From<&'a DeviceContent> for ContentRef<'a> {
    fn from(content: &'a DeviceContent) -> Self {
        match content {
            DeviceContent::Bcachefs(set) => Self::Bcachefs(set),
            DeviceContent::Btrfs(set) => Self::Btrfs(set),
            DeviceContent::Filesystem(set) => Self::Filesystem(set),
            DeviceContent::Gpt(set) => Self::Gpt(set),
            DeviceContent::Luks(set) => Self::Luks(set),
            DeviceContent::LvmPv(set) => Self::LvmPv(set),
            DeviceContent::MdMember(set) => Self::MdMember(set),
            DeviceContent::Swap(set) => Self::Swap(set),
            DeviceContent::Table(set) => Self::Table(set),
            DeviceContent::Zfs(set) => Self::Zfs(set),
        }
    }
}

impl<'a> ContentRef<'a> {
    /// Where it was written.
    pub fn places(self) -> &'a Places {
        match self {
            Self::Bcachefs(set) => &set.places,
            Self::Btrfs(set) => &set.places,
            Self::Filesystem(set) => &set.places,
            Self::Gpt(set) => &set.places,
            Self::Luks(set) => &set.places,
            Self::LvmPv(set) => &set.places,
            Self::MdMember(set) => &set.places,
            Self::Swap(set) => &set.places,
            Self::Table(set) => &set.places,
            Self::Zfs(set) => &set.places,
        }
    }

    /// The value of `type`.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Bcachefs(_) => "bcachefs",
            Self::Btrfs(_) => "btrfs",
            Self::Filesystem(_) => "filesystem",
            Self::Gpt(_) => "gpt",
            Self::Luks(_) => "luks",
            Self::LvmPv(_) => "lvm_pv",
            Self::MdMember(_) => "mdraid",
            Self::Swap(_) => "swap",
            Self::Table(_) => "table",
            Self::Zfs(_) => "zfs",
        }
    }
}

/// The `type` of a set that has one of several; reports one that is missing, unknown or out of place.
pub(super) fn read_type(
    value: &Value,
    types: &'static [&'static str],
    elsewhere: &[(&'static str, &'static str)],
    reader: &mut Reader,
) -> Option<&'static str> {
    let name = find_type(value, types, elsewhere, reader);
    if name.is_none() {
        reader.lose_content();
    }
    name
}

fn find_type(
    value: &Value,
    types: &'static [&'static str],
    elsewhere: &[(&'static str, &'static str)],
    reader: &mut Reader,
) -> Option<&'static str> {
    let Kind::Attrs(attrs) = &value.kind else {
        reader.wrong_type(value, "an attribute set with a `type`");
        return None;
    };
    let Some(attr) = attrs.get("type") else {
        let types: Vec<String> = types.iter().map(|name| format!("`{name}`")).collect();
        let finding =
            Diagnostic::error("missing-option", value.span, "this needs the option `type`").hint(match types
                .as_slice()
            {
                [only] => format!("write `type = \"{}\"`", only.trim_matches('`')),
                _ => format!("types here: {}", types.join(", ")),
            });
        reader.report(finding);
        return None;
    };
    let given = attr.value.as_str();
    if let Some(name) = types.iter().copied().find(|name| given == Some(name)) {
        return Some(name);
    }
    if let Some((name, reason)) = elsewhere.iter().find(|(name, _)| given == Some(name)) {
        let finding =
            Diagnostic::error("misplaced-type", attr.value.span, format!("`{name}` is not possible here"))
                .label(*reason);
        reader.report(finding);
        return None;
    }
    if let Some(format) = given.filter(|given| types.contains(&"filesystem") && FORMATS.contains(given)) {
        let finding =
            Diagnostic::error("wrong-word", attr.value.span, format!("`{format}` is not a type of content"))
                .hint(format!("write `type = \"filesystem\"; format = \"{format}\"`"));
        reader.report(finding);
        return None;
    }
    reader.within("type", attr.name_span, |reader| reader.wrong_word(&attr.value, types));
    None
}

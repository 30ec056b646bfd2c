//! What a set of options knows of the things around it: the defaults of disko come from there.

/// The surroundings of the set being read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The attribute name under which the set stands (`main` of `disk.main`).
    pub name: String,
    /// The position in its list, from 1; 0 outside lists.
    pub position: usize,
    /// Path of the block device that the content lies on.
    pub device: String,
    /// What holds the content: it gives partition labels their first two parts.
    pub owner: Owner,
    /// Place of a GPT partition in the order of creation, from 1; 0 elsewhere.
    pub index: i64,
}

/// The thing that a partition table lies on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its `type`: `disk`, `mdadm`, `luks`.
    pub kind: &'static str,
    /// Its `name`.
    pub name: String,
}

impl Scope {
    /// The scope of an element of an attribute set.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The scope of an element of a list; positions count from 1.
    #[must_use]
    pub fn at_position(&self, position: usize) -> Self {
        Self { position, ..self.clone() }
    }

    /// The scope of what lies on `device`, with the owner that this scope has.
    #[must_use]
    pub fn on(&self, device: impl Into<String>) -> Self {
        Self { device: device.into(), ..self.clone() }
    }

    /// The scope of what lies on the device of an owner.
    #[must_use]
    pub fn owned(&self, kind: &'static str, name: impl Into<String>, device: impl Into<String>) -> Self {
        Self { owner: Owner { kind, name: name.into() }, device: device.into(), ..self.clone() }
    }
}

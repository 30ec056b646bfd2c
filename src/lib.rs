//! landfall turns a declared disk layout and a system closure into a machine that boots.
//!
//! ```text
//! layout text ─▶ Layout ─▶ Plan ─▶ Block stack ─▶ filesystems ─▶ boot files ─▶ Image ─▶ outputs
//! store closure ─▶ Closure ─▶ Tree ───────────────────┘
//! ```
//!
//! The modules below are in the order in which a build goes through them; each uses only what
//! stands above it.

// What everything else is built from.
pub mod buffer;
pub mod cache;
pub mod command;
pub mod error;
pub mod files;
pub mod identity;
pub mod parallel;
pub mod progress;
pub mod secret;
pub mod sys;
pub mod timestamp;
pub mod units;

// Text in: the layout language.
pub mod layout;

// Bytes: volumes, trees, file systems, the store, the boot files.
pub mod boot;
pub mod fs;
pub mod store;
pub mod tree;
pub mod volume;

// Where text and bytes meet.
pub mod image;
pub mod inspect;
pub mod output;
pub mod plan;

// A machine: its disks, and the medium that installs it.
pub mod device;
pub mod installer;

// The machine's user.
pub mod cli;

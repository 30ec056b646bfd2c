//! A plan in words, data and pictures.

mod fstab;
mod json;
mod nixos;
mod sfdisk;
mod svg;
mod text;
mod tree;

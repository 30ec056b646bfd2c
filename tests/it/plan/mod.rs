//! Plans against the programs whose work they foretell.

mod disko;
mod parted;
mod sgdisk;

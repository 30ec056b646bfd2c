//! Plans against the programs whose work they foretell.

mod parted;
mod sgdisk;

//! Plans against the programs whose work they foretell.

mod disko;
mod parted;
mod random;
mod refusals;
mod schema;
mod sgdisk;
mod sizes;
mod written;

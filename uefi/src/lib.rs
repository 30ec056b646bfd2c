//! Boot loader entries, loader.conf, unified kernel images and boot variables.

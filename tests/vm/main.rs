//! Tests that boot machines under QEMU, one module per theme.

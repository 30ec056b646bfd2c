//! Integration tests that need no virtual machine, one module per theme.

//! QEMU machines, firmware, consoles, a test bench and the sample system.

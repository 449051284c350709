//! One on-disk structure a file: bytes to struct and back. No storage, no following of addresses.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdf5_fuzz::text(data));

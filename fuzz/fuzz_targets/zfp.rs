#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdf5_fuzz::codec(32013, data));

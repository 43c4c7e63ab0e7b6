#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| qaynar::fuzzing::run("address", bytes));

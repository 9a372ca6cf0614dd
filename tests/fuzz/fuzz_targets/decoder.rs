//! A fuzz target: the decoder of its own name, from `tests/harness/decoders`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    mailvc_tests::decoders::run(env!("CARGO_BIN_NAME"), bytes);
});

//! Any calls, at the capacity that the first byte chooses, against the reference model of the tests.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // More calls cost more than they find: the model is slow and obvious.
    let mut ops = support::model::ops(bytes);
    ops.truncate(400);
    match bytes.first().map_or(0, |first| first % 4) {
        0 => support::model::run::<1>(support::model::narrow(), &ops),
        1 => support::model::run::<2>(support::model::narrow(), &ops),
        2 => support::model::run::<8>(support::model::narrow(), &ops),
        _ => support::model::run::<256>(support::model::narrow(), &ops),
    };
});

//! Any calls, at the capacity that the first byte chooses, against the reference model of the tests.
#![no_main]

#[path = "../../tests/support/model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // More calls cost more than they find: the model is slow and obvious.
    let mut ops = model::ops(bytes);
    ops.truncate(400);
    match bytes.first().map_or(0, |first| first % 4) {
        0 => model::run::<1>(model::NARROW, &ops),
        1 => model::run::<2>(model::NARROW, &ops),
        2 => model::run::<8>(model::NARROW, &ops),
        _ => model::run::<256>(model::NARROW, &ops),
    };
});

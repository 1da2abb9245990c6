//! Any calls, at four capacities, against the reference model of the tests.

#![no_main]

#[path = "../../tests/support/model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let ops = model::ops(bytes);
    model::run::<1>(model::NARROW, &ops);
    model::run::<2>(model::NARROW, &ops);
    model::run::<8>(model::NARROW, &ops);
    model::run::<256>(model::NARROW, &ops);
});

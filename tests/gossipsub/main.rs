//! Tests of gossipsub's router: by itself, in a simulated network, and in the service.
#![cfg(feature = "protocols")]

mod harness;
mod reports;

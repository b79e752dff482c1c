//! Adds entries up and remembers where it was built.

/// Adds the first `count` numbers; panics, with the place in the source, when there are none.
#[no_mangle]
pub extern "C" fn tally(count: u32) -> u64 {
    ledger::sum(count) + mark::of(file!().as_bytes())
}

//! Adds entries up and remembers where it was built.

/// Adds the first `count` numbers; panics, with the place in the source, when there are none.
#[no_mangle]
pub extern "C" fn tally(count: u32) -> u64 {
    let marked = &file!().as_bytes()[..(count & 7) as usize];
    ledger::sum(count) + mark::of(marked)
}

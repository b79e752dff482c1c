/// The sum of the numbers below `count`.
pub fn sum(count: u32) -> u64 {
    assert!(count > 0, "nothing to add up");
    (0..u64::from(count)).sum()
}

/// A mark of some bytes; the path of this file is kept in the message.
pub fn of(bytes: &[u8]) -> u64 {
    assert!(!bytes.is_empty(), "nothing to mark");
    bytes.iter().fold(14_695_981_039_346_656_037, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211)
    })
}

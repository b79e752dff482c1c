/**
 * A Rust project of our own that brings its dependency along, in several versions: which one is
 * compiled in, the lock file says, and without one cargo takes the newest that is there.
 */
export function vendoredProject(versions: readonly string[], locked: boolean): Map<string, string> {
  const files = new Map([
    [
      'Cargo.toml',
      `[package]
name = "vendored"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[dependencies]
mark = "0.2"
`,
    ],
    [
      'src/lib.rs',
      `#[no_mangle]
pub extern "C" fn marked(count: u32) -> u64 {
    mark::of(&file!().as_bytes()[..(count & 7) as usize])
}
`,
    ],
    [
      '.cargo/config.toml',
      `[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
`,
    ],
  ]);
  if (locked) files.set('Cargo.lock', LOCK);
  for (const version of versions) {
    const folder = `vendor/mark-${version}`;
    files.set(
      `${folder}/Cargo.toml`,
      `[package]\nname = "mark"\nversion = "${version}"\nedition = "2021"\n`,
    );
    files.set(`${folder}/src/lib.rs`, crate(version));
    files.set(`${folder}/.cargo-checksum.json`, '{"files":{}}');
  }
  return files;
}

/** The panic names the file, and with it the version. */
function crate(version: string): string {
  const patch = Number(version.split('.').at(-1));
  return `pub fn of(bytes: &[u8]) -> u64 {
    assert!(!bytes.is_empty(), "nothing to mark");
    bytes.iter().fold(${patch}, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(31))
}
`;
}

const LOCK = `version = 4

[[package]]
name = "mark"
version = "0.2.1"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "vendored"
version = "0.1.0"
dependencies = [
 "mark",
]
`;

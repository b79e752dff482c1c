import { readComponent } from '@touchstone/wasm';
import { describe, expect, it } from 'vitest';
import {
  COMPONENT,
  consumerOf,
  externName,
  join,
  leb,
  section,
  text,
  vector,
  type Bytes,
} from './assemble.fixture.js';
import { checkVersions } from './check-versions.js';

const WANTED = 'demo:pkg/api@1.2.0';
const INSTANCE = 0x05;
const listed = (id: number, items: readonly Bytes[]): Uint8Array =>
  section(id, Uint8Array.from([...leb(items.length), ...items.flatMap((each) => [...each])]));

/**
 * Imports an interface by a name, exports it so often, each time what the last export made, and gives
 * the last one to so many instances.
 */
function given(name: string, exported: number, instances: number): Uint8Array {
  const again = Array.from({ length: exported }, (_, at) =>
    join(externName(`e${at}`), [INSTANCE], leb(at), [0x00]),
  );
  const instance = join([0x00, 0x00, 0x01], text(WANTED), [INSTANCE], leb(exported));
  return join(
    COMPONENT,
    vector(7, [0x42, 0x00]),
    vector(10, join(externName(name), [INSTANCE, 0x00])),
    section(4, consumerOf({ name: WANTED, funcs: [] })),
    listed(11, again),
    listed(
      5,
      Array.from({ length: instances }, () => instance),
    ),
  );
}

describe('versions of what is passed on', () => {
  it.each<[string, string[], string[]]>([
    ['demo:pkg/api@1.2.0', [], []],
    ['demo:pkg/api@1.3.0', [], []],
    ['demo:pkg/api@1.0.0', [], ['version-older']],
    ['demo:pkg/api@2.0.0', ['version-incompatible'], []],
    ['demo:pkg/other@2.0.0', [], []],
  ])('%s, through exports of exports', (name, wrong, doubtful) => {
    const { findings, warnings } = checkVersions(readComponent(given(name, 3, 1)));
    expect([findings.map(({ code }) => code), warnings.map(({ code }) => code)]).toEqual([
      wrong,
      doubtful,
    ]);
  });

  it('are followed once, however many exports stand between', () => {
    const { warnings } = checkVersions(readComponent(given('demo:pkg/api@1.0.0', 50_000, 50_000)));
    expect(warnings).toHaveLength(50_000);
  });
});

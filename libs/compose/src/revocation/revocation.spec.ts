import { signEnvelope, type DsseEnvelope } from '@touchstone/attest';
import { nobleVerifier } from '@touchstone/note';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composition, provider } from '../assemble.fixture.js';
import { ComposeError } from '../errors.js';
import { signer } from '../evidence.fixture.js';
import { deriveGraph } from '../graph.js';
import { verifyComposition } from '../verify.js';
import { composeManifest, embedManifest } from '../write-manifest.js';
import {
  parseRevocationList,
  revocationStatement,
  type RevocationList,
} from './revocation-list.js';

const [owner, stranger] = [signer(), signer()];
const at = new Date('2026-11-29T12:00:00Z');
const current = { issuedOn: new Date('2026-11-01'), nextUpdate: new Date('2026-12-01') };
const file = composition({ first: provider(0), second: provider(1) });
const [, , module, component] = deriveGraph(file).nodes;
const none = { ...current, revoked: [] };
const of = (sha256 = '', more: Partial<RevocationList> = {}): RevocationList => ({
  ...current,
  revoked: [{ digest: { sha256 }, reason: 'CVE-2026-0001' }],
  ...more,
});

const signed = (list: RevocationList, by = owner): Promise<DsseEnvelope> =>
  signEnvelope(revocationStatement(list), by);

async function codes(files: readonly unknown[], bytes = file, when = at): Promise<string[][]> {
  const { findings } = await verifyComposition(embedManifest(bytes, composeManifest(bytes)), {
    revocations: { files, revokers: [owner.publicKey], verify: nobleVerifier, at: when },
  });
  return findings.map(({ step, code, node }) => [step, code, node]);
}

describe('a node that was taken back', () => {
  it('is named, whichever it is, and by its bytes alone', async () => {
    expect(await codes([await signed(none)])).toEqual([]);
    const list = await signed(of(module?.digest.sha256));
    expect(await codes([list])).toEqual([
      ['revocations', 'node-revoked', '/component[0]/module[0]'],
    ]);
    expect(await codes([list], composition({ first: provider(2), second: provider(1) }))).toEqual(
      [],
    );
    expect(await codes([await signed(of(component?.digest.sha256))])).toEqual([
      ['revocations', 'node-revoked', component?.path],
    ]);
    // The file without its manifest, which is what was there to be revoked.
    expect(await codes([await signed(of(deriveGraph(file).nodes[0]?.digest.sha256))])).toEqual([
      ['revocations', 'node-revoked', '/'],
    ]);
  });

  it('stays so under an older list, beside one in force that forgets it', async () => {
    const older = { issuedOn: new Date('2026-01-01'), nextUpdate: new Date('2026-02-01') };
    const lists = [await signed(of(module?.digest.sha256, older)), await signed(none)];
    expect(await codes(lists)).toEqual([
      ['revocations', 'node-revoked', '/component[0]/module[0]'],
    ]);
  });
});

describe('revocation lists', () => {
  it('must be there, and in force, of everybody who may revoke', async () => {
    expect(await codes([])).toEqual([['revocations', 'revocation-missing', '/']]);
    const list = await signed(none);
    for (const when of ['2026-10-31', '2026-12-02']) {
      expect(await codes([list], file, new Date(when))).toEqual([
        ['revocations', 'revocation-expired', '/'],
      ]);
    }
  });

  it('are refused of others, and of another kind', async () => {
    expect(await codes([await signed(of(module?.digest.sha256), stranger)])).toEqual([
      ['revocations', 'signer-unknown', '/'],
      ['revocations', 'revocation-missing', '/'],
    ]);
    const statement = { ...revocationStatement(none), predicateType: 'https://example.org/review' };
    expect((await codes([await signEnvelope(statement, owner)]))[0]?.[1]).toBe(
      'statement-predicate-type',
    );
    expect((await codes([{ payload: '' }]))[0]?.[1]).toBe('dsse-malformed');
  });

  const good = revocationStatement(of('a'.repeat(64)));
  const predicate = good.predicate as { revoked: object[] };
  it.each<[string, object]>([
    ['another subject', { subject: [{ digest: { sha256: 'b'.repeat(64) } }] }],
    ['no end', { predicate: { ...predicate, nextUpdate: undefined } }],
    [
      'an end before its beginning',
      { predicate: { ...predicate, nextUpdate: '2026-10-01T00:00:00Z' } },
    ],
    ['a field more', { predicate: { ...predicate, more: 1 } }],
    [
      'an entry twice',
      {
        predicate: { ...predicate, revoked: [...predicate.revoked, ...predicate.revoked] },
        subject: [...good.subject, ...good.subject],
      },
    ],
  ])('are refused with %s', async (_, change) => {
    const changed = JSON.parse(JSON.stringify({ ...good, ...change })) as typeof good;
    expect((await codes([await signEnvelope(changed, owner)]))[0]?.[1]).toBe(
      'revocation-malformed',
    );
  });

  it('of any bytes are read or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parseRevocationList(bytes);
          } catch (error) {
            expect((error as ComposeError).code).toBeTypeOf('string');
          }
        },
      ),
      { numRuns: 200, seed: 5 },
    );
    const many = Array.from({ length: 1001 }, (_, i) => ({
      digest: { sha256: i.toString(16).padStart(64, '0') },
    }));
    expect(() => revocationStatement({ ...current, revoked: many })).toThrow(ComposeError);
  });
});

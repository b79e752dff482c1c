import { cborItemLength, cosignTrustRoot, signTrustRoot, type TrustRoot } from '@touchstone/attest';
import { encodeUtf8 } from '@touchstone/note';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AirgapError } from './errors.js';
import { rangesOf } from './pack.js';
import { encodeRecord } from './record.js';
import {
  ORIGIN,
  policyText,
  newSigner,
  rootSigners,
  sha256,
  TestLog,
  trustRoot,
  verify,
} from './site.fixture.js';
import type { SiteKnowledge, VerifiedBundle, VerifiedItem } from './verified-bundle.js';
import { verifyBundle } from './verify-bundle.js';

const log = await TestLog.of(23);

async function* inPieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

interface Read {
  readonly items: readonly VerifiedItem[];
  readonly bundle: VerifiedBundle;
}

async function read(bytes: Uint8Array, site: SiteKnowledge, pieces?: number): Promise<Read> {
  const items: VerifiedItem[] = [];
  const verifying = verifyBundle(inPieces(bytes, pieces), site, { verify, sha256 });
  for (;;) {
    const next = await verifying.next();
    if (next.done === true) return { items, bundle: next.value };
    items.push(next.value);
  }
}

async function codeOf(bytes: Uint8Array, site: SiteKnowledge): Promise<string> {
  return read(bytes, site).then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof AirgapError) return error.code;
      throw error;
    },
  );
}

const standings = ({ items }: Read): string[] =>
  items.flatMap((item) => (item.kind === 'entry' ? [`${item.index} ${item.standing.kind}`] : []));

describe('a carry bundle', () => {
  it('brings a whole log to a site that has nothing', async () => {
    const bytes = await log.bundle([{ begin: 0, end: 23 }]);
    const result = await read(bytes, log.site(0));
    expect(result.bundle.witnessed).toMatchObject({ quorum: true, checkpoint: { size: 23 } });
    expect(result.bundle.frontier).toEqual(log.rangeAt(23).hashes);
    expect(standings(result).slice(0, 8)).toEqual([
      '0 statement',
      '1 statement',
      '2 statement',
      '3 statement',
      '4 foreign',
      '5 statement',
      '6 unread',
      '7 statement',
    ]);
  });

  it('is the same bytes from the same input, in whatever pieces it is read', async () => {
    const bytes = await log.bundle([{ begin: 3, end: 9 }], { base: 3 });
    expect(await log.bundle([{ begin: 3, end: 9 }], { base: 3 })).toEqual(bytes);
    const whole = await read(bytes, log.site(3));
    for (const pieces of [1, 7, 65_536]) {
      expect(await read(bytes, log.site(3), pieces)).toEqual(whole);
    }
  });

  it('needs no proof hashes where the site keeps the frontier', async () => {
    const ranges = [{ begin: 11, end: 23 }];
    const prefix = await log.bundle(ranges, { base: 11 });
    const frontier = await log.bundle(ranges, { base: 11, proof: 'frontier' });
    // 11 is 8 + 2 + 1: three hashes of 32 bytes, and the head of the record.
    expect(prefix.length - frontier.length).toBeGreaterThanOrEqual(3 * 32);
    expect(standings(await read(frontier, log.site(11)))).toEqual(
      standings(await read(prefix, log.site(11))),
    );
  });

  it('proves any choice of entries, and consistency, whatever the base', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(22), { maxLength: 12 }),
        fc.nat(23),
        async (chosen, base) => {
          const bytes = await log.bundle(rangesOf(chosen), { base });
          const { items } = await read(bytes, log.site(base));
          expect(items.flatMap((item) => (item.kind === 'entry' ? [item.index] : []))).toEqual(
            [...chosen].sort((a, b) => a - b),
          );
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });

  it('carries artifacts piece by piece', async () => {
    const bytes = new Uint8Array(150_000).map((_, at) => (at * 7) % 251);
    const artifact = {
      name: 'main.wasm',
      sha256: sha256(bytes),
      size: bytes.length,
      read: () => inPieces(bytes, 999),
    };
    const { items } = await read(await log.bundle([], { artifacts: [artifact] }), log.site(0));
    const pieces = items.flatMap((item) => (item.kind === 'chunk' ? [item.bytes] : []));
    expect(pieces.map(({ length }) => length)).toEqual([65_536, 65_536, 18_928]);
    expect(new Uint8Array(Buffer.concat(pieces))).toEqual(bytes);
    for (const wrong of [
      { ...artifact, size: artifact.size + 1 },
      { ...artifact, size: artifact.size - 1 },
      { ...artifact, sha256: sha256(bytes.subarray(1)) },
    ]) {
      const bundle = await log.bundle([], { artifacts: [wrong] });
      expect(await codeOf(bundle, log.site(0))).toBe('artifact-mismatch');
    }
  });
});

describe('trust roots travel', () => {
  const follow = async (version: number, signers: readonly [Signer, Signer] = rootSigners) =>
    encodeUtf8(
      JSON.stringify(
        await cosignTrustRoot(await signTrustRoot(trustRoot(version), signers[0]), signers[1]),
      ),
    );
  type Signer = ReturnType<typeof newSigner>;

  it('version by version, also to a site that has some of them already', async () => {
    const rootEnvelopes = [await follow(2), await follow(3)];
    const bytes = await log.bundle([{ begin: 0, end: 5 }], { rootEnvelopes });
    expect((await read(bytes, log.site(0))).bundle.trustRoot.version).toBe(3);
    const later = { ...log.site(0), trustRoot: trustRoot(2) };
    expect((await read(bytes, later)).bundle.trustRoot.version).toBe(3);
  });

  it.each([
    ['with a gap', async () => [await follow(3)]],
    [
      'with too few signatures',
      async () => [encodeUtf8(JSON.stringify(await signTrustRoot(trustRoot(2), rootSigners[0])))],
    ],
    [
      'by other signers',
      async () => [await follow(2, [newSigner('ed25519'), newSigner('ed25519')])],
    ],
    ['by one signer twice', async () => [await follow(2, [rootSigners[0], rootSigners[0]])]],
  ])('but not %s', async (_, envelopes) => {
    const bytes = await log.bundle([{ begin: 0, end: 5 }], { rootEnvelopes: await envelopes() });
    expect(await codeOf(bytes, log.site(0))).toBe('trust-root');
  });
});

describe('terms of the trust root', () => {
  const bytes = log.bundle([{ begin: 0, end: 23 }]);
  const under = (change: Partial<TrustRoot>): SiteKnowledge => {
    const { site, origin, base } = log.site(0);
    return { site, origin, base, trustRoot: { ...trustRoot(), ...change } };
  };

  it('take no entry of a key that was retired before it', async () => {
    const [acme, ...others] = trustRoot().rebuilders;
    const keys = acme!.keys.map((key) => ({ ...key, retired: [{ origin: ORIGIN, size: 3 }] }));
    const result = await read(await bytes, under({ rebuilders: [{ ...acme!, keys }, ...others] }));
    expect(standings(result).slice(0, 6)).toEqual([
      '0 statement',
      '1 statement',
      '2 statement',
      '3 statement',
      '4 foreign',
      '5 statement',
    ]);
    expect(standings(result)).toContain('8 foreign');
  });

  it('take no checkpoint by a key whose time is over, or has not come', async () => {
    const [key] = trustRoot().logs;
    for (const term of [{ until: 22 }, { from: 24 }]) {
      expect(await codeOf(await bytes, under({ logs: [{ ...key!, ...term }] }))).toBe('checkpoint');
    }
    expect(await codeOf(await bytes, under({ logs: [{ ...key!, from: 23, until: 23 }] }))).toBe(
      'accepted',
    );
  });

  it('say who must have cosigned, where the site does not', async () => {
    const { bundle } = await read(await bytes, under({ witnessPolicy: policyText }));
    expect(bundle.witnessed.quorum).toBe(true);
    expect((await read(await bytes, under({}))).bundle.witnessed.quorum).toBe(false);
  });
});

describe('a carry bundle is refused', () => {
  it.each([
    ['for another site', { site: 'mine' }, 'wrong-site'],
    ['of another log', { origin: 'other.example.org' }, 'wrong-origin'],
    ['unsigned, where exporters are named', { unsigned: true }, 'exporter-signature'],
    ['from a trust root to come', { rootVersion: 2 }, 'trust-root'],
  ])('%s', async (_, more, code) => {
    expect(await codeOf(await log.bundle([{ begin: 0, end: 2 }], more), log.site(0))).toBe(code);
  });

  it('when it is older than what the site has', async () => {
    const old = await TestLog.of(9);
    expect(await codeOf(await old.bundle([{ begin: 0, end: 9 }]), log.site(11))).toBe('rollback');
  });

  it('when it says nothing of where the site stands', async () => {
    const bytes = await log.bundle([{ begin: 20, end: 23 }], { base: 0 });
    expect(await codeOf(bytes, log.site(13))).toBe('base-mismatch');
    const frontier = await log.bundle([{ begin: 11, end: 23 }], { base: 11, proof: 'frontier' });
    expect(await codeOf(frontier, log.site(13))).toBe('base-mismatch');
  });

  it('when its log forked, with both checkpoints as proof', async () => {
    const forked = await TestLog.of(23, ' of the fork');
    const ours = await log.checkpoint(11);
    const site = log.site(11, ours);
    for (const [ranges, base] of [
      [[{ begin: 0, end: 23 }], 0],
      [[{ begin: 11, end: 23 }], 11],
    ] as const) {
      const bytes = await forked.bundle(ranges, { base });
      const error: unknown = await read(bytes, site).catch((cause: unknown) => cause);
      expect(error).toMatchObject({
        code: 'fork',
        fork: { ours, theirs: await forked.checkpoint() },
      });
    }
    const same = await forked.bundle([], { base: 23 });
    expect(await codeOf(same, log.site(23, await log.checkpoint()))).toBe('fork');
    const frontier = await forked.bundle([{ begin: 11, end: 23 }], { base: 11, proof: 'frontier' });
    expect(await codeOf(frontier, site)).toBe('root-mismatch');
  });

  it('cut off anywhere', async () => {
    const bytes = await log.bundle([{ begin: 5, end: 7 }], { base: 3 });
    const site = log.site(3);
    for (let length = 0; length < bytes.length; length++) {
      expect(await codeOf(bytes.subarray(0, length), site)).toBe('bundle-truncated');
    }
    const longer = new Uint8Array([...bytes, 0]);
    expect(await codeOf(longer, log.site(3))).toBe('bundle-malformed');
  });

  it('with any byte changed', async () => {
    const bytes = await log.bundle([{ begin: 5, end: 7 }], { base: 3 });
    const site = log.site(3);
    const codes = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = new Uint8Array(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      const code = await codeOf(damaged, site);
      expect(code, `byte ${at}`).not.toBe('accepted');
      codes.add(code);
    }
    expect(codes).toContain('attestation-mismatch');
    expect(codes).toContain('bundle-digest');
  });

  it('with its records in another order, doubled or left out', async () => {
    const bytes = await log.bundle([{ begin: 3, end: 6 }], { base: 3 });
    const records = recordsOf(bytes).slice(0, -1);
    expect(await codeOf(sealed(records), log.site(3))).toBe('accepted');
    for (const [at, record] of records.entries()) {
      const others = records.filter((_, other) => other !== at);
      for (let place = 0; place <= others.length; place++) {
        if (place === at) continue;
        const moved = [...others.slice(0, place), record, ...others.slice(place)];
        expect(await codeOf(sealed(moved), log.site(3)), `${at} to ${place}`).not.toBe('accepted');
      }
      const doubled = [...records.slice(0, at), record, ...records.slice(at)];
      for (const list of [others, doubled]) {
        expect(await codeOf(sealed(list), log.site(3)), `${at}`).not.toBe('accepted');
      }
    }
  });
});

/** The bundle's records, cut where each ends. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = cborItemLength(bytes, at) as number;
    records.push(bytes.slice(at, at + length));
    at += length;
  }
  return records;
}

/** With the right digest at its end, as a forger would do. */
function sealed(records: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(records);
  return new Uint8Array(Buffer.concat([body, encodeRecord({ kind: 'end', sha256: sha256(body) })]));
}

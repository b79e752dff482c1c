import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ARCHIVE_END, archiveHeader, archivePadding } from '@touchstone/airgap';
import { CONFIG, COUNTER_MAX, encodeCounter } from '@touchstone/atecc608';
import {
  cosignTrustRoot,
  signTrustRoot,
  type DsseEnvelope,
  type TrustRoot,
} from '@touchstone/attest';
import { generateKey, type PrivateKey } from '@touchstone/keys';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { planExport, writeExport } from './export-bundle.js';
import { joinParts, splitFile } from './media.js';
import {
  acknowledged,
  codeOf,
  enrolled,
  NOTHING,
  ONCE,
  SiteStand,
  type Standing,
} from './site-stand.fixture.js';
import { makeSite } from './site.js';

/*
 * What may come to a site, and how each ends: refused with a code, nothing installed, no step of the
 * counter spent. Chips that misbehave are in `bad-chip.spec.ts`. Bundles that lie in themselves have
 * their tables in libs/airgap/src/bundle.spec.ts.
 */

let stand: SiteStand;
let whole: string;

beforeAll(async () => {
  stand = await SiteStand.start();
  whole = await stand.exportTo('whole.tar');
}, 60_000);
afterAll(() => stand.close());
beforeEach(() => stand.newSite());

const standing = (): Promise<Standing> => stand.standing();

describe('an older state of things', () => {
  it('an old bundle after a newer one', async () => {
    await stand.reproduce('newer');
    const newer = await stand.exportTo('newer.tar');
    expect(await stand.importing(newer)).toBe('done');
    expect(await stand.importing(whole)).toBe('rollback');
    expect(await standing()).toEqual(ONCE);
  });

  it('an old disk image, with the old bundle and with a new one', async () => {
    await cp(stand.folder, `${stand.folder}-old`, { recursive: true });
    expect(await stand.importing(whole)).toBe('done');
    await rm(stand.folder, { recursive: true });
    await cp(`${stand.folder}-old`, stand.folder, { recursive: true });
    await stand.reproduce('after the image');
    const later = await stand.exportTo('later.tar');
    for (const file of [whole, later]) expect(await stand.importing(file)).toBe('state-rollback');
    expect((await readdir(stand.folder)).sort()).toEqual(['site.json', 'state-0.json']);
  });

  it('a chip that forgot its counting', async () => {
    // Two imports: one step behind is an import that a power cut broke off, and is finished.
    expect(await stand.importing(whole)).toBe('done');
    await stand.reproduce('before it forgot');
    expect(await stand.importing(await stand.exportTo('second.tar'))).toBe('done');
    await stand.rewriteChip((image) => image.set(encodeCounter(0), CONFIG.counters));
    expect(await stand.importing(whole)).toBe('state-rollback');
  });
});

describe('a counter at its end', () => {
  it('takes no import, and leaves the site as it is', async () => {
    await stand.rewriteChip((image) => image.set(encodeCounter(COUNTER_MAX), CONFIG.counters));
    const { folder, settings, trustRoot } = stand;
    await rm(folder, { recursive: true });
    await makeSite({ folder, site: 'hut', trustRoot, settings });
    const before = (await readdir(folder)).sort();
    expect(await stand.importing(whole)).toBe('counter-end');
    expect((await readdir(folder)).sort()).toEqual(before);
    expect(await standing()).toEqual({ counter: COUNTER_MAX, spent: COUNTER_MAX, imports: [] });
  });

  it('takes the last one', async () => {
    await stand.rewriteChip((image) => image.set(encodeCounter(COUNTER_MAX - 1), CONFIG.counters));
    const { folder, settings, trustRoot } = stand;
    await rm(folder, { recursive: true });
    await makeSite({ folder, site: 'hut', trustRoot, settings });
    expect(await stand.importing(whole)).toBe('done');
    expect(await stand.withSite(acknowledged)).toMatchObject({ counter: COUNTER_MAX });
  });
});

describe('trust roots that travel', () => {
  const signers = [generateKey('ed25519'), generateKey('ecdsa-p256-sha256')] as const;
  const strangers = [generateKey('ed25519'), generateKey('ed25519')] as const;
  type Signers = readonly [PrivateKey, PrivateKey];

  const rootOf = (version: number): TrustRoot => ({
    ...stand.trustRoot,
    version,
    signers: { threshold: 2, keys: signers.map(enrolled) },
  });
  const once = (version: number): Promise<DsseEnvelope> =>
    signTrustRoot(rootOf(version), signers[0]);
  const twice = async (version: number, [one, other]: Signers = signers): Promise<DsseEnvelope> =>
    cosignTrustRoot(await signTrustRoot(rootOf(version), one), other);

  /** What an exporter writes who has these files as its chain, from version 2 on. */
  async function bring(chain: readonly DsseEnvelope[], from = 1): Promise<string> {
    const rootChain = await mkdtemp(join(stand.home, 'roots-'));
    for (const [at, envelope] of chain.entries()) {
      await writeFile(join(rootChain, `root-${from + 1 + at}.json`), JSON.stringify(envelope));
    }
    const planned = await planExport({
      ...{ logUrl: stand.log.url, trustRoot: rootOf(from + chain.length), rootChain },
      ...{ site: { ...stand.record(), trustRootVersion: from }, artifacts: [] },
      ...{ selection: 'delta', proof: 'prefix' },
    });
    const file = join(rootChain, 'hut.tar');
    await writeExport(planned, file, { exporter: stand.exporter });
    return file;
  }

  beforeEach(async () => {
    const { folder, settings } = stand;
    await rm(folder, { recursive: true });
    await makeSite({ folder, site: 'hut', trustRoot: rootOf(1), settings });
  });

  it('one after the other are followed', async () => {
    expect(await stand.importing(await bring([await twice(2), await twice(3)]))).toBe('done');
    expect(await stand.withSite((site) => Promise.resolve(site.state.trustRoot.version))).toBe(3);
  });

  it('are news, though the tree is the same', async () => {
    expect(await stand.importing(await bring([]))).toBe('done');
    const next = await bring([await twice(2)]);
    expect(await stand.importing(next)).toBe('done');
    expect(await stand.importing(next)).toBe('nothing-new');
    expect(await standing()).toMatchObject({ counter: 2, spent: 2 });
  });

  it.each<[string, () => Promise<string>]>([
    ['with a gap', async () => bring([await twice(3)])],
    ['that follow one the site has not', async () => bring([await twice(3)], 2)],
    ['of which one has too few signatures', async () => bring([await twice(2), await once(3)])],
    ['signed by others', async () => bring([await twice(2, strangers)])],
    ['signed by one twice', async () => bring([await twice(2, [signers[0], signers[0]])])],
    ['in another order', async () => bring([await twice(3), await twice(2)])],
  ])('%s are not', async (_, made) => {
    expect(await stand.importing(await made())).toBe('trust-root');
    expect(await standing()).toEqual(NOTHING);
    expect(await stand.withSite((site) => Promise.resolve(site.state.trustRoot.version))).toBe(1);
  });
});

describe('a bundle that begins where the site does not stand', () => {
  it('at an acknowledgement that is another site’s', async () => {
    expect(await stand.importing(whole)).toBe('done');
    const ack = await stand.withSite(acknowledged);
    await stand.reproduce('after the base');
    const delta = await stand.exportTo('delta.tar', stand.record(ack), 'frontier');
    await stand.newSite();
    expect(await stand.importing(delta)).toBe('base-mismatch');
    expect(await standing()).toEqual(NOTHING);
  });
});

describe('parts', () => {
  const PART = 2048;
  /** So much that the last of the parts is a short one. */
  const SMALL = 3140;

  async function parts(): Promise<{ small: string; paths: string[]; joined: string }> {
    const small = join(stand.home, 'small');
    await writeFile(small, (await readFile(whole)).subarray(0, SMALL));
    const paths = await splitFile(small, join(stand.home, 'small-parts'), PART);
    return { small, paths, joined: join(stand.home, 'small-joined') };
  }

  it('of two exports are never mixed', async () => {
    const { paths, joined } = await parts();
    const other = join(stand.home, 'other');
    await writeFile(other, (await readFile(whole)).subarray(1, SMALL));
    const others = await splitFile(other, join(stand.home, 'other-parts'), PART);
    expect(await codeOf(joinParts([...paths.slice(0, 1), ...others.slice(1)], joined))).toBe(
      'part-mixed',
    );
    await expect(readFile(joined)).rejects.toThrow('ENOENT');
  });

  it('that came twice count once', async () => {
    const { small, paths, joined } = await parts();
    expect(await joinParts([...paths, ...paths], joined)).toMatchObject({ missing: [] });
    expect(await readFile(joined)).toEqual(await readFile(small));
    await rm(joined);
  });

  it('are missed when any byte of one is another, or it ends anywhere', async () => {
    const { paths, joined } = await parts();
    const rest = paths.slice(0, -1);
    const last = paths.at(-1) ?? '';
    const good = await readFile(last);
    const missed = async (bytes: Uint8Array): Promise<void> => {
      await writeFile(last, bytes);
      const found = await joinParts([last, ...rest], joined).catch(
        (error: unknown) => (error as { code: string }).code,
      );
      if (typeof found === 'string') expect(found).toMatch(/^part-/);
      else expect(found.missing).toEqual([rest.length]);
    };
    for (let at = 0; at < good.length; at++) {
      await missed(good.with(at, (good[at] as number) ^ 1));
    }
    for (let end = 0; end < good.length; end++) await missed(good.subarray(0, end));
    await missed(Buffer.concat([good, Buffer.of(0)]));
    await writeFile(last, good);
    await expect(readFile(joined)).rejects.toThrow('ENOENT');
  }, 60_000);
});

describe('a bomb', () => {
  const archive = (content: Uint8Array, size = content.length): Uint8Array =>
    Buffer.concat([archiveHeader('carry.cbor', size), content, archivePadding(size), ARCHIVE_END]);
  /** A CBOR head of major type and a length in eight bytes. */
  const head = (major: number, length: bigint): Uint8Array => {
    const bytes = Buffer.alloc(9);
    bytes[0] = (major << 5) | 27;
    bytes.writeBigUInt64BE(length, 1);
    return bytes;
  };

  it.each<[string, string, () => Uint8Array]>([
    ['a byte string of a terabyte', 'bundle-limit', () => archive(head(2, 1n << 40n))],
    ['a text of 2^63 bytes', 'bundle-limit', () => archive(head(3, 1n << 63n))],
    ['a list of a billion members', 'bundle-limit', () => archive(head(4, 1n << 30n))],
    ['a map of a billion keys', 'bundle-limit', () => archive(head(5, 1n << 30n))],
    ['lists ten thousand deep', 'bundle-limit', () => archive(new Uint8Array(10_000).fill(0x81))],
    ['tags ten thousand deep', 'bundle-limit', () => archive(new Uint8Array(10_000).fill(0xc6))],
    ['a list without an end', 'bundle-limit', () => archive(new Uint8Array(10_000).fill(0x9f))],
    ['what is compressed', 'bundle-limit', () => archive(gzipSync(new Uint8Array(1 << 20)))],
    ['an archive that is compressed', 'bundle-truncated', () => gzipSync(archive(head(4, 1n)))],
    [
      'an archive that says 8 GB',
      'bundle-malformed',
      () => archive(new Uint8Array(512), 8 * 2 ** 30 - 1),
    ],
    ['nothing at all', 'bundle-truncated', () => new Uint8Array(0)],
  ])('%s: %s', async (_, code, made) => {
    const file = join(stand.home, 'bomb.tar');
    await writeFile(file, made());
    const before = process.memoryUsage().rss;
    expect(await stand.importing(file)).toBe(code);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    expect(await standing()).toEqual(NOTHING);
  });
});

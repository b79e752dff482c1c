import { createHash, generateKeyPairSync, sign, verify as nodeVerify } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import {
  envelopeLogEntry,
  envelopeRequest,
  rebuildStatement,
  signEnvelope,
  type RebuildPredicate,
  type TrustRoot,
} from '@touchstone/attest';
import { CompactRange, treeHasher, type NodeId } from '@touchstone/merkle';
import {
  cosign,
  cosignerKey,
  encodeUtf8,
  formatCheckpoint,
  formatCosignerKey,
  formatVerifierKey,
  fromBase64,
  noteSigner,
  parseWitnessPolicy,
  publicKeyFromRaw,
  signNote,
  toBase64,
  verifierKey,
  type SignatureVerifier,
  type Signer,
} from '@touchstone/note';
import { signExport } from './exporter.js';
import {
  countLeaves,
  packBundle,
  type BundleContents,
  type CarrySource,
  type LeafRange,
} from './pack.js';
import type { CarryHeader } from './record.js';
import type { SiteKnowledge } from './verified-bundle.js';

export const sha256 = (data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(data).digest());

export const hasher = treeHasher(sha256);

export function newSigner(algorithm: 'ed25519' | 'ecdsa-p256-sha256'): Signer {
  const { publicKey, privateKey } =
    algorithm === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const hash = algorithm === 'ed25519' ? null : 'sha256';
  return {
    publicKey: { algorithm, spki },
    sign: (message) => new Uint8Array(sign(hash, message, privateKey)),
  };
}

/** ECDSA by RFC 6979: the same message, the same signature. */
function deterministicSigner(): Signer {
  const key = p256.utils.randomSecretKey();
  return {
    publicKey: publicKeyFromRaw('ecdsa-p256-sha256', p256.getPublicKey(key, false)),
    sign: (message) => p256.sign(message, key, { format: 'der', lowS: false }),
  };
}

export const verify: SignatureVerifier = ({ algorithm, spki }, message, signature) =>
  nodeVerify(
    algorithm === 'ed25519' ? null : 'sha256',
    message,
    { key: Buffer.from(spki), format: 'der', type: 'spki' },
    signature,
  );

export const ORIGIN = 'log.example.org';
const log = newSigner('ed25519');
const witness = newSigner('ed25519');
const exporter = deterministicSigner();
export const rootSigners = [newSigner('ed25519'), newSigner('ecdsa-p256-sha256')] as const;
const organisations = [
  { id: 'acme', organisation: 'Acme', signer: newSigner('ecdsa-p256-sha256') },
  { id: 'birch', organisation: 'Birch', signer: newSigner('ed25519') },
] as const;
const stranger = newSigner('ed25519');

const enrolled = ({
  publicKey,
}: Signer): { algorithm: 'ed25519' | 'ecdsa-p256-sha256'; spki: string } => ({
  algorithm: publicKey.algorithm,
  spki: toBase64(publicKey.spki),
});

export function trustRoot(version = 1): TrustRoot {
  return {
    schema: 'https://touchstone.dev/trust-root/v1',
    version,
    logs: [{ origin: ORIGIN, vkey: formatVerifierKey(verifierKey(ORIGIN, log.publicKey)) }],
    rebuilders: organisations.map(({ id, organisation, signer }) => ({
      id,
      organisation,
      keys: [enrolled(signer)],
    })),
    policy: { quorum: 2 },
    signers: { threshold: 2, keys: rootSigners.map(enrolled) },
    exporters: [{ algorithm: 'ecdsa-p256-sha256', spki: toBase64(exporter.publicKey.spki) }],
  };
}

export const policyText = `witness w ${formatCosignerKey(cosignerKey('w.example.org', witness.publicKey))}\nquorum w\n`;
const witnessPolicy = parseWitnessPolicy(policyText);

function predicate(artifact: number): RebuildPredicate {
  const digest = { sha256: createHash('sha256').update(`module ${artifact}`).digest('hex') };
  const file = { digest, size: 100 + artifact };
  return {
    outcome: 'reproduced',
    artifact: {
      uri: `pkg:npm/package-${artifact}@1.0.0`,
      digest: { sha512: createHash('sha512').update(`tarball ${artifact}`).digest('hex') },
    },
    recipe: { digest: { sha256: createHash('sha256').update(`recipe ${artifact}`).digest('hex') } },
    modules: [
      { name: 'main', outcome: 'reproduced', claimed: file, observed: file, normalisations: [] },
    ],
    environment: { sandbox: 'test', architecture: 'x86_64', network: 'none', variables: {} },
    startedOn: '2026-11-01T00:00:00Z',
    finishedOn: '2026-11-01T00:00:01Z',
  };
}

/** A log of real statements, by both organisations in turn and now and then by a stranger. */
export class TestLog implements CarrySource {
  readonly #entries: { leaf: Uint8Array; attestation?: Uint8Array }[] = [];
  readonly #nodes = new Map<string, Uint8Array>();
  readonly #range = new CompactRange(hasher);

  static async of(size: number, salt = ''): Promise<TestLog> {
    const made = new TestLog();
    while (made.size < size) await made.add(salt);
    return made;
  }

  get size(): number {
    return this.#range.size;
  }

  async add(salt = ''): Promise<void> {
    const at = this.size;
    if (at % 7 === 6) {
      this.#append({ leaf: encodeUtf8(`{"note":"of the log ${at}${salt}"}`) });
      return;
    }
    const signer = at % 5 === 4 ? stranger : (organisations[at % 2] as { signer: Signer }).signer;
    const statement = rebuildStatement(predicate(Math.floor(at / 2)));
    const named =
      salt === ''
        ? statement
        : { ...statement, predicate: { ...predicate(at), startedOn: '2026-11-02T00:00:00Z' } };
    const envelope = await signEnvelope(named, signer);
    const { attestation } = envelopeRequest(envelope, signer.publicKey);
    this.#append({
      leaf: envelopeLogEntry(envelope, signer.publicKey),
      attestation: attestation?.bytes ?? fromBase64(envelope.payload),
    });
  }

  #append(entry: { leaf: Uint8Array; attestation?: Uint8Array }): void {
    this.#entries.push(entry);
    this.#range.append(hasher.leaf(entry.leaf), (level, index, hash) =>
      this.#nodes.set(`${level}/${index}`, hash),
    );
  }

  entry(index: number): Promise<{ leaf: Uint8Array; attestation?: Uint8Array }> {
    return Promise.resolve(this.#entries[index] as { leaf: Uint8Array });
  }

  node({ level, index }: NodeId): Promise<Uint8Array> {
    const hash = this.#nodes.get(`${level}/${index}`);
    return hash === undefined ? Promise.reject(new Error('no node')) : Promise.resolve(hash);
  }

  rangeAt(size: number): CompactRange {
    const range = new CompactRange(hasher);
    for (const { leaf } of this.#entries.slice(0, size)) range.append(hasher.leaf(leaf));
    return range;
  }

  async checkpoint(size = this.size, { cosigned = true } = {}): Promise<string> {
    const root = this.rangeAt(size).root();
    const text = formatCheckpoint({ origin: ORIGIN, size, root, extensions: [] });
    const key = cosignerKey('w.example.org', witness.publicKey);
    const cosignatures = cosigned ? [await cosign(text, 1_793_000_000, key, witness)] : [];
    return signNote(text, [noteSigner(ORIGIN, log)], cosignatures);
  }

  site(size: number, note?: string): SiteKnowledge {
    const range = this.rangeAt(size);
    const base = { size, root: range.root(), frontier: [...range.hashes], ...(note && { note }) };
    return { site: 'hut', origin: ORIGIN, trustRoot: trustRoot(), witnessPolicy, base };
  }

  async bundle(
    ranges: readonly LeafRange[],
    {
      base = 0,
      proof = 'prefix',
      ...more
    }: Partial<Omit<CarryHeader, 'base' | 'artifacts'>> & {
      base?: number;
      note?: string;
      artifacts?: BundleContents['artifacts'];
      rootEnvelopes?: Uint8Array[];
      unsigned?: boolean;
    } = {},
  ): Promise<Uint8Array> {
    const note = encodeUtf8(more.note ?? (await this.checkpoint()));
    const [roots, artifacts] = [more.rootEnvelopes ?? [], more.artifacts ?? []];
    const header: CarryHeader = {
      site: more.site ?? 'hut',
      origin: more.origin ?? ORIGIN,
      base: { size: base, root: this.rangeAt(base).root() },
      proof,
      size: this.size,
      rootVersion: more.rootVersion ?? 1,
      roots: roots.length,
      entries: countLeaves(ranges),
      artifacts: artifacts.length,
    };
    const signature = more.unsigned ? undefined : await signExport(header, note, exporter);
    const contents = { header, roots, note, ranges, artifacts, ...(signature && { signature }) };
    const chunks: Uint8Array[] = [];
    for await (const chunk of packBundle(contents, this)) chunks.push(chunk);
    return new Uint8Array(Buffer.concat(chunks));
  }
}

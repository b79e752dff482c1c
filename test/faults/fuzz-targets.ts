import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  AttestError,
  canonicalJson,
  dsseEntry,
  hashedRekordEntry,
  lifeLeaf,
  LOG_LIFE_SCHEMA,
  openLifeLeaf,
  paeBytes,
  parseEnvelope,
  parseJson,
  readEntry,
  v1Entry,
} from '@touchstone/attest';
import { EntryRequest, rekorRoutes } from '@touchstone/contract';
import { ecdsaDigestCheck, generateKey, nodeVerifier } from '@touchstone/keys';
import {
  decodeEntryBundle,
  encodeEntryBundle,
  entriesPath,
  MerkleError,
  parseTilePath,
  rootFromLeaves,
  tilePath,
  verifyConsistency,
  verifyInclusion,
  consistencyProof,
  inclusionProof,
} from '@touchstone/merkle';
import {
  cosign,
  cosignerKey,
  decodeUtf8,
  encodeUtf8,
  formatCheckpoint,
  formatCosignerKey,
  formatNote,
  formatTlogProof,
  formatVerifierKey,
  NoteError,
  noteSigner,
  parseCheckpoint,
  parseNote,
  parseTlogProof,
  parseVerifierKey,
  parseWitnessPolicy,
  signNote,
  verifierKey,
} from '@touchstone/note';
import { formatAddCheckpoint, nodeHasher, parseAddCheckpoint, TlogError } from '@touchstone/tlog';
import { mutateBytes, mutateJson } from './fuzz-mutate.js';
import type { Random } from './fuzz-mutate.js';
import type { FuzzTarget } from './fuzz-target.js';
import { searchTargets } from './fuzz-search.js';

type ErrorClass = new (...args: never[]) => Error;

/** Accepted means: what was read, written again, is the input, byte for byte. */
function same(input: Uint8Array, again: string | Uint8Array): true {
  const bytes = typeof again === 'string' ? Buffer.from(again) : again;
  if (Buffer.compare(input, bytes) === 0) return true;
  throw new Error(`read, but not written again as it was: ${Buffer.from(input).toString('hex')}`);
}

function refusedBy(kind: ErrorClass, parse: () => boolean): boolean {
  try {
    return parse();
  } catch (error) {
    if (error instanceof kind) return false;
    throw error;
  }
}

async function refusedLater(kind: ErrorClass, parse: () => Promise<boolean>): Promise<boolean> {
  try {
    return await parse();
  } catch (error) {
    if (error instanceof kind) return false;
    throw error;
  }
}

function bytesTarget(
  name: string,
  seeds: readonly (string | Uint8Array)[],
  kind: ErrorClass,
  again: (input: Uint8Array) => string | Uint8Array | undefined,
): FuzzTarget {
  const all = seeds.map((seed) => (typeof seed === 'string' ? Buffer.from(seed) : seed));
  const run = (random: Random): boolean => {
    const input = mutateBytes(random, all);
    return refusedBy(kind, () => {
      const written = again(input);
      return written === undefined || same(input, written);
    });
  };
  return { name, run };
}

const logKey = generateKey('ed25519');
const ORIGIN = 'fuzz.touchstone.dev/log';

async function signedNotes(): Promise<string[]> {
  const text = formatCheckpoint({
    origin: ORIGIN,
    size: 300,
    root: hashOf('r'),
    extensions: ['e'],
  });
  const note = await signNote(text, [noteSigner(ORIGIN, logKey)]);
  const witness = cosignerKey('witness.example/w', logKey.publicKey);
  const { signatures } = parseNote(note);
  const cosigned = [...signatures, await cosign(text, 1_700_000_000, witness, logKey)];
  return [note, formatNote({ text, signatures: cosigned })];
}

function hashOf(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

async function noteTargets(): Promise<FuzzTarget[]> {
  const notes = await signedNotes();
  const vkey = formatVerifierKey(verifierKey(ORIGIN, logKey.publicKey));
  const hashes = [1, 2, 3].map((n) => hashOf(String(n)));
  const proofs = notes.map((checkpoint) => formatTlogProof({ index: 7, hashes, checkpoint }));
  const extra = formatTlogProof({
    index: 0,
    hashes,
    checkpoint: notes[0] ?? '',
    extra: hashOf('x'),
  });
  const requests = notes.map((note) => formatAddCheckpoint(5, hashes, note));
  const witness = formatCosignerKey(cosignerKey('witness.example/w', logKey.publicKey));
  const policy = `log ${vkey}\nwitness w1 ${witness} https://w.example\ngroup g any w1\nquorum g\n`;
  return [
    bytesTarget('note', notes, NoteError, (input) => formatNote(parseNote(input))),
    bytesTarget(
      'checkpoint',
      [...notes.map((note) => parseNote(note).text), ''],
      NoteError,
      (input) => formatCheckpoint(parseCheckpoint(decodeUtf8(input))),
    ),
    bytesTarget('verifier-key', [vkey], NoteError, (input) =>
      formatVerifierKey(parseVerifierKey(decodeUtf8(input))),
    ),
    bytesTarget('tlog-proof', [...proofs, extra], NoteError, (input) =>
      formatTlogProof(parseTlogProof(input)),
    ),
    bytesTarget('witness-request', requests, TlogError, (input) => {
      const { oldSize, proof, note } = parseAddCheckpoint(input);
      return formatAddCheckpoint(oldSize, proof, formatNote(note));
    }),
    bytesTarget('witness-policy', [policy], NoteError, (input) => {
      parseWitnessPolicy(input);
      return undefined;
    }),
  ];
}

function tileTargets(): FuzzTarget[] {
  const paths = [
    'tile/0/000',
    'tile/3/x001/x234/067.p/255',
    'tile/entries/x123/456',
    'tile/5/999.p/1',
  ];
  const entries = ['', 'a', 'entry', 'x'.repeat(300)].map((text) => encodeUtf8(text));
  const bundle = encodeEntryBundle(entries);
  return [
    bytesTarget('tile-path', paths, MerkleError, (input) => {
      const text = Buffer.from(input).toString('latin1');
      const tile = parseTilePath(text);
      const path =
        tile.kind === 'entries'
          ? entriesPath(tile.index, tile.width)
          : tilePath(tile.level, tile.index, tile.width);
      return Buffer.from(path, 'latin1');
    }),
    bytesTarget('entry-bundle', [bundle], MerkleError, (input) =>
      encodeEntryBundle(decodeEntryBundle(input, entries.length)),
    ),
  ];
}

/** A proof that was changed proves nothing: whatever of hashes, leaf and roots is another. */
async function proofTarget(): Promise<FuzzTarget> {
  const leaves = Array.from({ length: 77 }, (_, i) => nodeHasher.leaf(encodeUtf8(`leaf ${i}`)));
  const node = ({ level, index }: { level: number; index: number }): Uint8Array =>
    rootFromLeaves(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level), nodeHasher);
  const root = (size: number): Uint8Array => rootFromLeaves(leaves.slice(0, size), nodeHasher);
  const claims: { hashes: Uint8Array[]; check: (hashes: Uint8Array[]) => void }[] = [];
  for (let size = 1; size <= leaves.length; size += 4) {
    const index = (size * 7) % size;
    const leafHash = leaves[index] as Uint8Array;
    const path = await inclusionProof(index, size, node, nodeHasher);
    claims.push({
      hashes: [leafHash, root(size), ...path],
      check: ([leaf = leafHash, head = leafHash, ...proof]) =>
        verifyInclusion({ index, size, leafHash: leaf, root: head, proof }, nodeHasher),
    });
    const size1 = Math.ceil(size / 2);
    const grown = await consistencyProof(size1, size, node, nodeHasher);
    claims.push({
      hashes: [root(size1), root(size), ...grown],
      check: ([root1 = leafHash, root2 = leafHash, ...proof]) =>
        verifyConsistency({ size1, root1, size2: size, root2, proof }, nodeHasher),
    });
  }
  const run = (random: Random): boolean => {
    const claim = claims[Math.floor(random() * claims.length)];
    if (!claim) return false;
    const hashes = changedHashes(random, claim.hashes);
    const intact = Buffer.compare(Buffer.concat(hashes), Buffer.concat(claim.hashes)) === 0;
    const accepted = refusedBy(MerkleError, () => {
      claim.check(hashes);
      return true;
    });
    if (accepted === intact) return accepted;
    throw new Error(intact ? 'a proof that holds was refused' : 'a changed proof was accepted');
  };
  return { name: 'proof', run };
}

function changedHashes(random: Random, hashes: readonly Uint8Array[]): Uint8Array[] {
  const at = Math.floor(random() * hashes.length);
  const other = hashes[Math.floor(random() * hashes.length)] as Uint8Array;
  const choice = random();
  if (choice < 0.1) return [...hashes];
  if (choice < 0.2) return hashes.filter((_, i) => i !== at || i < 2);
  if (choice < 0.3) return [...hashes, other];
  if (choice < 0.5) return hashes.map((hash, i) => (i === at ? other : hash));
  return hashes.map((hash, i) => (i === at ? mutateBytes(random, [hash]) : hash));
}

/** What is logged for whom, valid as it is. */
function requests(): { v1: unknown[]; v2: unknown[]; envelope: unknown } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rawBytes = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const pem = Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })).toString('base64');
  const verifier = { keyDetails: 'PKIX_ECDSA_P256_SHA_256', publicKey: { rawBytes } };
  const payload = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}');
  const payloadType = 'application/vnd.in-toto+json';
  const sig = sign('sha256', paeBytes(payloadType, payload), privateKey).toString('base64');
  const envelope = { payload: payload.toString('base64'), payloadType, signatures: [{ sig }] };
  const data = Buffer.from('data');
  const content = sign('sha256', data, privateKey).toString('base64');
  const digest = createHash('sha256').update(data).digest();
  const publicPem = { publicKey: { content: pem } };
  const intoto = {
    payload: Buffer.from(envelope.payload).toString('base64'),
    payloadType,
    signatures: [{ sig: Buffer.from(sig).toString('base64'), publicKey: pem }],
  };
  const hash = { algorithm: 'sha256', value: digest.toString('hex') };
  return {
    envelope,
    v2: [
      { dsseRequestV002: { envelope, verifiers: [verifier] } },
      {
        hashedRekordRequestV002: {
          digest: digest.toString('base64'),
          signature: { content, verifier },
        },
      },
    ],
    v1: [
      {
        ...{ apiVersion: '0.0.1', kind: 'hashedrekord' },
        spec: { data: { hash }, signature: { content, ...publicPem } },
      },
      {
        ...{ apiVersion: '0.0.1', kind: 'dsse' },
        spec: { proposedContent: { envelope: JSON.stringify(envelope), verifiers: [pem] } },
      },
      {
        ...{ apiVersion: '0.0.2', kind: 'intoto' },
        spec: { content: { envelope: intoto, hash } },
      },
    ],
  };
}

/** An entry that was made is read again, and is canonical. */
function entryMade(body: Uint8Array): true {
  readEntry(body);
  return same(body, canonicalJson(parseJson(body, 1 << 20)));
}

async function rekorTargets(): Promise<FuzzTarget[]> {
  const { v1, v2, envelope } = requests();
  const v2Entry = async (value: unknown): Promise<boolean> => {
    const parsed = EntryRequest.safeParse(value);
    if (!parsed.success) return false;
    const request = parsed.data;
    return 'dsseRequestV002' in request
      ? entryMade((await dsseEntry(request.dsseRequestV002, nodeVerifier, ecdsaDigestCheck)).body)
      : entryMade(hashedRekordEntry(request.hashedRekordRequestV002, ecdsaDigestCheck));
  };
  const v1EntryOf = async (value: unknown): Promise<boolean> => {
    const parsed = rekorRoutes.rekorAddEntry.body.safeParse(value);
    return (
      parsed.success && entryMade((await v1Entry(parsed.data, nodeVerifier, ecdsaDigestCheck)).body)
    );
  };
  const bodies: Uint8Array[] = [];
  for (const value of v2) {
    const request = EntryRequest.parse(value);
    bodies.push(
      'dsseRequestV002' in request
        ? (await dsseEntry(request.dsseRequestV002, nodeVerifier)).body
        : hashedRekordEntry(request.hashedRekordRequestV002),
    );
  }
  for (const value of v1) {
    bodies.push((await v1Entry(rekorRoutes.rekorAddEntry.body.parse(value), nodeVerifier)).body);
  }
  return [
    jsonTarget('rekor-v2', v2, v2Entry),
    jsonTarget('rekor-v1', v1, v1EntryOf),
    jsonTarget('dsse', [envelope], async (value) => {
      parseEnvelope(value);
      return true;
    }),
    bytesTarget('entry', bodies, AttestError, (input) => {
      readEntry(input);
      return undefined;
    }),
  ];
}

/** Half of the cases change the value, half of them its text. */
function jsonTarget(
  name: string,
  seeds: readonly unknown[],
  parse: (value: unknown) => Promise<boolean>,
): FuzzTarget {
  const texts = seeds.map((seed) => encodeUtf8(canonicalJson(seed)));
  const run = (random: Random): Promise<boolean> =>
    refusedLater(AttestError, () =>
      parse(
        random() < 0.5
          ? mutateJson(random, seeds)
          : parseJson(mutateBytes(random, texts), 2 * 1024 * 1024),
      ),
    );
  return { name, run };
}

async function lifeTarget(): Promise<FuzzTarget> {
  const [from = '', to = ''] = [logKey, generateKey('ed25519')].map((key) =>
    formatVerifierKey(verifierKey(ORIGIN, key.publicKey)),
  );
  const said = { schema: LOG_LIFE_SCHEMA, origin: ORIGIN, at: '2026-01-01T00:00:00Z' } as const;
  const freeze = await lifeLeaf({ ...said, event: 'freeze', by: from }, [logKey]);
  const rotate = await lifeLeaf({ ...said, event: 'rotate', from, to }, [logKey, logKey]);
  const seeds = [freeze, rotate];
  const run = (random: Random): Promise<boolean> => {
    const leaf = mutateBytes(random, seeds);
    return refusedLater(AttestError, async () => {
      await openLifeLeaf(leaf, nodeVerifier);
      return same(leaf, freeze);
    });
  };
  return { name: 'life-leaf', run };
}

/** Every parser of a log. */
export async function fuzzTargets(): Promise<FuzzTarget[]> {
  return [
    ...(await noteTargets()),
    ...tileTargets(),
    await proofTarget(),
    ...(await rekorTargets()),
    await lifeTarget(),
    ...(await searchTargets()),
  ];
}

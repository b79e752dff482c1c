import { readdirSync, readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { vectorsDir } from '@touchstone/kit';
import {
  CompactRange,
  consistencyProof,
  decodeEntryBundle,
  encodeEntryBundle,
  inclusionProof,
  nodeFromTile,
  partialTiles,
  pathOfTile,
  rfc6962,
  tileOfNode,
  tilePath,
  verifyConsistency,
  verifyInclusion,
  type NodeId,
} from '@touchstone/merkle';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromBase64 } from './base64.js';
import { formatCheckpoint, openCheckpoint } from './checkpoint.js';
import { nobleVerifier } from './noble-verifier.js';
import { publicKeyFromRaw } from './public-key.js';
import { noteSigner, signNote } from './sign-note.js';
import { encodeUtf8 } from './utf8.js';
import { formatVerifierKey, parseVerifierKey } from './verifier-key.js';

const found = vectorsDir();
const log = `${found ?? ''}/tlog/tessera-15`;

const ORIGIN = 'example.com/log/testdata';
const VKEY = `${ORIGIN}+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx`;
/** The published test key of that log: the type, then the Ed25519 seed. */
const SKEY = 'AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg';

const LEAVES = 'one two three four five six seven eit nain ten ileven twelf threeten fourten fivten'
  .split(' ')
  .map(encodeUtf8);

function testSigner() {
  const seed = fromBase64(SKEY).slice(1);
  return noteSigner(ORIGIN, {
    publicKey: publicKeyFromRaw('ed25519', ed25519.getPublicKey(seed)),
    sign: (message) => ed25519.sign(message, seed),
  });
}

describe.skipIf(!found)('a log that Tessera wrote (skipped without the folder of vectors)', () => {
  const rebuilt = new Map<string, Uint8Array>();

  beforeAll(async () => {
    const signer = testSigner();
    const range = new CompactRange();
    const hashes: Uint8Array[] = [];
    for (let size = 0; size <= LEAVES.length; size++) {
      const leaf = LEAVES[size - 1];
      if (leaf !== undefined) {
        const leafHash = rfc6962.leaf(leaf);
        hashes.push(leafHash);
        range.append(leafHash);
      }
      for (const tile of partialTiles(size)) {
        const bytes =
          tile.kind === 'entries'
            ? encodeEntryBundle(LEAVES.slice(0, tile.width))
            : Uint8Array.from(hashes.flatMap((hash) => [...hash]));
        rebuilt.set(pathOfTile(tile), bytes);
      }
      const checkpoint = { origin: ORIGIN, size, root: range.root(), extensions: [] };
      const note = encodeUtf8(await signNote(formatCheckpoint(checkpoint), [signer]));
      rebuilt.set(`checkpoint.${size}`, note);
      rebuilt.set('checkpoint', note);
    }
  });

  it('is rebuilt to the byte: every file of it and none more', () => {
    const files = readdirSync(log, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(log.length + 1));
    expect(files.sort()).toEqual([...rebuilt.keys()].sort());
    for (const file of files) {
      expect([file, readFileSync(`${log}/${file}`, 'hex')]).toEqual([
        file,
        Buffer.from(rebuilt.get(file) ?? []).toString('hex'),
      ]);
    }
  });

  it('has the verifier key that it publishes', () => {
    expect(formatVerifierKey(testSigner().verifierKey)).toBe(VKEY);
  });

  it('proves inclusion and consistency out of its own tiles', async () => {
    const key = parseVerifierKey(VKEY);
    const open = async (size: number) => {
      const bytes = readFileSync(`${log}/checkpoint.${size}`);
      return (await openCheckpoint(bytes, [key], nobleVerifier)).checkpoint;
    };
    for (let size = 1; size <= LEAVES.length; size++) {
      const { root } = await open(size);
      const getNode = (id: NodeId): Uint8Array => {
        const { level, index, width } = tileOfNode(id, size);
        return nodeFromTile(readFileSync(`${log}/${tilePath(level, index, width)}`), id);
      };
      const entries = decodeEntryBundle(readFileSync(`${log}/tile/entries/000.p/${size}`), size);
      for (const [index, entry] of entries.entries()) {
        const proof = await inclusionProof(index, size, getNode);
        verifyInclusion({ index, size, leafHash: rfc6962.leaf(entry), proof, root });
      }
      for (let size1 = 0; size1 <= size; size1++) {
        const proof = await consistencyProof(size1, size, getNode);
        const { root: root1 } = await open(size1);
        verifyConsistency({ size1, root1, size2: size, root2: root, proof });
      }
    }
  });
});

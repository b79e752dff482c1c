import { createHash } from 'node:crypto';
import {
  encodeCheckpointSlip,
  slipText,
  SYMBOL_BYTES,
  SYMBOL_CHARACTERS,
} from '@touchstone/airgap';
import { generateKey } from '@touchstone/keys';
import { consistencyProof } from '@touchstone/merkle';
import {
  cosign,
  cosignerKey,
  formatCheckpoint,
  formatNote,
  noteSigner,
  parseNote,
  signNote,
} from '@touchstone/note';
import { printLine, round } from './bench.js';

const ORIGIN = 'log.rebuilders.example.org/2026';
const WITNESSES = ['north', 'east', 'south', 'west'];
const YEAR_2100 = 4_102_444_800;

/** A billion entries, and the largest tree that there can be. */
const TREES = [1e9, 2 ** 53 - 1];

/** A checkpoint with four cosignatures and the longest consistency proof, against one QR code. */
export async function slipSizes(): Promise<void> {
  for (const size of TREES) {
    const { from, proof } = await longestProof(size);
    const bytes = encodeCheckpointSlip({
      note: await cosigned(size),
      consistency: { from, proof },
    });
    const characters = slipText(bytes).length;
    printLine({
      ...{ bench: 'airgap', case: 'qr', entries: size, cosignatures: WITNESSES.length },
      ...{ hashes: proof.length, bytes: bytes.length, symbolBytes: SYMBOL_BYTES },
      ...{ characters, symbolCharacters: SYMBOL_CHARACTERS },
      ratio: round(characters / SYMBOL_CHARACTERS),
      withinLimit: bytes.length <= SYMBOL_BYTES && characters <= SYMBOL_CHARACTERS,
    });
  }
}

/** A proof has a hash for each step down, and one more unless the old tree is a whole subtree. */
async function longestProof(size: number): Promise<{ from: number; proof: readonly Uint8Array[] }> {
  const node = (): Promise<Uint8Array> => Promise.resolve(new Uint8Array(32));
  let longest: { from: number; proof: readonly Uint8Array[] } = { from: 0, proof: [] };
  for (let power = 1; power < size; power *= 2) {
    for (const from of [power, power + 1, size - power]) {
      if (from < 1 || from > size) continue;
      const proof = await consistencyProof(from, size, node);
      if (proof.length > longest.proof.length) longest = { from, proof };
    }
  }
  return longest;
}

async function cosigned(size: number): Promise<string> {
  const root = new Uint8Array(createHash('sha256').digest());
  const text = formatCheckpoint({ origin: ORIGIN, size, root, extensions: [] });
  const own = await signNote(text, [noteSigner(ORIGIN, generateKey('ed25519'))]);
  const cosignatures = WITNESSES.map((name) => {
    const key = generateKey('ed25519');
    const cosigner = cosignerKey(`${name}.witness.example.org`, key.publicKey);
    return cosign(text, YEAR_2100, cosigner, key);
  });
  const signatures = [...parseNote(own).signatures, ...(await Promise.all(cosignatures))];
  return formatNote({ text, signatures });
}

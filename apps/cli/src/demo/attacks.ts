import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64, toBase64 } from '@touchstone/note';
import type { Evidence } from '@touchstone/attest';
import { touchstoneOffline } from './offline.js';

export interface Attack {
  readonly target: 'artifact' | 'statement' | 'proof' | 'checkpoint';
  readonly exitCode: number;
  /** The code of the error that refused it. */
  readonly code: string;
}

/** Flips one bit in the middle of some bytes. */
function flip(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

function flipBase64(text: string): string {
  return toBase64(flip(fromBase64(text)));
}

function firstEntry(evidence: Evidence): Evidence['entries'][number] {
  const [entry] = evidence.entries;
  if (entry === undefined) throw new Error('the evidence has no entry to attack');
  return entry;
}

/** The root hash is the third line of a checkpoint (C2SP tlog-checkpoint). */
function flipRoot(checkpoint: string): string {
  const lines = checkpoint.split('\n');
  lines[2] = flipBase64(lines[2] ?? '');
  return lines.join('\n');
}

const MUTATIONS: Record<Exclude<Attack['target'], 'artifact'>, (evidence: Evidence) => void> = {
  statement: (evidence) => {
    const { envelope } = firstEntry(evidence);
    envelope.payload = flipBase64(envelope.payload);
  },
  proof: (evidence) => {
    const { inclusionProof } = firstEntry(evidence);
    inclusionProof[0] = flipBase64(inclusionProof[0] ?? '');
  },
  checkpoint: (evidence) => {
    evidence.checkpoint = flipRoot(evidence.checkpoint);
  },
};

/** Flips one byte at a time in a good piece of evidence and has each copy verified offline. */
export async function attackEvidence(options: {
  readonly evidenceFile: string;
  readonly moduleFile: string;
  readonly trustRootFile: string;
  readonly dir: string;
}): Promise<Attack[]> {
  const { evidenceFile, moduleFile, trustRootFile, dir } = options;
  const attacks: Attack[] = [];
  const attempt = async (target: Attack['target'], evidence: string, module: string) => {
    const result = await touchstoneOffline([
      ...['verify', evidence, '--trust-root', trustRootFile, '--artifact', module],
    ]);
    const { error } = (result.json ?? {}) as { error?: { code?: string } };
    attacks.push({ target, exitCode: result.exitCode, code: error?.code ?? 'none' });
  };

  const flipped = join(dir, 'flipped.wasm');
  await writeFile(flipped, flip(await readFile(moduleFile)));
  await attempt('artifact', evidenceFile, flipped);

  const text = await readFile(evidenceFile, 'utf8');
  for (const [target, mutate] of Object.entries(MUTATIONS)) {
    const evidence = JSON.parse(text) as Evidence;
    mutate(evidence);
    const file = join(dir, `flipped-${target}.json`);
    await writeFile(file, JSON.stringify(evidence));
    await attempt(target as Attack['target'], file, moduleFile);
  }
  return attacks;
}

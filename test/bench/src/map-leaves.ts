import { hash } from 'node:crypto';

/** Leaves that a log commits after, by default. */
export const LEAVES = 1_024;

const OWN_KEYS = 2;
const SIGNERS = 8;

function keyOf(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(hash('sha256', name, 'hex'), 'hex'));
}

const signers = Array.from({ length: SIGNERS }, (_, i) => keyOf(`signer ${i}`));

/** A key that leaf `index` alone has. */
export function ownKey(index: number): Uint8Array {
  return keyOf(`${index}/0`);
}

/** Keys of leaves: two of their own each, and one of eight signers'. */
export function keysOfLeaves(from: number, to: number): Uint8Array[][] {
  return Array.from({ length: to - from }, (_, i) => {
    const index = from + i;
    const own = Array.from({ length: OWN_KEYS }, (_own, n) => keyOf(`${index}/${n}`));
    return [...own, signers[index % SIGNERS] as Uint8Array];
  });
}

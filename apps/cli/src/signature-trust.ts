import { nodeVerifier } from '@touchstone/keys';
import type { SignatureTrust } from '@touchstone/wasm';
import type { Command } from 'commander';
import { readPublicKey } from './public-key-file.js';

export interface TrustOptions {
  publicKey?: string[];
}

export function addTrustOptions(command: Command): Command {
  return command.option('--public-key <file...>', 'keys (PEM) of signers whom you trust');
}

/** Whose signatures count. */
export async function readSignatureTrust({
  publicKey = [],
}: TrustOptions): Promise<SignatureTrust> {
  return { publicKeys: await Promise.all(publicKey.map(readPublicKey)), verify: nodeVerifier };
}

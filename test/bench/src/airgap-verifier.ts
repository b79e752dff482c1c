import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { verifyBundle } from '@touchstone/airgap';
import { parseTrustRoot } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { nodeHasher, nodeSha256 } from '@touchstone/tlog';

/**
 * Verifies one bundle in a process of its own, as a site's device does, so that what is measured is
 * the verification and not the log that the bundle was made from. Arguments: bundle, trust root.
 */

/** What it tells on its standard output, as JSON. Bytes, microseconds and milliseconds. */
export interface Verification {
  /** Resident when everything is loaded and nothing verified. */
  readonly before: number;
  readonly peak: number;
  readonly cpu: number;
  readonly wall: number;
}

const EVERY = 100;

export const newHash = () => {
  const hash = createHash('sha256');
  return {
    update: (bytes: Uint8Array): void => void hash.update(bytes),
    digest: (): Uint8Array => new Uint8Array(hash.digest()),
  };
};

async function verify(file: string, trustRootFile: string): Promise<Verification> {
  const trustRoot = parseTrustRoot(JSON.parse(await readFile(trustRootFile, 'utf8')));
  const { origin } = trustRoot.logs[0] as { origin: string };
  const base = { size: 0, root: nodeHasher.empty(), frontier: [] };
  const site = { site: 'bench', origin, trustRoot, base };
  const options = { verify: nodeVerifier, sha256: nodeSha256, newHash };
  const before = process.memoryUsage.rss();
  const cpu = process.cpuUsage();
  const began = performance.now();
  let peak = before;
  let seen = 0;
  const verifying = verifyBundle(createReadStream(file), site, options);
  while ((await verifying.next()).done !== true) {
    if (++seen % EVERY === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  const { user, system } = process.cpuUsage(cpu);
  return { before, peak, cpu: user + system, wall: performance.now() - began };
}

const [file, trustRoot] = process.argv.slice(2);
if (file !== undefined && trustRoot !== undefined && process.argv[1] === import.meta.filename) {
  process.stdout.write(JSON.stringify(await verify(file, trustRoot)));
}

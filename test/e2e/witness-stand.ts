import { join } from 'node:path';
import { keyDetails, paeBytes } from '@touchstone/attest';
import { generateKey, writePrivateKey } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import {
  cosignerKey,
  encodeUtf8,
  formatCosignerKey,
  formatVerifierKey,
  toBase64,
  verifierKey,
} from '@touchstone/note';
import { Program } from './child-process.js';

export const ORIGIN = 'witness-spec.touchstone.dev/log';

/** A `touchstone witness` that can be ended and started again, on the same port and state. */
export class WitnessProcess {
  readonly name: string;
  readonly vkey: string;
  url = '';
  #program: Program | undefined;
  readonly #args: readonly string[];

  private constructor(name: string, key: PrivateKey, args: readonly string[]) {
    this.name = name;
    this.vkey = formatCosignerKey(cosignerKey(`${name}.example`, key.publicKey));
    this.#args = args;
  }

  static async make(dir: string, name: string, logVkey: string): Promise<WitnessProcess> {
    const key = generateKey('ed25519');
    const file = join(dir, `${name}.pem`);
    await writePrivateKey(file, key);
    const state = join(dir, `${name}-state`);
    const options = ['--name', `${name}.example`, '--key', file, '--state', state];
    return new WitnessProcess(name, key, [...options, '--log', logVkey]);
  }

  /** @param nodeArgs options for Node itself, before the program */
  async start(nodeArgs: readonly string[] = [], environment = {}): Promise<void> {
    const address = this.url === '' ? '127.0.0.1:0' : this.url.slice('http://'.length);
    const command = [...nodeArgs, 'apps/cli/bin/touchstone.js', 'witness', '--listen', address];
    const { program, url } = await Program.start([...command, ...this.#args], environment);
    this.#program = program;
    this.url = url;
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const program = this.#program;
    this.#program = undefined;
    return program ? program.end(signal) : null;
  }

  /** Resolves when it is gone without having been asked to go. */
  async died(): Promise<void> {
    await this.#program?.ended;
    this.#program = undefined;
  }

  policyLine(): string {
    return `witness ${this.name} ${this.vkey} ${this.url}\n`;
  }
}

export function logVkey(key: PrivateKey): string {
  return formatVerifierKey(verifierKey(ORIGIN, key.publicKey));
}

export function startLog(
  key: PrivateKey,
  tilesDir: string,
  policyFile: string,
): Promise<{ program: Program; url: string }> {
  return Program.start(['apps/log/dist/main.js'], {
    TILES_DIR: tilesDir,
    LOG_ORIGIN: ORIGIN,
    LOG_KEY: key.toPem(),
    LOG_WITNESS_POLICY_FILE: policyFile,
    LOG_WITNESS_TIMEOUT_MS: '2000',
    PORT: '0',
  });
}

const writer = generateKey('ed25519');

/** Writes a DSSE envelope into a log and answers status and JSON. */
export async function addEntry(
  url: string,
  text: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const payload = encodeUtf8(text);
  const sig = toBase64(writer.sign(paeBytes('text/plain', payload)));
  const { algorithm, spki } = writer.publicKey;
  const verifier = {
    publicKey: { rawBytes: toBase64(spki) },
    keyDetails: keyDetails(algorithm),
  };
  const envelope = { payload: toBase64(payload), payloadType: 'text/plain', signatures: [{ sig }] };
  const answer = await fetch(`${url}/api/v2/log/entries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ dsseRequestV002: { envelope, verifiers: [verifier] } }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

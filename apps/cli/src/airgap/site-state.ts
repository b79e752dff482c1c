import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttestError, canonicalJson, TrustRoot } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { encodeUtf8, fromBase64, toBase64 } from '@touchstone/note';
import { writeDurably } from '@touchstone/tlog';
import { z } from 'zod';
import type { SiteDevice } from '../device/site-device.js';
import { CliError, EXIT } from '../failure.js';

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * Where a site stands. Two files take turns, state `c` in `state-<c mod 2>.json`, each sealed by
 * the device over the counter value it belongs to.
 *
 * Crash order of one import, each step durable before the next:
 *   1. what was imported, in its place, where nothing names it yet,
 *   2. state c+1, in the file that held c-1,
 *   3. the device's counter goes from c to c+1,
 *   4. the acknowledgement is written (and is written again on the next start when it is missing).
 * On start the counter decides: with c and a sealed state c+1 the import is finished by step 3;
 * with c and no such state it never happened. A state older than the counter means that somebody
 * put an old disk back, and nothing is answered from it.
 */
const SiteStateBody = z.strictObject({
  schema: z.literal('https://touchstone.dev/airgap-state/v1'),
  counter: z.int().min(0),
  serial: z.string().regex(/^[0-9a-f]{18}$/),
  site: z.string().min(1).max(64),
  origin: z.string().min(1).max(256),
  checkpoint: z.strictObject({
    size: z.int().min(0),
    root: Hash,
    /** The signed note; none before the first import. */
    note: z.string().max(65_536).exactOptional(),
  }),
  frontier: z.array(Hash).max(64),
  /** SHA-256 of the manifest of the last import, which names the one before it. */
  manifest: Hash.exactOptional(),
  /** Seconds since the epoch: it is at least so late. */
  notBefore: z.int().min(0).exactOptional(),
  verdict: z.enum(['OK', 'UNWITNESSED', 'NO-TIME', 'STALE']).exactOptional(),
  trustRoot: TrustRoot,
  /** SHA-256 of what the operator decided: see `settingsDigest`. Absent in sites from before. */
  settings: Hash.exactOptional(),
});
const SealedState = z.strictObject({ state: SiteStateBody, seal: z.string().max(256) });

export type SiteState = z.infer<typeof SiteStateBody>;

const SEAL_CONTEXT = 'touchstone.dev/airgap-state/v1\n';

/** Writes a state under the device's seal; durable when it resolves. */
export async function writeSiteState(
  folder: string,
  state: SiteState,
  device: SiteDevice,
): Promise<void> {
  const seal = await device.signer.sign(sealedBytes(SiteStateBody.parse(state)));
  const file = join(folder, `state-${state.counter % 2}.json`);
  await writeDurably(file, `${JSON.stringify({ state, seal: toBase64(seal) })}\n`);
}

/** What is on disk, held against the device. */
export interface SiteStates {
  /** Belongs to the counter. */
  readonly current: SiteState;
  /** Was verified and sealed, and waits for the counter's step. */
  readonly next?: SiteState;
}

/**
 * @throws CliError `site-missing`, `state-rollback` when the disk is older than the device,
 * `state-seal` when a state was not written by this device
 */
export async function readSiteStates(folder: string, device: SiteDevice): Promise<SiteStates> {
  const counter = await device.counter();
  const found = (await Promise.all([0, 1].map((slot) => readSealed(folder, slot, device)))).filter(
    (state) => state !== undefined,
  );
  if (found.length === 0) {
    throw new CliError(
      'site-missing',
      `${folder} holds no state that this device sealed; touchstone airgap init makes a new site`,
      EXIT.usage,
    );
  }
  const current = found.find((state) => state.counter === counter);
  const next = found.find((state) => state.counter === counter + 1);
  if (current !== undefined) return { current, ...(next && { next }) };
  const known = Math.max(...found.map((state) => state.counter));
  throw new CliError(
    'state-rollback',
    `the device has counted ${counter} imports, the disk knows of ${known}: an old image was put back, or another device; restore the newest one`,
    EXIT.refuted,
  );
}

async function readSealed(
  folder: string,
  slot: number,
  device: SiteDevice,
): Promise<SiteState | undefined> {
  const file = join(folder, `state-${slot}.json`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const sealed = parse(text, file);
  const valid =
    sealed.state.serial === device.serial &&
    nodeVerifier(device.signer.publicKey, sealedBytes(sealed.state), bytesOf(sealed.seal));
  if (valid) return sealed.state;
  throw new CliError(
    'state-seal',
    `${file} was not sealed by device ${device.serial}`,
    EXIT.refuted,
  );
}

function parse(text: string, file: string): z.infer<typeof SealedState> {
  try {
    const parsed = SealedState.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // Refused below, like anything else that is no state.
  }
  throw new CliError('state-seal', `${file} is no state of a site`, EXIT.refuted);
}

function sealedBytes(state: SiteState): Uint8Array {
  try {
    return encodeUtf8(`${SEAL_CONTEXT}${canonicalJson(state)}`);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new CliError('state-seal', 'the state cannot be sealed', EXIT.refuted, { cause });
  }
}

function bytesOf(base64: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch {
    return new Uint8Array(0);
  }
}

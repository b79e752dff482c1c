import { join } from 'node:path';
import {
  AirgapError,
  exporterMessage,
  judgeImport,
  type ForkProof,
  type ImportVerdict,
  type VerifiedBundle,
  type VerifiedItem,
} from '@touchstone/airgap';
import { COUNTER_MAX } from '@touchstone/atecc608';
import { encodeCbor, publicKeyFromBase64 } from '@touchstone/attest';
import { decodeUtf8, type WitnessedCheckpoint } from '@touchstone/note';
import { writeDurably } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import { writeAcknowledgement } from './acknowledge.js';
import { ImportWriter } from './import-folder.js';
import type { ImportCounts, ImportResult } from './import-result.js';
import { requireNews } from './nothing-new.js';
import { readBundleFile } from './open-bundle.js';
import type { Site } from './site.js';
import { writeSiteState, type SiteState } from './site-state.js';
import { writeVote } from './votes.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * Imports an archive: verified whole, then installed, then counted by the device, in the order that
 * `site-state.ts` gives. A bundle that is refused leaves nothing and costs no step of the counter.
 *
 * @throws AirgapError as verification does, CliError `exporter-signature` when the device's own
 * check fails, `nothing-new`, `counter-end`
 */
export async function importBundle(site: Site, file: string): Promise<ImportResult> {
  const writer = await ImportWriter.open(join(site.folder, 'incoming'));
  try {
    const { bundle, counts } = await verifyInto(site, file, writer);
    const verdict = verdictOf(site, bundle.witnessed);
    await requireNews(site, bundle, verdict, writer);
    const accepted = verdict === 'OK' || site.settings.accept.includes(verdict);
    const result = describe(site, bundle, verdict, counts, accepted);
    if (!accepted) return result;
    requireStep(site);
    await install(site, bundle, writer, result);
    return result;
  } catch (error) {
    if (error instanceof AirgapError && error.fork) await keepFork(site.folder, error.fork);
    throw error;
  } finally {
    await writer.discard();
  }
}

/** Asked before anything is written: a state that no counter ever reaches would end the site. */
function requireStep({ state }: Site): void {
  if (state.counter < COUNTER_MAX) return;
  throw new CliError(
    'counter-end',
    `the device has counted to its end, ${COUNTER_MAX}: make the site anew with another device`,
    EXIT.refuted,
  );
}

/** Both signed checkpoints, which together are the proof, beside the site's state. */
export async function keepFork(folder: string, { ours, theirs }: ForkProof): Promise<void> {
  await writeDurably(join(folder, 'fork-ours.note'), ours);
  await writeDurably(join(folder, 'fork-theirs.note'), theirs);
}

/** As {@link importBundle}, without installing anything or asking the device to sign. */
export async function checkBundle(site: Site, file: string): Promise<ImportResult> {
  const counts = noCounts();
  const bundle = await readBundleFile(file, site.knowledge, (item) => {
    count(item, counts);
  });
  return describe(site, bundle, verdictOf(site, bundle.witnessed), counts, false);
}

/** By the time that the site knows of, and the age that it allows. */
export function verdictOf(
  { state, settings }: Pick<Site, 'state' | 'settings'>,
  witnessed: WitnessedCheckpoint,
): ImportVerdict {
  const { notBefore } = state;
  const { maxAge } = settings;
  return judgeImport(witnessed, {
    ...(notBefore !== undefined && { notBefore }),
    ...(maxAge !== undefined && { maxAge }),
  });
}

async function verifyInto(
  site: Site,
  file: string,
  writer: ImportWriter,
): Promise<{ bundle: VerifiedBundle; counts: ImportCounts }> {
  const counts = noCounts();
  let artifact: string | undefined;
  let signature: Uint8Array | undefined;
  const bundle = await readBundleFile(file, site.knowledge, async (item) => {
    count(item, counts);
    if (item.kind === 'checkpoint') signature = item.signature;
    if (item.kind === 'entry') {
      const { index, leaf, attestation, standing } = item;
      await writer.append('entries.cbor', encodeCbor([index, leaf, attestation ?? null]));
      await writeVote(index, standing, writer);
    }
    if (item.kind === 'artifact') {
      if (artifact !== undefined) await writer.close(artifact);
      artifact = `artifacts/${hex(item.sha256)}`;
      await writer.append(artifact, new Uint8Array(0));
    }
    if (item.kind === 'chunk') await writer.append(artifact as string, item.bytes);
  });
  await requireDeviceAgrees(site, bundle, signature);
  return { bundle, counts };
}

/** The chip checks the exporter's signature for itself: it need not believe this host. */
async function requireDeviceAgrees(
  { device }: Site,
  { header, note, trustRoot }: VerifiedBundle,
  signature: Uint8Array | undefined,
): Promise<void> {
  if (trustRoot.exporters === undefined || signature === undefined) return;
  const message = exporterMessage(header, note);
  for (const { algorithm, spki } of trustRoot.exporters) {
    if (await device.verifies(publicKeyFromBase64(algorithm, spki), message, signature)) return;
  }
  throw new AirgapError('exporter-signature', "the device does not hold the exporter's signature");
}

async function install(
  site: Site,
  bundle: VerifiedBundle,
  writer: ImportWriter,
  result: ImportResult,
): Promise<void> {
  const { folder, device, state } = site;
  const counter = state.counter + 1;
  await writer.append('report.json', Buffer.from(`${JSON.stringify(result, null, 2)}\n`));
  const manifest = await writer.finish(counter, state.manifest ?? null);
  await writer.moveTo(join(folder, 'imports', String(counter)));
  const next = nextState(state, bundle, result, manifest);
  await writeSiteState(folder, next, device);
  await device.increment();
  await writeAcknowledgement(folder, next, device);
}

function nextState(
  state: SiteState,
  { witnessed, note, frontier, trustRoot }: VerifiedBundle,
  { verdict, counter }: ImportResult,
  manifest: string,
): SiteState {
  const { size, root } = witnessed.checkpoint;
  const seen = Math.max(state.notBefore ?? 0, witnessed.time?.latest ?? 0);
  return {
    ...state,
    counter,
    checkpoint: { size, root: hex(root), note: decodeUtf8(note) },
    frontier: frontier.map(hex),
    manifest,
    ...(seen > 0 && { notBefore: seen }),
    verdict,
    trustRoot,
  };
}

function describe(
  { state }: Site,
  { header, witnessed, trustRoot }: VerifiedBundle,
  verdict: ImportVerdict,
  counts: ImportCounts,
  installed: boolean,
): ImportResult {
  const { origin, size, root } = witnessed.checkpoint;
  return {
    verdict,
    installed,
    site: header.site,
    counter: installed ? state.counter + 1 : state.counter,
    from: state.checkpoint.size,
    checkpoint: { origin, size, root: hex(root) },
    trustRootVersion: trustRoot.version,
    ...(witnessed.time && { time: witnessed.time.latest }),
    counts,
  };
}

function noCounts(): ImportCounts {
  return { entries: 0, statements: 0, foreign: 0, unread: 0, artifacts: 0 };
}

function count(item: VerifiedItem, counts: ImportCounts): void {
  if (item.kind === 'artifact') counts.artifacts += 1;
  if (item.kind !== 'entry') return;
  counts.entries += 1;
  const by = { statement: 'statements', foreign: 'foreign', unread: 'unread' } as const;
  counts[by[item.standing.kind]] += 1;
}

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, coordinatorRoutes, Publication } from '@touchstone/contract';
import { coordinatorClient } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { startNetwork, type LocalRebuilder, type Network } from '../stack/network.js';
import { attackEvidence, type Attack } from './attacks.js';
import { findDifference, type SeenDifference } from './difference.js';
import { isUnreachableOffline, touchstoneOffline } from './offline.js';
import { loadPublications, type DemoPublication } from './publications.js';

const REBUILDERS: readonly LocalRebuilder[] = [
  { id: 'aurora-1', organisation: 'Aurora Labs', algorithm: 'ecdsa-p256-sha256' },
  { id: 'borealis-1', organisation: 'Borealis Foundation', algorithm: 'ecdsa-p256-sha256' },
  { id: 'cumulus-1', organisation: 'Cumulus University', algorithm: 'ed25519' },
];
const QUORUM = 2;

export interface PublicationResult {
  readonly name: string;
  readonly id: string;
  readonly expected: Publication['verdict'];
  readonly verdict: Publication['verdict'];
  readonly modules: Publication['modules'];
  readonly evidenceFile: string;
  /** The verdict that `touchstone verify` reached from the file alone, without a network. */
  readonly offline: {
    readonly exitCode: number;
    readonly verdict?: string;
    readonly code?: string;
  };
  readonly difference?: SeenDifference;
}

export interface DemoResult {
  readonly ok: boolean;
  readonly seconds: number;
  readonly policy: string;
  readonly publications: readonly PublicationResult[];
  /** Whether the verifying process really had no network. */
  readonly offlineProven: boolean;
  readonly attacks: readonly Attack[];
  readonly checkpoint: string;
  readonly trustRootFile: string;
}

export interface DemoOptions {
  readonly dir: string;
  readonly cacheDir: string;
  readonly evidenceDir: string;
  readonly progress: (line: string) => void;
  readonly stop: AbortSignal;
}

type Coordinator = Client<typeof coordinatorRoutes>;

/** The main job from end to end: publish, rebuild thrice, log, decide, carry away, verify, attack. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { dir, cacheDir, evidenceDir, progress, stop } = options;
  const began = performance.now();
  await rm(dir, { recursive: true, force: true });
  await rm(evidenceDir, { recursive: true, force: true });
  await mkdir(evidenceDir, { recursive: true });
  const network = await startNetwork({
    ...{ dir, cacheDir, progress, stop },
    origin: 'demo.touchstone.dev',
    quorum: QUORUM,
    rebuilders: REBUILDERS,
  });
  try {
    progress('fetching the publications from the npm registry');
    const publications = await loadPublications({ cacheDir, dir: evidenceDir, stop });
    const client = coordinatorClient(network.coordinatorUrl);
    const submitted = await submitAll(client, publications, progress);
    const decided = await untilDecided(client, submitted, network, options);
    const results = await collect(client, network, publications, decided, options);
    progress('checking that the verifying process had no network');
    const offlineProven = await isUnreachableOffline(`${network.logUrl}/checkpoint`);
    const attacks = await attack(network, publications, results, options);
    const ok =
      offlineProven &&
      results.every(isAsExpected) &&
      attacks.every(({ exitCode }) => exitCode === 1) &&
      new Set(attacks.map(({ code }) => code)).size === attacks.length;
    return {
      ok,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      policy: `${QUORUM} of ${REBUILDERS.length} organisations`,
      publications: results,
      offlineProven,
      attacks,
      checkpoint: await checkpointOf(network),
      trustRootFile: network.trustRootFile,
    };
  } finally {
    progress('stopping everything');
    await network.close();
  }
}

/** Reproduced ones must verify offline, and the tampered one must name its function. */
function isAsExpected(result: PublicationResult): boolean {
  if (result.verdict !== result.expected || result.offline.verdict !== result.expected)
    return false;
  if (result.expected === 'reproduced') return result.offline.exitCode === 0;
  return result.offline.exitCode === 1 && result.difference !== undefined;
}

async function submitAll(
  client: Coordinator,
  publications: readonly DemoPublication[],
  progress: (line: string) => void,
): Promise<Map<string, DemoPublication>> {
  const submitted = new Map<string, DemoPublication>();
  for (const publication of publications) {
    const { recipe, upload } = publication;
    if (upload !== undefined) {
      await client.upload({ params: { digest: `sha256:${upload.sha256}` }, body: upload.bytes });
    }
    const { id } = await client.submit({ body: { recipe } });
    submitted.set(id, publication);
    progress(`submitted ${publication.name} (${recipe.modules.length} modules)`);
  }
  return submitted;
}

/** Waits until every rebuild of every publication is in the log, telling each step once. */
async function untilDecided(
  client: Coordinator,
  submitted: ReadonlyMap<string, DemoPublication>,
  network: Network,
  { progress, stop }: DemoOptions,
): Promise<Publication[]> {
  const told = new Set<string>();
  for (;;) {
    const publications = await Promise.all(
      [...submitted.keys()].map((id) => client.read({ params: { id } })),
    );
    for (const publication of publications) {
      const name = submitted.get(publication.id)?.name ?? publication.id;
      for (const rebuild of publication.rebuilds) {
        const line = progressLine(name, rebuild);
        if (line === undefined || told.has(line)) continue;
        told.add(line);
        progress(line);
      }
    }
    const open = publications.some(({ rebuilds }) => rebuilds.some((r) => r.state !== 'logged'));
    if (!open) return publications;
    expectRunning(network);
    await delay(500, undefined, { signal: stop });
  }
}

function expectRunning({ services }: Network): void {
  for (const { running, options } of services.values()) {
    if (running) continue;
    const { name, logFile } = options;
    throw new CliError('service-ended', `${name} ended; see ${logFile}`, EXIT.absent);
  }
}

function progressLine(
  name: string,
  { organisation, state, outcome, logIndex }: Publication['rebuilds'][number],
): string | undefined {
  if (state === 'leased') return `${name}: ${organisation} rebuilds it`;
  if (state === 'logged' && outcome !== undefined && logIndex !== undefined) {
    return `${name}: ${organisation} saw ${outcome}, log entry ${logIndex}`;
  }
  return undefined;
}

async function collect(
  client: Coordinator,
  network: Network,
  publications: readonly DemoPublication[],
  decided: readonly Publication[],
  { evidenceDir, progress }: DemoOptions,
): Promise<PublicationResult[]> {
  const results: PublicationResult[] = [];
  for (const [position, publication] of publications.entries()) {
    const { id, verdict, modules } = decided[position] ?? fail(publication.name);
    const evidence = await client.evidence({ params: { id } });
    const evidenceFile = join(evidenceDir, `${publication.name}.evidence.json`);
    await writeFile(evidenceFile, JSON.stringify(evidence));
    progress(`verifying ${publication.name} offline`);
    const artifacts = publication.moduleFiles.flatMap((file) => ['--artifact', file]);
    const { exitCode, json } = await touchstoneOffline([
      ...['verify', evidenceFile, '--trust-root', network.trustRootFile],
      ...artifacts,
    ]);
    const answer = (json ?? {}) as { verdict?: string; error?: { code?: string } };
    const difference = findDifference(evidence);
    results.push({
      name: publication.name,
      ...{ id, verdict, modules, evidenceFile },
      expected: publication.expected,
      offline: {
        exitCode,
        ...(answer.verdict === undefined ? {} : { verdict: answer.verdict }),
        ...(answer.error?.code === undefined ? {} : { code: answer.error.code }),
      },
      ...(difference === undefined ? {} : { difference }),
    });
  }
  return results;
}

async function attack(
  network: Network,
  publications: readonly DemoPublication[],
  results: readonly PublicationResult[],
  { dir, progress }: DemoOptions,
): Promise<Attack[]> {
  const victim = results.findIndex(({ expected }) => expected === 'reproduced');
  const moduleFile = publications[victim]?.moduleFiles[0];
  const evidenceFile = results[victim]?.evidenceFile;
  if (moduleFile === undefined || evidenceFile === undefined) return fail('nothing to attack');
  progress('flipping a byte in artifact, statement, proof and checkpoint');
  return attackEvidence({
    ...{ evidenceFile, moduleFile, dir },
    trustRootFile: network.trustRootFile,
  });
}

async function checkpointOf(network: Network): Promise<string> {
  const answer = await fetch(`${network.logUrl}/checkpoint`);
  return answer.text();
}

function fail(what: string): never {
  throw new Error(`the coordinator does not know ${what}`);
}

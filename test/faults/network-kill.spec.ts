import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { verifyEvidence } from '@touchstone/attest';
import { startNetwork, type Network } from '@touchstone/cli';
import {
  coordinatorRoutes,
  makeClient,
  Recipe,
  type Client,
  type Publication,
} from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { compile, ROOT, seeded } from '@touchstone/kit';
import { verifyConsistency } from '@touchstone/merkle';
import { openCheckpoint, parseVerifierKey, type Checkpoint } from '@touchstone/note';
import { fsck, PosixStorage, TileReader } from '@touchstone/tlog';
import { afterAll, beforeAll, expect, it } from 'vitest';

const RECIPES = [
  'siphash24-1.3.1',
  'blake2b-wasm-2.4.0',
  'xsalsa20-1.2.0',
  'keyframe-resample-0.1.0',
];
const SEED = Number(process.env['TOUCHSTONE_SEED'] ?? 7400);
const KILLS = 9;
const random = seeded(SEED);

let dir: string;
let network: Network;
let coordinator: Client<typeof coordinatorRoutes>;

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'network-kill-'));
  network = await startNetwork({
    dir,
    cacheDir: resolve(ROOT, '.touchstone/cache'),
    origin: 'kill.touchstone.dev/network',
    quorum: 2,
    rebuilders: ['a', 'b', 'c'].map((id) => ({ id, organisation: id, algorithm: 'ed25519' })),
    leaseSeconds: 5,
    progress: () => undefined,
    stop: new AbortController().signal,
  });
  coordinator = makeClient(coordinatorRoutes, {
    baseUrl: network.coordinatorUrl,
    fetch: fetch as never,
  });
});

afterAll(async () => {
  await network.close();
  await rm(dir, { recursive: true, force: true });
});

/** Submits until it is acknowledged: the coordinator may be down at the moment. */
async function submit(recipe: Recipe): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      return (await coordinator.submit({ body: { recipe } })).id;
    } catch (error) {
      if (tries === 100) throw error;
      await pause(100);
    }
  }
}

/** Keeps every checkpoint that the log ever showed. */
async function collectCheckpoints(seen: Set<string>, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    const answer = await fetch(`${network.logUrl}/checkpoint`).catch(() => undefined);
    if (answer?.status === 200) seen.add(await answer.text().catch(() => ''));
    await pause(50);
  }
}

async function crashAtRandom(): Promise<string[]> {
  const names = [...network.services.keys()];
  const killed: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pause(200 + random() * 1_500);
    // Log, coordinator and a worker take their turns, so that no seed leaves one of them alone.
    const name = names[kill < 6 ? kill % 3 : Math.floor(random() * names.length)] ?? 'log';
    killed.push(name);
    await network.crash(name);
  }
  return killed;
}

async function untilLogged(ids: readonly string[]): Promise<Publication[]> {
  for (;;) {
    const publications = await Promise.all(ids.map((id) => coordinator.read({ params: { id } })));
    if (publications.every(({ rebuilds }) => rebuilds.every(({ state }) => state === 'logged'))) {
      return publications;
    }
    await pause(250);
  }
}

async function expectConsistent(notes: ReadonlySet<string>, reader: TileReader): Promise<number> {
  const keys = network.trustRoot.logs.map(({ vkey }) => parseVerifierKey(vkey));
  const checkpoints: Checkpoint[] = [];
  for (const note of notes) {
    checkpoints.push((await openCheckpoint(note, keys, nodeVerifier)).checkpoint);
  }
  checkpoints.sort((a, b) => a.size - b.size);
  const last = checkpoints.at(-1);
  if (last === undefined) throw new Error('the log never showed a checkpoint');
  for (const { size, root } of checkpoints) {
    if (size === 0) continue;
    const proof = await reader.consistencyProof(size, last.size);
    verifyConsistency({ size1: size, root1: root, size2: last.size, root2: last.root, proof });
  }
  return checkpoints.length;
}

it(`loses nothing when log, coordinator and workers are killed (seed ${SEED})`, async () => {
  const seen = new Set<string>();
  const done = new AbortController();
  const collecting = collectCheckpoints(seen, done.signal);

  const recipes = await Promise.all(
    RECIPES.map(async (name) => {
      const file = join(ROOT, 'apps/cli/recipes', `${name}.json`);
      return Recipe.parse(JSON.parse(await readFile(file, 'utf8')));
    }),
  );
  const crashing = crashAtRandom();
  const ids: string[] = [];
  for (const recipe of recipes) {
    ids.push(await submit(recipe));
    await pause(random() * 2_000);
  }
  const killed = await crashing;
  for (const name of ['log', 'coordinator', 'a']) expect(killed).toContain(name);

  for (const publication of await untilLogged(ids)) {
    expect(publication.verdict, publication.artifact.uri).toBe('reproduced');
    const evidence = await coordinator.evidence({ params: { id: publication.id } });
    const verified = await verifyEvidence(evidence, {
      trustRoot: network.trustRoot,
      verify: nodeVerifier,
    });
    expect(verified.verdict).toBe('reproduced');
  }
  done.abort();
  await collecting;

  const storage = new PosixStorage(join(dir, 'tiles'));
  expect(
    await expectConsistent(seen, new TileReader((path) => storage.read(path))),
  ).toBeGreaterThan(1);
  await network.services.get('log')?.stop();
  const vkeys = network.trustRoot.logs.map(({ vkey }) => vkey);
  expect(await fsck(storage, { vkeys, verify: nodeVerifier })).toMatchObject({
    ok: true,
    problems: [],
  });
});

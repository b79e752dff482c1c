import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  compile,
  ORDERS,
  ORDERS_CACHE,
  publishOrders,
  startNetwork,
  type Orders,
  type OrdersPart,
  type RunningNetwork,
} from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from './command-line.js';

const CHECKOUT = 'demo:orders/checkout@1.0.0';

interface VerifiedNode {
  readonly path: string;
  readonly kind: string;
  readonly verdict?: string;
  /** The node that was reproduced. */
  readonly by?: string;
  readonly votes?: readonly { readonly outcome: string }[];
}

let dir: string;
let touchstone: CommandLine;
let orders: Orders;
let where: RunningNetwork;
const built = new Map<OrdersPart, Uint8Array>();

const at = (name: string): string => join(dir, name);
const evidence = ORDERS.map((part) => `${part}.evidence.json`);
const isComponent = (path: string): boolean => /^\/component\[\d\]$/u.test(path);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'orders-'));
  touchstone = new CommandLine(dir);
  orders = await publishOrders(dir);
  const { registries, toolchains } = orders;
  const network = { rebuilders: 2, quorum: 2, registries, toolchains, cache: ORDERS_CACHE };
  where = await startNetwork(dir, network);
});

afterAll(async () => {
  await where.stop();
  await orders.registry.close();
  await rm(dir, { recursive: true, force: true });
});

describe('components of Rust, of WebAssembly text and of componentize-js', () => {
  it.each(ORDERS)('%s is reproduced by two organisations', async (part) => {
    const { bytes } = await orders.build(part);
    built.set(part, bytes);
    await writeFile(at(`${part}.wasm`), bytes);
    await writeFile(at(`${part}.json`), JSON.stringify(orders.recipe(part, bytes)));
    const to = ['--coordinator', where.coordinatorUrl];
    const { id, verdict } = await touchstone.answer<{ id: string; verdict: string }>(
      ...['submit', `${part}.json`, '--artifact', `${part}.wasm`, '--wait', ...to],
    );
    expect(verdict).toBe('reproduced');
    const file = at(`${part}.evidence.json`);
    const wrote = await touchstone.run('evidence', id, '--out', file, ...to);
    expect(wrote.code).toBe(0);
  });

  it('are composed, described, attested, logged, and carried as one file', async () => {
    const digests = [...built].map(([part, bytes]) => [part, { sha256: sha256(bytes) }]);
    const plan = {
      schema: 'https://touchstone.dev/composition-plan/v1',
      components: Object.fromEntries(digests) as object,
      plug: { socket: 'shop', plugs: ['store', 'prices'] },
    };
    await writeFile(at('plan.json'), JSON.stringify(plan));
    const made = await touchstone.answer<{ imports: string[]; exports: string[] }>(
      ...['compose', 'build', 'plan.json', '--folder', dir, '-o', 'composed.wasm'],
    );
    // An interface of nothing but types is given by nobody; of WASI the host gives what it has.
    expect(made.imports.filter((name) => !name.startsWith('wasi:'))).toEqual([
      'demo:orders/types@1.0.0',
    ]);
    expect(made.imports).toContain('wasi:http/types@0.2.10');
    expect(made.exports).toEqual([CHECKOUT]);
    await touchstone.answer('compose', 'embed', 'composed.wasm', '-o', 'app.wasm');
    const { edges } = await touchstone.answer<{
      edges: { from: string; to: string; interface?: string }[];
    }>(...['compose', 'graph', 'app.wasm']);
    const between = edges.filter(({ from, to }) => isComponent(from) && isComponent(to));
    expect(between.map((edge) => [edge.from, edge.interface, edge.to])).toEqual([
      ['/component[2]', 'demo:orders/ledger@1.0.0', '/component[0]'],
      ['/component[2]', 'demo:orders/prices@1.0.0', '/component[1]'],
    ]);
    const { spki } = await touchstone.answer<{ spki: string }>(
      ...['keygen', '--out', 'integrator.key', '--algorithm', 'ecdsa-p256-sha256'],
    );
    const pem = `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`;
    await writeFile(at('integrator.pem'), pem);
    await touchstone.answer(
      'compose',
      'attest',
      'app.wasm',
      '--key',
      'integrator.key',
      '-o',
      'app.dsse.json',
    );
    const attested = ['--public-key', 'integrator.pem'];
    const { logIndex } = await touchstone.answer<{ logIndex: string }>(
      ...['log', 'add', '--envelope', 'app.dsse.json', ...attested, '--log', where.logUrl],
    );
    const packed = await touchstone.answer<{ attestation: string }>(
      ...['compose', 'capsule', 'pack', 'app.wasm', '-o', 'app.capsule'],
      ...['--trust-root', where.trustRootFile, '--evidence', ...evidence],
      ...['--attestation', 'app.dsse.json', '--attestation-index', logIndex, ...attested],
      ...['--log', where.logUrl],
    );
    expect(packed.attestation).toBe('logged');
  });

  it('are verified without a network: each component was rebuilt by both', async () => {
    const { attestation, nodes } = await touchstone.offlineAnswer<{
      attestation: string;
      nodes: VerifiedNode[];
    }>(
      ...['compose', 'capsule', 'verify', 'app.capsule', '--trust-root', where.trustRootFile],
      ...['--public-key', 'integrator.pem'],
    );
    expect(attestation).toBe('logged');
    const modules = nodes.filter(({ kind }) => kind === 'module');
    expect(modules.map(({ verdict, votes }) => [verdict, votes?.length])).toEqual(
      modules.map(() => ['reproduced', 2]),
    );
    // What was rebuilt are the components, so each vouches for what is in it.
    expect(new Set(modules.map(({ by }) => by))).toEqual(
      new Set(['/component[0]', '/component[1]', '/component[2]']),
    );
  });

  it('with one node substituted are found out, and the node is named', async () => {
    const store = built.get('store') ?? new Uint8Array();
    const app = Buffer.from(await readFile(at('app.wasm')));
    const place = app.indexOf(store);
    expect(place).toBeGreaterThan(0);
    // The words of a refusal, in the Rust module's data: the size and all types stay.
    const word = app.indexOf(' is not priced like ', place);
    expect(word).toBeGreaterThan(place);
    app.write(' is now priced like ', word);
    await writeFile(at('substituted.wasm'), app);
    const { code, out } = await touchstone.offline(
      ...['compose', 'verify', 'substituted.wasm', '--trust-root', where.trustRootFile],
      ...['--evidence', ...evidence, '--json'],
    );
    expect(code).toBe(1);
    const { findings } = JSON.parse(out) as { findings: { code: string; node: string }[] };
    const found = new Set(findings.map((each) => `${each.code} ${each.node}`));
    expect(found).toContain('node-substituted /component[0]/module[0]');
    expect(found).toContain('node-unproven /component[0]/module[0]');
    // Nothing is said of the nodes that are what they were.
    expect([...found].filter((each) => /component\[[12]\]/u.test(each))).toEqual([]);
  });
});

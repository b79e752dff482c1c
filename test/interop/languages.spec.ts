import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { componentWit, metadataShow } from '@bytecodealliance/jco-transpile/wasm-tools';
import { WASIShim } from '@bytecodealliance/preview2-shim/instantiation';
import { compose, parsePlan, PLAN_SCHEMA, type Composition } from '@touchstone/compose';
import { compile, ORDERS, publishOrders, type Orders, type OrdersPart } from '@touchstone/kit';
import { digestNodes, readBinary, stripBinary, witOf } from '@touchstone/wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWasmTools, titled } from './client.js';
import { instantiated } from './transpiled.js';

const run = promisify(execFile);
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex');
const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

let dir: string;
let orders: Orders;
const built = new Map<OrdersPart, Uint8Array>();
/** Whether no circumstance of the build changed the bytes of the one in JavaScript. */
let deterministic: boolean | undefined;
const part = (name: OrdersPart): Uint8Array => built.get(name) ?? new Uint8Array();

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'orders-'));
  orders = await publishOrders(dir);
  for (const name of ORDERS) {
    const made = await orders.build(name, name === 'shop' ? 'vary' : undefined);
    built.set(name, new Uint8Array(made.bytes));
    if (name === 'shop') ({ deterministic } = made);
  }
});
afterAll(async () => {
  await orders.registry.close();
  await rm(dir, { recursive: true, force: true });
});

let made: Composition | undefined;
/** The three as one, with its manifest in it. */
function app(): Composition {
  made ??= composed({ plug: { socket: 'shop', plugs: ['store', 'prices'] } });
  return made;
}

/** The same, wired by hand, with more given out: the interface that uses a resource, and then its own. */
function open(): Composition {
  const give = (instance: string, name: string) => ({
    instance,
    export: `demo:orders/${name}@1.0.0`,
  });
  const [ledger, prices] = [give('store', 'ledger'), give('prices', 'prices')];
  return composed({
    instances: [
      { name: 'store' },
      { name: 'prices' },
      { name: 'shop', arguments: { [ledger.export]: ledger, [prices.export]: prices } },
    ],
    exports: [give('shop', 'checkout'), ledger],
  });
}

function composed(how: object): Composition {
  const components = Object.fromEntries(
    [...built].map(([name, bytes]) => [name, { sha256: hex(bytes) }]),
  );
  const plan = parsePlan({
    ...{ schema: PLAN_SCHEMA, components },
    ...how,
    manifest: { composition: { tool: 'touchstone' } },
  });
  return compose(plan, new Map([...built.values()].map((bytes) => [hex(bytes), bytes])));
}

interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly price: { readonly cents: bigint; readonly currency: string };
}

/** What the composition exports, as jco gives it to JavaScript. */
interface Checkout {
  buy(owner: string, wants: [string, number][]): object;
  close(orders: object[]): { owner: string; lines: Line[]; total?: Line['price'] };
}

async function running(name: string, bytes: Uint8Array): Promise<Checkout> {
  const imports = new WASIShim().getImportObject();
  const given = instantiated<{ checkout: Checkout }>(join(dir, name), name, bytes, imports);
  return (await given).checkout;
}

/** Orders through all three components: a resource, lists and records of one in two others. */
function shopped(checkout: Checkout): unknown {
  const first = checkout.buy('Ada ✓', [
    ['c', 3],
    ['a', 2],
  ]);
  const second = checkout.buy('Bob', [['b', 1]]);
  return checkout.close([first, second]);
}

const euros = (cents: bigint) => ({ cents, currency: 'eur' });
const RECEIPT = {
  owner: 'Ada ✓',
  lines: [
    { sku: 'a', quantity: 2, price: euros(1n) },
    { sku: 'b', quantity: 1, price: euros(2n) },
    { sku: 'c', quantity: 3, price: euros(3n) },
  ],
  total: euros(13n),
};

const everything = [...ORDERS, 'app', 'open'] as const;
const bytesOf = (name: (typeof everything)[number]): Uint8Array => {
  if (name === 'open') return open().bytes;
  return name === 'app' ? app().bytes : part(name);
};

describe.each(everything)('%s', (name) => {
  it('has the same nodes, places and digests to wasm-tools', async () => {
    const bytes = bytesOf(name);
    const nodes = digestNodes(bytes, readBinary(bytes), sha256);
    // wasm-tools tells them level by level; we tell them in the order in which they stand.
    const theirs = (await metadataShow(bytes))
      .toSorted((one, other) => one.range[0] - other.range[0])
      .map(({ metaType, range: [start, end] }) => [
        ...[metaType.tag, start, end - start],
        hex(bytes.subarray(start, end)),
      ]);
    expect(nodes.map((node) => [node.kind, node.offset, node.size, node.digest.sha256])).toEqual(
      theirs,
    );
  });

  it('has the same world, and keeps it when it is stripped', async () => {
    const bytes = bytesOf(name);
    const theirs = await componentWit(bytes);
    expect(witOf(bytes).startsWith(theirs.trimEnd())).toBe(true);
    const stripped = stripBinary(bytes);
    expect(stripped.length).toBeLessThan(bytes.length);
    expect(await componentWit(stripped)).toBe(theirs);
    expect(hex(stripBinary(stripped))).toBe(hex(stripped));
  });
});

it('shop is built the same by componentize-js under every circumstance that is varied', () => {
  expect(deterministic).toBe(true);
});

describe('the three as one', () => {
  it('runs through jco: a resource of Rust, held by JavaScript, priced by text', async () => {
    const checkout = await running('app', app().bytes);
    expect(shopped(checkout)).toEqual(RECEIPT);
    expect(checkout.close([checkout.buy('Eve', [])])).toEqual({
      ...{ owner: 'Eve', lines: [], total: undefined },
    });
    // A refusal of JavaScript, and one of Rust that JavaScript passes on.
    const refusal = (wants: [string, number][]): unknown => {
      try {
        return checkout.buy('Eve', wants);
      } catch (error) {
        return error;
      }
    };
    expect(refusal([['abc', 1]])).toBe('there is no price of abc');
    expect(refusal([...(['a', 'bb'] as const)].map((sku) => [sku, 1]))).toBe(
      'bb is not priced like a',
    );
  });

  it('runs as well when it is stripped of everything that says what it is', async () => {
    expect(shopped(await running('stripped', stripBinary(app().bytes)))).toEqual(RECEIPT);
  });
});

const tools = await findWasmTools();

describe.skipIf('absent' in tools)(titled('wasm-tools', tools), () => {
  it.each(everything)('validates %s, with its code, and writes the same WIT', async (name) => {
    if ('absent' in tools) throw new Error(tools.absent);
    const file = join(dir, `${name}.checked.wasm`);
    await writeFile(file, bytesOf(name));
    const [program, ...before] = tools.command;
    await run(program, [...before, 'validate', '--features=all', file], { timeout: 60_000 });
    const { stdout } = await run(program, [...before, 'component', 'wit', file]);
    expect(lines(witOf(bytesOf(name)))).toEqual(lines(stdout));
  });
});

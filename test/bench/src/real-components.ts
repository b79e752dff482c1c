import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose, parsePlan, PLAN_SCHEMA } from '@touchstone/compose';
import { compile, ORDERS, publishOrders, type OrdersPart } from '@touchstone/kit';

/**
 * Components that toolchains of this project build from test/kit/orders: 12 MB of componentize-js, one
 * of Rust, one of text. The first time it fetches their compilers.
 */
export async function realComponents(
  parts: readonly OrdersPart[] = ORDERS,
): Promise<Map<OrdersPart, Uint8Array>> {
  await compile('apps/cli');
  const dir = await mkdtemp(join(tmpdir(), 'bench-orders-'));
  try {
    const orders = await publishOrders(dir, parts);
    const built = new Map<OrdersPart, Uint8Array>();
    for (const part of parts) {
      const { bytes } = await orders.build(part);
      built.set(part, new Uint8Array(bytes));
    }
    await orders.registry.close();
    return built;
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The three as one. */
export async function realComposition(): Promise<Uint8Array> {
  const built = [...(await realComponents())].map(([name, bytes]) => ({
    ...{ name, bytes },
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }));
  const plan = parsePlan({
    schema: PLAN_SCHEMA,
    components: Object.fromEntries(built.map(({ name, sha256 }) => [name, { sha256 }])),
    plug: { socket: 'shop', plugs: ['store', 'prices'] },
  });
  return compose(plan, new Map(built.map(({ sha256, bytes }) => [sha256, bytes]))).bytes;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composition } from './assemble.fixture.js';
import { ComposeError } from './errors.js';
import { deriveGraph } from './graph.js';
import { manifestOf } from './read-manifest.js';
import { bindings } from './real.fixture.js';
import { readComposition } from './read.js';
import { verifyComposition } from './verify.js';
import { composeManifest, embedManifest } from './write-manifest.js';

const numRuns = process.env['TOUCHSTONE_LONG_FUZZ'] === '1' ? 100_000 : 300;

const embed = (bytes: Uint8Array): Uint8Array => embedManifest(bytes, composeManifest(bytes));
const samples = [composition(), embed(composition()), bindings, embed(bindings)];

const telling = fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x01, 0x02, 0x04, 0x7f, 0x80));
const edit = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 3 }),
  put: fc.array(telling, { maxLength: 3 }),
});
const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 3 }))
  .map(([bytes, edits]) => {
    const mutant = [...bytes];
    for (const { at, cut, put } of edits) mutant.splice(at % (mutant.length + 1), cut, ...put);
    return Uint8Array.from(mutant);
  });

/** Whatever the bytes, a graph whose edges join nodes of the file, or a refusal that has a place. */
function derive(bytes: Uint8Array): void {
  let graph;
  try {
    graph = deriveGraph(bytes);
  } catch (error) {
    if (!(error instanceof ComposeError)) throw error;
    expect(error.offset).toBeLessThanOrEqual(bytes.length);
    return;
  }
  const paths = new Set(graph.nodes.map(({ path }) => path));
  for (const { from, to } of graph.edges) expect(paths.has(from) && paths.has(to)).toBe(true);
}

describe('hostile compositions', () => {
  it('are derived or refused', () => {
    fc.assert(fc.property(mutated, derive), { seed: 51, numRuns });
  });

  it('are verified without an error of ours, and a mutant never passes for the original', async () => {
    const original = embed(composition());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(original.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const mutant = original.with(at, (original[at] ?? 0) ^ flip);
          const { ok } = await verifyComposition(mutant);
          // Only what the manifest says of itself, such as a name, may change and still hold.
          if (ok) expect(at).toBeGreaterThan(composition().length);
        },
      ),
      { seed: 52, numRuns },
    );
  });

  it.each(samples.map((bytes, index) => [index, bytes]))(
    'sample %i keeps every other byte when a manifest is embedded, however often',
    (_, bytes) => {
      const once = embed(bytes);
      expect(embed(once)).toEqual(once);
      const found = manifestOf(once, readComposition(once));
      expect(found?.offset).toBeGreaterThan(8);
      expect(once.subarray(0, found?.offset)).toEqual(bytes.subarray(0, found?.offset));
    },
  );
});

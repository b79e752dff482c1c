import { hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { it } from 'vitest';
import { custom, module, section } from '../assemble.fixture.js';
import { component } from '../component/assemble.fixture.js';
import { readBinary, walkNodes } from '../component/component.js';
import { WasmError } from '../errors.js';
import { signBinary } from './sign.js';
import { readSignatureData, writeSignatureData } from './signature-data.js';
import { delimiter, owner } from './signers.fixture.js';
import { verifySignatures } from './verify.js';
import { WASMSIGN2 } from './wasmsign2.fixture.js';

const certificates = [new Uint8Array(40).fill(0x30)];
const samples = [
  ...(['simple', 'split', 'cosigned', 'signedOver'] as const).map((name) =>
    hexToBytes(WASMSIGN2[name]),
  ),
  await signBinary(module(section(1, [0])), delimiter(1), { signer: owner, certificates }),
  await signBinary(component(custom('a')), delimiter(1), { signer: owner }),
];

const byte = fc.integer({ min: 0, max: 255 });
const telling = fc.oneof(byte, fc.constantFrom(0x00, 0x01, 0x02, 0x20, 0x40, 0x7f, 0x80, 0xff));
const edit = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 4 }),
  put: fc.array(telling, { maxLength: 4 }),
});
const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 4 }))
  .map(([bytes, edits]) => {
    const mutant = [...bytes];
    for (const { at, cut, put } of edits) mutant.splice(at % (mutant.length + 1), cut, ...put);
    return Uint8Array.from(mutant);
  });

/** Verifiers that say yes to all and no to all, so that every way through is taken. */
const trusts = [true, false].map((answer) => ({
  publicKeys: [owner.publicKey],
  verify: () => answer,
}));

it('takes mutated signatures: a WasmError or findings, with a place in the file', async () => {
  const property = fc.asyncProperty(mutated, async (bytes) => {
    const places: number[] = [];
    try {
      for (const node of walkNodes(readBinary(bytes))) {
        for (const trust of trusts) {
          const { findings, signatures } = await verifySignatures(bytes, node, trust);
          places.push(...[...findings, ...signatures].map(({ offset }) => offset));
        }
      }
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
      places.push(error.offset);
    }
    if (places.some((at) => at < 0 || at > bytes.length)) throw new Error('a place outside');
  });
  await fc.assert(property, { seed: 50, numRuns: 2_000 });
});

it('writes again what it reads, and nothing else', () => {
  const anything = fc.uint8Array({ maxLength: 200 });
  const detached = hexToBytes(WASMSIGN2.detached);
  const altered = fc
    .tuple(fc.nat(detached.length - 1), telling)
    .map(([at, value]) => detached.with(at, value));
  const property = fc.property(fc.oneof(anything, altered), (bytes) => {
    let sets;
    try {
      sets = readSignatureData(bytes, { offset: 0, size: bytes.length });
    } catch (error) {
      if (error instanceof WasmError) return;
      throw error;
    }
    if (Buffer.compare(writeSignatureData(sets), bytes) !== 0)
      throw new Error('it reads two forms');
  });
  fc.assert(property, { seed: 51, numRuns: 3_000 });
});

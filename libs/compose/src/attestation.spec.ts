import { createHash } from 'node:crypto';
import {
  paeBytes,
  STATEMENT_PAYLOAD_TYPE,
  STATEMENT_TYPE,
  signEnvelope,
  type DsseEnvelope,
  type Statement,
} from '@touchstone/attest';
import { encodeUtf8, nobleVerifier, toBase64 } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { composition, custom, join } from './assemble.fixture.js';
import { compositionStatement } from './attestation.js';
import { signer } from './evidence.fixture.js';
import { deriveGraph } from './graph.js';
import { verifyComposition } from './verify.js';
import { composeManifest, embedManifest } from './write-manifest.js';

const [integrator, stranger] = [signer(), signer()];

const embed = (bytes: Uint8Array): Uint8Array => embedManifest(bytes, composeManifest(bytes));
const file = embed(composition());

function statementOf(bytes: Uint8Array): Statement {
  return compositionStatement('app.wasm', deriveGraph(bytes), composeManifest(bytes));
}

async function codes(
  bytes: Uint8Array,
  envelope: unknown,
  signedBy = integrator,
): Promise<string[]> {
  const report = await verifyComposition(bytes, {
    attestation: { envelope, publicKeys: [signedBy.publicKey], verify: nobleVerifier },
  });
  return report.findings.map(({ code }) => code);
}

const sign = (statement: Statement, by = integrator): Promise<DsseEnvelope> =>
  signEnvelope(statement, by);

/** As signEnvelope would not: any JSON. */
async function signAsItIs(statement: object): Promise<DsseEnvelope> {
  const payload = encodeUtf8(JSON.stringify(statement));
  const sig = toBase64(await integrator.sign(paeBytes(STATEMENT_PAYLOAD_TYPE, payload)));
  const payloadType = STATEMENT_PAYLOAD_TYPE;
  return { payload: toBase64(payload), payloadType, signatures: [{ sig }] };
}

describe('attestations of compositions', () => {
  it('name the file with and without what attests it, and hold', async () => {
    const statement = statementOf(file);
    const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    expect(statement.subject.map(({ digest }) => digest['sha256'])).toEqual([
      hex(file),
      hex(composition()),
    ]);
    expect(await codes(file, await sign(statement))).toEqual([]);
  });

  it('hold for a file whose manifest is in the attestation alone', async () => {
    const bare = composition();
    expect(await codes(bare, await sign(statementOf(bare)))).toEqual([]);
    const lying = {
      ...statementOf(bare),
      predicate: { manifest: composeManifest(composition({ wire: 1 })) },
    };
    expect(await codes(bare, await sign(lying))).toEqual([
      'manifest-transplanted',
      'edge-missing',
      'edge-extra',
    ]);
  });

  const other = embed(composition({ wire: 1 }));
  const reworded = embedManifest(
    composition(),
    composeManifest(composition(), { claims: { composition: { composedBy: 'somebody else' } } }),
  );
  it.each<[string, () => Promise<[Uint8Array, DsseEnvelope]>, string]>([
    [
      'moved to another composition',
      async () => [other, await sign(statementOf(file))],
      'attestation-subject-mismatch',
    ],
    [
      'moved to the same composition with another manifest',
      async () => [reworded, await sign(statementOf(file))],
      'attestation-manifest-mismatch',
    ],
    [
      'of a file to which bytes were added',
      async () => [join(file, custom('more')), await sign(statementOf(file))],
      'attestation-subject-mismatch',
    ],
    [
      'that names the file alone',
      async () => {
        const { subject, ...rest } = statementOf(file);
        return [file, await sign({ ...rest, subject: subject.slice(0, 1) })];
      },
      'attestation-subject-mismatch',
    ],
    [
      'by a stranger',
      async () => [file, await sign(statementOf(file), stranger)],
      'signer-unknown',
    ],
    [
      'with an altered payload',
      async () => {
        const { payload, ...rest } = await sign(statementOf(file));
        return [file, { ...rest, payload: payload.replace('ey', 'eZ') }];
      },
      'dsse-signature',
    ],
    [
      'of another type',
      async () => {
        const statement = { ...statementOf(file), predicateType: 'https://example.com/x' };
        return [file, await sign(statement)];
      },
      'statement-predicate-type',
    ],
  ])('refuses one %s', async (_, make, code) => {
    const [bytes, envelope] = await make();
    expect(await codes(bytes, envelope)).toContain(code);
  });

  it.each(['https://wsc.dev/composition/v1', 'https://wsc.dev/in-toto/composition/v1'])(
    'reads %s',
    async (predicateType) => {
      const bare = composition();
      const graph = deriveGraph(bare);
      const statement = (hashes: string[]): Statement => ({
        _type: STATEMENT_TYPE,
        subject: [{ name: 'app.wasm', digest: { sha256: graph.nodes[0]?.digest.sha256 ?? '' } }],
        predicateType,
        predicate: {
          version: '1.0',
          tool: 'wac',
          tool_version: '0.6.0',
          components: hashes.map((hash, id) => ({ id: `c${id}`, hash: `sha256:${hash}` })),
        },
      });
      const hashes = graph.nodes
        .filter(({ path }) => path !== '/' && path.lastIndexOf('/') === 0)
        .map(({ digest }) => digest.sha256);
      expect(await codes(bare, await sign(statement(hashes)))).toEqual([]);
      const older = { ...statement(hashes), _type: 'https://in-toto.io/Statement/v0.1' };
      expect(await codes(bare, await signAsItIs(older))).toEqual([]);
      expect(await codes(bare, await sign(statement(hashes.slice(1))))).toEqual(['node-missing']);
    },
  );
});

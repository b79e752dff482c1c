import { nobleVerifier } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { COMPONENT, composition, provider, runModule } from './assemble.fixture.js';
import { evidenceOf, trustRoot } from './evidence.fixture.js';
import { verifyComposition, type CompositionReport } from './verify.js';

const EMPTY = Uint8Array.from(COMPONENT);
const agreed = ['reproduced', 'reproduced'] as const;

async function verified(files: unknown[], bytes = composition()): Promise<CompositionReport> {
  return verifyComposition(bytes, { evidence: { files, trustRoot, verify: nobleVerifier } });
}

const codes = ({ findings }: CompositionReport): string[] =>
  findings.map(({ code, node }) => `${code} ${node}`);

describe('core modules against evidence', () => {
  it('hold when a quorum reproduced each, or the component around it', async () => {
    const report = await verified([
      await evidenceOf(runModule(0), agreed),
      await evidenceOf(provider(1), agreed),
    ]);
    expect(codes(report)).toEqual([]);
    expect(report.proofs).toMatchObject([
      { node: '/component[0]/module[0]', verdict: 'reproduced', by: '/component[0]/module[0]' },
      { node: '/component[1]/module[0]', verdict: 'reproduced', by: '/component[1]' },
    ]);
  });

  it('are named when nobody, or not enough, reproduced them', async () => {
    expect(codes(await verified([await evidenceOf(runModule(0), agreed)]))).toEqual([
      'node-unproven /component[1]/module[0]',
    ]);
    const both = [
      await evidenceOf(runModule(0), ['reproduced', 'different']),
      await evidenceOf(runModule(1), ['different', 'different']),
    ];
    expect(codes(await verified(both))).toEqual([
      'node-disputed /component[0]/module[0]',
      'node-different /component[1]/module[0]',
    ]);
  });

  it('find the one node that was substituted', async () => {
    const files = await Promise.all([0, 1].map((nops) => evidenceOf(runModule(nops), agreed)));
    expect(codes(await verified(files))).toEqual([]);
    const other = composition({ second: provider(2) });
    expect(codes(await verified(files, other))).toEqual(['node-unproven /component[1]/module[0]']);
  });

  it('that are not there prove nothing: then the file must have been reproduced itself', async () => {
    const files = [await evidenceOf(runModule(0), agreed)];
    expect(codes(await verified(files, EMPTY))).toEqual(['node-unproven /']);
    const report = await verified([await evidenceOf(EMPTY, agreed)], EMPTY);
    expect(codes(report)).toEqual([]);
    expect(report.proofs).toMatchObject([{ node: '/', verdict: 'reproduced', by: '/' }]);
  });

  it('cannot be vouched for by evidence that does not verify', async () => {
    const evidence = await evidenceOf(runModule(0), agreed);
    const moved = {
      ...evidence,
      entries: evidence.entries.map((entry) => ({ ...entry, logIndex: 1 - entry.logIndex })),
    };
    expect(codes(await verified([moved]))).toEqual(['inclusion-proof /']);
  });
});

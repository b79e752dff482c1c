import { randomUUID } from 'node:crypto';
import {
  artifactDescriptor,
  parseTrustRoot,
  REBUILD_PREDICATE_TYPE,
  rebuildStatement,
  SBOM_PREDICATE_TYPE,
  sbomStatement,
  signEnvelope,
  verifyEvidence,
} from '@touchstone/attest';
import { ClientError, type Lease } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { predicateFor, recipeNamed, reportFor, type TestRebuilder } from './rebuilder.js';
import { eventually, Stand, startTestPostgres } from './stand.js';

const BOM = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [] };

let postgres: EmbeddedPostgres;
let stand: Stand;
let acme: TestRebuilder;
let birch: TestRebuilder;

beforeAll(async () => {
  postgres = await startTestPostgres();
  stand = await Stand.start(postgres);
  acme = await stand.enrol('acme');
  birch = await stand.enrol('birch');
});

afterAll(async () => {
  await stand.stop();
  await postgres.stop();
});

describe('a report is refused', () => {
  let lease: Lease;
  let other: Lease;
  beforeAll(async () => {
    const client = stand.client();
    await client.submit({ body: { recipe: recipeNamed('reported') } });
    lease = await acme.lease();
    other = await birch.lease();
  });

  async function refused(code: string, rebuilder: TestRebuilder, id: string, body: object) {
    const before = await stand.state();
    const call = rebuilder.client.complete({ params: { id }, body: body as never });
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ClientError);
    expect((error as ClientError).problem?.code).toBe(code);
    expect(await stand.state()).toBe(before);
  }
  const signed = async (change: object) =>
    signEnvelope(
      rebuildStatement({ ...predicateFor(lease.recipe, 'reproduced'), ...change }),
      acme.key,
    );

  it('of an unknown rebuild', async () => {
    await refused('rebuild-unknown', acme, randomUUID(), await reportFor(acme, lease));
  });

  it("of another rebuilder's lease, even with its token", async () => {
    await refused('lease-not-yours', birch, lease.rebuildId, await reportFor(birch, lease));
  });

  it('with another token than that of the lease', async () => {
    const report = await reportFor(acme, { ...lease, leaseToken: other.leaseToken });
    await refused('lease-not-yours', acme, lease.rebuildId, report);
  });

  it('signed by another organisation', async () => {
    const report = await reportFor(acme, lease, { key: birch.key });
    await refused('report-signer', acme, lease.rebuildId, report);
  });

  it('whose signature does not verify', async () => {
    const report = await reportFor(acme, lease);
    const [signature] = report.rebuild.signatures;
    const sig = toBase64(new Uint8Array(71).fill(0x30));
    const rebuild = { ...report.rebuild, signatures: [{ ...signature, sig }] };
    await refused('report-signature', acme, lease.rebuildId, { ...report, rebuild });
  });

  it('about another artifact', async () => {
    const artifact = artifactDescriptor(recipeNamed('elsewhere').artifact);
    const report = { ...(await reportFor(acme, lease)), rebuild: await signed({ artifact }) };
    await refused('report-subject-mismatch', acme, lease.rebuildId, report);
  });

  it('about another recipe', async () => {
    const recipe = { digest: { sha256: 'b'.repeat(64) } };
    const report = { ...(await reportFor(acme, lease)), rebuild: await signed({ recipe }) };
    await refused('report-recipe-mismatch', acme, lease.rebuildId, report);
  });

  it('whose statement contradicts itself', async () => {
    const report = {
      ...(await reportFor(acme, lease)),
      rebuild: await signed({ outcome: 'different' }),
    };
    await refused('report-outcome-mismatch', acme, lease.rebuildId, {
      ...report,
      outcome: 'different',
    });
  });

  it('that says other than its statement', async () => {
    const report = await reportFor(acme, lease);
    await refused('report-outcome-mismatch', acme, lease.rebuildId, {
      ...report,
      outcome: 'different',
    });
  });

  it('without provenance of what was built', async () => {
    const report = await reportFor(acme, lease, { provenance: false });
    await refused('report-malformed', acme, lease.rebuildId, report);
  });

  it('with provenance that does not name the toolchain', async () => {
    const predicate = predicateFor(lease.recipe, 'reproduced');
    const { toolchain: _, ...bare } = predicate;
    const { provenance } = await reportFor(acme, lease, { predicate: bare });
    const report = { ...(await reportFor(acme, lease, { predicate })), provenance };
    await refused('report-malformed', acme, lease.rebuildId, report);
  });

  it('with the provenance of another rebuilder', async () => {
    const { provenance } = await reportFor(birch, lease, { key: acme.key });
    const report = { ...(await reportFor(acme, lease)), provenance };
    await refused('report-signer', acme, lease.rebuildId, report);
  });

  it('with a statement in the place of the provenance', async () => {
    const report = await reportFor(acme, lease);
    await refused('report-malformed', acme, lease.rebuildId, {
      ...report,
      provenance: report.rebuild,
    });
  });

  const bomOf = (predicate = predicateFor(lease.recipe, 'reproduced'), key = acme.key) =>
    signEnvelope(sbomStatement(predicate, BOM), key);

  it('with a bill of materials that another organisation signed', async () => {
    const report = { ...(await reportFor(acme, lease)), sbom: await bomOf(undefined, birch.key) };
    await refused('report-signer', acme, lease.rebuildId, report);
  });

  it('with a bill of materials of other modules', async () => {
    const sbom = await bomOf(predicateFor(lease.recipe, 'different'));
    const report = { ...(await reportFor(acme, lease)), sbom };
    await refused('report-subject-mismatch', acme, lease.rebuildId, report);
  });

  it('with something else in the place of the bill of materials', async () => {
    const report = await reportFor(acme, lease);
    const sbom = report.rebuild;
    await refused('report-malformed', acme, lease.rebuildId, { ...report, sbom });
  });

  it('whose failure has a code or a text that could not be stored or shown', async () => {
    for (const failure of [
      { code: 'build-exit', message: 'a \u0000 in the output' },
      { code: 'build-exit', message: 'a \u001b[2J in the output' },
      { code: 'Build exit\n', message: '' },
    ]) {
      const predicate = { ...predicateFor(lease.recipe, 'failed'), failure };
      const report = await reportFor(acme, lease, { predicate });
      await refused('report-malformed', acme, lease.rebuildId, report);
    }
  });

  it('over the limit', async () => {
    const report = await reportFor(acme, lease);
    const rebuild = { ...report.rebuild, payload: 'A'.repeat(5 * 1024 * 1024) };
    await refused('body-too-large', acme, lease.rebuildId, { ...report, rebuild });
  });

  it('when another was accepted', async () => {
    const params = { id: lease.rebuildId };
    const body = await reportFor(acme, lease);
    await acme.client.complete({ params, body });
    const changed = await reportFor(acme, lease, { outcome: 'different' });
    // The log may record what was accepted meanwhile, so not the whole state is compared here.
    await expect(acme.client.complete({ params, body: changed })).rejects.toMatchObject({
      problem: { code: 'report-conflict' },
    });
    const { rebuilds } = await stand.client().read({ params: { id: lease.recipeDigest } });
    expect(rebuilds.find(({ id }) => id === lease.rebuildId)?.outcome).toBe('reproduced');
  });

  it('when the lease has lapsed', async () => {
    const report = await reportFor(birch, other);
    stand.clock.skip(31);
    await expect(
      birch.client.complete({ params: { id: other.rebuildId }, body: report }),
    ).rejects.toMatchObject({ problem: { code: 'lease-lapsed' } });
    const { rows } = await stand.db.query('SELECT 1 FROM attestation WHERE rebuild_id = $1', [
      other.rebuildId,
    ]);
    expect(rows).toHaveLength(0);
  });
});

describe('a report with a bill of materials', () => {
  it('is logged with it, and the evidence that verifies holds all three statements', async () => {
    const client = stand.client();
    const { id } = await client.submit({ body: { recipe: recipeNamed('listed') } });
    const lease = await leaseOf(acme, id);
    const sbom = await signEnvelope(
      sbomStatement(predicateFor(lease.recipe, 'reproduced'), BOM),
      acme.key,
    );
    const body = { ...(await reportFor(acme, lease)), sbom };
    await acme.client.complete({ params: { id: lease.rebuildId }, body });
    const rebuild = await eventually(async () => {
      const { rebuilds } = await client.read({ params: { id } });
      return rebuilds.find(({ state }) => state === 'logged');
    });
    const evidence = await client.evidence({ params: { id } });
    const trustRoot = parseTrustRoot(await client.trustRoot({}));
    const { entries } = await verifyEvidence(evidence, { trustRoot, verify: nodeVerifier });
    const indexOf = (type: string) =>
      entries.find(({ predicateType }) => predicateType === type)?.logIndex;
    expect(entries).toHaveLength(3);
    expect(rebuild.sbomLogIndex).toBe(indexOf(SBOM_PREDICATE_TYPE));
    expect(rebuild.logIndex).toBe(indexOf(REBUILD_PREDICATE_TYPE));
  });

  async function leaseOf(rebuilder: TestRebuilder, id: string): Promise<Lease> {
    for (;;) {
      const lease = await rebuilder.lease();
      if (lease.recipeDigest === id) return lease;
    }
  }
});

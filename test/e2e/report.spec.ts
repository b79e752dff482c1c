import { randomUUID } from 'node:crypto';
import { artifactDescriptor, rebuildStatement, signEnvelope } from '@touchstone/attest';
import { ClientError, type Lease } from '@touchstone/contract';
import { toBase64 } from '@touchstone/note';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { predicateFor, recipeNamed, reportFor, type TestRebuilder } from './rebuilder.js';
import { Stand, startTestPostgres } from './stand.js';

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
    const rebuild = { ...report.rebuild, payload: 'A'.repeat(3 * 1024 * 1024) };
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

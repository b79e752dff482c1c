import { generateKey, nodeVerifier } from '@touchstone/keys';
import { MemoryStorage } from '@touchstone/kit';
import type { StorageFault } from '@touchstone/kit';
import { encodeUtf8, formatVerifierKey, noteSigner } from '@touchstone/note';
import { TileReader, Tlog, fsck } from '@touchstone/tlog';
import { expect, it } from 'vitest';

const signer = noteSigner('any-call.touchstone.dev/log', generateKey('ed25519'));
const vkeys = [formatVerifierKey(signer.verifierKey)];

/** Appends in three batches; the index of each leaf that was acknowledged. */
async function life(storage: MemoryStorage, told: Map<string, number>): Promise<void> {
  const log = await Tlog.open({ storage, signer, verify: nodeVerifier });
  for (const [batch, count] of [250, 20, 3].entries()) {
    const leaves = Array.from({ length: count }, (_, i) => `${told.size} ${batch} ${i}`);
    await Promise.all(
      leaves.map(async (leaf) => {
        const appended = await log.append(encodeUtf8(leaf)).catch(() => undefined);
        if (!appended) return;
        told.set(leaf, appended.index);
        await appended.published.catch(() => undefined);
      }),
    );
  }
  await log.close();
}

it.each(['before', 'after'] as const)(
  'any call to the storage fails once, %s it took effect: nothing acknowledged is lost',
  async (when: StorageFault) => {
    for (let nth = 1; ; nth++) {
      const storage = new MemoryStorage();
      const told = new Map<string, number>();
      await life(storage, told);
      let calls = 0;
      storage.fault = () => (++calls === nth ? when : undefined);
      await life(storage, told).catch(() => undefined);
      storage.fault = undefined;
      await life(storage, told);

      const report = await fsck(storage, { vkeys, verify: nodeVerifier });
      expect([nth, report.problems]).toEqual([nth, []]);
      expect(report.checkpoint?.size).toBe(report.size);
      const reader = new TileReader((path) => storage.read(path));
      // One leaf of each batch stands for the others, which share its fate.
      for (const [leaf, index] of [...told].filter((_, i) => i % 23 === 0)) {
        const stored = await reader.entry(index, report.size);
        expect(new TextDecoder().decode(stored)).toBe(leaf);
      }
      if (calls < nth) return;
    }
  },
);

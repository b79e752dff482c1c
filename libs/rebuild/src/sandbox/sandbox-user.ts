import { randomInt } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';

/** User ids that no account has: systemd's range for dynamic users, taken at random. */
const FIRST_UID = 61_184;
const UIDS = 4096;

const taken = new Set<number>();

/**
 * A user id of its own for one run, so that limits by user count this run alone and runs cannot
 * signal each other. Not root already: undefined, and the run has our own id, mapped.
 */
export async function takeUser(): Promise<{ uid: number | undefined; release: () => void }> {
  if (process.getuid?.() !== 0) return { uid: undefined, release: () => undefined };
  const running = await runningUsers();
  for (;;) {
    const uid = FIRST_UID + randomInt(UIDS);
    if (taken.has(uid) || running.has(uid)) continue;
    taken.add(uid);
    return { uid, release: () => taken.delete(uid) };
  }
}

async function runningUsers(): Promise<Set<number>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const owners = await Promise.all(
    pids.map((pid) =>
      stat(`/proc/${pid}`).then(
        ({ uid }) => uid,
        () => -1,
      ),
    ),
  );
  return new Set(owners);
}

import { availableParallelism } from 'node:os';
import { startLog } from './index.js';

/** SIGTERM and SIGINT end the process once everything accepted is durable and answered. */
async function main(): Promise<void> {
  // Listened for from the start: a signal that comes while the log opens is obeyed after that.
  const signalled = new Promise<void>((done) => {
    process.once('SIGTERM', done);
    process.once('SIGINT', done);
  });
  const running = await startLog({ LOG_VERIFY_THREADS: String(threads()), ...process.env });
  await signalled;
  await running.close();
  process.exit(0);
}

/** As many threads as there are cores, of which four are enough for any disk. */
function threads(): number {
  return Math.min(availableParallelism(), 4);
}

function fail(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? `${String(error.code)}: ` : '';
  process.stderr.write(`${code}${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);

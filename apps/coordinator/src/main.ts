import { EnvironmentError, startCoordinator } from './index.js';

// From here on a signal waits for the start to be over, and then stops what was started.
const stop = new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
});
try {
  const coordinator = await startCoordinator(process.env);
  await stop;
  await coordinator.close();
  process.exit(0);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const refused = (error as { code?: unknown } | null)?.code === 'ECONNREFUSED';
  const hint = refused ? '; is PostgreSQL there, as DATABASE_URL says?' : '';
  process.stderr.write(`touchstone-coordinator: ${message}${hint}\n`);
  process.exit(error instanceof EnvironmentError ? 2 : 1);
}

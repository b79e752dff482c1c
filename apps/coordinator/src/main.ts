import { EnvironmentError, readEnvironment, startCoordinator, type Environment } from './index.js';

let environment: Environment;
try {
  environment = readEnvironment(process.env);
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  process.stderr.write(`touchstone-coordinator: ${error.message}\n`);
  process.exit(2);
}

// From here on a signal waits for the start to be over, and then stops what was started.
const stop = new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
});
try {
  const coordinator = await startCoordinator(environment);
  await stop;
  await coordinator.close();
  process.exit(0);
} catch (error) {
  process.stderr.write(
    `touchstone-coordinator: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(1);
}

import { readEnvironment } from './environment.js';
import { startWorker } from './start.js';

try {
  const worker = await startWorker(readEnvironment(process.env), process.env);
  const stop = (): void => {
    void worker.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await worker.ended;
} catch (error) {
  process.stderr.write(`worker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

import { startLog } from './index.js';

/** SIGTERM and SIGINT end the process once everything accepted is durable and answered. */
async function main(): Promise<void> {
  const running = await startLog(process.env);
  const stop = (): void => {
    running.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? `${String(error.code)}: ` : '';
  process.stderr.write(`${code}${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);

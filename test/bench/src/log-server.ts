import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../apps/log/dist/main.js', import.meta.url));

/** Of pino: lines of this level and above. */
const ERROR_LEVEL = 50;

/** A log server in a process of its own, as operators run it. */
export interface LogServer {
  readonly url: URL;
  /** Milliseconds from the start of the process until it listened. */
  readonly startMs: number;
  /** Seconds of CPU time that the process has used, all its threads. */
  cpuSeconds(): Promise<number>;
  /** Bytes of memory that the process has resident. */
  residentBytes(): Promise<number>;
  /** Keys of the newest committed map of the verifiable index. */
  mapKeys(): Promise<number>;
  /** Ends it gracefully. */
  stop(): Promise<void>;
}

/** Starts the compiled server; `TOUCHSTONE_BENCH_NODE` may hold options such as `--cpu-prof`. */
export async function startLogServer(environment: Record<string, string>): Promise<LogServer> {
  const options = process.env['TOUCHSTONE_BENCH_NODE']?.split(' ') ?? [];
  const began = performance.now();
  const child = spawn(process.execPath, [...options, MAIN], {
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const url = await new Promise<URL>((resolve, reject) => {
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      const told = JSON.parse(line) as { level: number; msg?: string; url?: string };
      if (told.msg === 'listening' && told.url !== undefined) resolve(new URL(told.url));
      // What went wrong behind the figures is part of them.
      if (told.level >= ERROR_LEVEL) process.stderr.write(`${line}\n`);
    });
    lines.on('close', () => reject(new Error('the log server ended before it listened')));
  });
  const startMs = performance.now() - began;
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(new URL('/metrics', url))).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  return {
    url,
    startMs,
    cpuSeconds: () => metric('process_cpu_seconds_total'),
    residentBytes: () => metric('process_resident_memory_bytes'),
    mapKeys: () => metric('log_map_keys'),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/touchstone.js', import.meta.url));

export interface OfflineResult {
  readonly exitCode: number;
  /** The command's JSON document. */
  readonly json: unknown;
  readonly stderr: string;
}

/** Runs a program where the file system is as here, read-only, and there is no network. */
function runOffline(argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const sandbox = ['--unshare-net', '--ro-bind', '/', '/', '--dev', '/dev', '--die-with-parent'];
  return new Promise((resolve) => {
    execFile(
      'bwrap',
      [...sandbox, '--', process.execPath, ...argv],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, out, err: err === '' && code === -1 ? (error?.message ?? '') : err });
      },
    );
  });
}

/** Runs a touchstone command without a network. */
export async function touchstoneOffline(argv: readonly string[]): Promise<OfflineResult> {
  const { code, out, err } = await runOffline([BIN, ...argv, '--json']);
  let json: unknown;
  try {
    json = JSON.parse(out);
  } catch {
    json = undefined;
  }
  return { exitCode: code, json, stderr: err };
}

/** Whether a server that answers here stays out of reach there; proves that offline is offline. */
export async function isUnreachableOffline(url: string): Promise<boolean> {
  const here = await fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );
  const script = `fetch(process.argv[1]).then(() => process.exit(0), () => process.exit(7))`;
  const there = await runOffline(['-e', script, url]);
  return here && there.code === 7;
}

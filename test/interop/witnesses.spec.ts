import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateKey, nodeVerifier, writePrivateKey } from '@touchstone/keys';
import { freePort, ROOT } from '@touchstone/kit';
import { startLog } from '@touchstone/log';
import {
  cosignerKey,
  formatCosignerKey,
  formatVerifierKey,
  parseWitnessPolicy,
  rawPublicKey,
  toBase64,
  verifierKey,
  verifyWitnessed,
} from '@touchstone/note';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findClient, titled, type Client } from './client.js';
import { Service } from './service.js';

const run = promisify(execFile);
const agent = await findClient('ssh-agent');
const witness = await findClient('litewitness');
const control = await findClient('witnessctl');
const sigsumLog = await findClient('sigsum-log-primary');
const sigsumKey = await findClient('sigsum-key');
const sigsumSubmit = await findClient('sigsum-submit');
const sigsumVerify = await findClient('sigsum-verify');

const ORIGIN = 'interop.touchstone.test/log';
const CLI = join(ROOT, 'apps/cli/bin/touchstone.js');
const HOST = '127.0.0.1';

let dir = '';
let ends: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'witnesses-'));
  ends = [() => rm(dir, { recursive: true, force: true })];
});
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
});

const missing = (...clients: readonly Client[]): Client =>
  clients.find((client) => 'absent' in client) ?? { path: '' };

function pathOf(client: Client): string {
  if ('absent' in client) throw new Error(client.absent);
  return client.path;
}

async function serve(
  command: readonly [string, ...string[]],
  place: Parameters<typeof Service.start>[1],
  env: Record<string, string> = {},
): Promise<Service> {
  const service = await Service.start(command, place, { cwd: dir, env });
  ends.push(() => service.end());
  return service;
}

async function done(program: string, args: readonly string[], env = {}): Promise<string> {
  const options = { cwd: dir, env: { ...process.env, HOME: dir, ...env }, timeout: 60_000 };
  return (await run(program, args, options)).stdout.trim();
}

/** A request of Rekor v2 for an entry over the digest of `artifact`. */
function signedRequest(artifact: Uint8Array): object {
  const key = generateKey('ecdsa-p256-sha256');
  const digest = createHash('sha256').update(artifact).digest('base64');
  const verifier = {
    keyDetails: 'PKIX_ECDSA_P256_SHA_256',
    publicKey: { rawBytes: toBase64(key.publicKey.spki) },
  };
  const signature = { content: toBase64(key.sign(artifact)), verifier };
  return { hashedRekordRequestV002: { digest, signature } };
}

const lite = missing(agent, witness, control);
describe.skipIf('absent' in lite)(titled('litewitness', lite), () => {
  it('cosigns the checkpoints of our log, which does not publish without it', async () => {
    const name = 'witness.example/lite';
    const key = generateKey('ed25519');
    const logVkey = formatVerifierKey(verifierKey(ORIGIN, key.publicKey));
    const socket = join(dir, 'agent');
    await serve([pathOf(agent), '-D', '-a', socket], { path: socket });
    await done('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', 'key']);
    await done('ssh-add', ['key'], { SSH_AUTH_SOCK: socket });
    const fingerprint = (await done('ssh-keygen', ['-lf', 'key.pub'])).split(' ')[1] ?? '';
    const db = ['-db', 'witness.db', '-origin', ORIGIN];
    await done(pathOf(control), ['add-log', ...db]);
    await done(pathOf(control), ['add-key', ...db, '-key', logVkey]);
    const port = await freePort();
    const service = await serve(
      [
        pathOf(witness),
        ...['-db', 'witness.db', '-ssh-agent', socket, '-key', fingerprint],
        ...['-name', name, '-listen', `${HOST}:${port}`],
      ],
      { port },
    );
    const page = await (await fetch(`http://${HOST}:${port}/`)).text();
    const vkey = /witness\.example\/lite\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+/.exec(page)?.[0] ?? '';
    const policy = `log ${logVkey}\nwitness lite ${vkey} http://${HOST}:${port}\nquorum lite\n`;
    await writeFile(join(dir, 'policy'), policy);

    const log = await startLog({
      ...{ TILES_DIR: join(dir, 'tiles'), LOG_ORIGIN: ORIGIN, LOG_KEY: key.toPem() },
      ...{ LOG_WITNESS_POLICY_FILE: join(dir, 'policy'), LOG_LEVEL: 'silent', PORT: '0' },
    });
    ends.push(() => log.close());
    const add = (text: string): Promise<Response> =>
      fetch(`${log.url}/api/v2/log/entries`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(signedRequest(Buffer.from(text))),
      });
    for (const size of [1, 2, 3]) {
      expect((await add(`entry ${size}`)).status).toBe(201);
      const note = await (await fetch(`${log.url}/checkpoint`)).text();
      const opened = await verifyWitnessed(note, parseWitnessPolicy(policy), nodeVerifier);
      expect([opened.quorum, opened.checkpoint.size]).toEqual([true, size]);
    }
    await service.end();
    expect((await add('unseen')).status).toBe(503);
  });
});

const sigsum = missing(sigsumLog, sigsumKey, sigsumSubmit, sigsumVerify);
describe.skipIf('absent' in sigsum)(titled('a Sigsum log', sigsum), () => {
  it('has our witness cosign, and sigsum-verify takes that', async () => {
    const key = generateKey('ed25519');
    const raw = Buffer.from(rawPublicKey(key.publicKey)).toString('hex');
    await writePrivateKey(join(dir, 'witness.pem'), key);
    await done(pathOf(sigsumKey), ['generate', '-o', 'log']);
    await done(pathOf(sigsumKey), ['generate', '-o', 'submitter']);
    const vkey = await done(pathOf(sigsumKey), ['to-vkey', '-k', 'log.pub']);
    const hex = await done(pathOf(sigsumKey), ['to-hex', '-k', 'log.pub']);
    const [ours, external, internal] = [await freePort(), await freePort(), await freePort()];
    await serve(
      [
        ...([process.execPath, CLI, 'witness', '--name', 'witness.example/ours'] as const),
        ...['--key', 'witness.pem', '--state', 'state', '--log', vkey],
        ...['--listen', `${HOST}:${ours}`],
      ],
      { port: ours },
    );
    await writeFile(
      join(dir, 'policy'),
      `log ${hex} http://${HOST}:${external}\n` +
        `witness ours ${raw} http://${HOST}:${ours}\nquorum ours\n`,
    );
    await writeFile(join(dir, 'sth.startup'), 'startup=empty\n');
    await serve(
      [
        pathOf(sigsumLog),
        ...['--backend', 'ephemeral', '--interval', '1s', '--key-file', 'log'],
        ...['--external-endpoint', `${HOST}:${external}`],
        ...['--internal-endpoint', `${HOST}:${internal}`],
        ...['--policy-file', 'policy', '--sth-file', 'sth'],
      ],
      { port: external },
      // Debian builds it with the routes of Go 1.21, which do not know its patterns.
      { GODEBUG: 'httpmuxgo121=0' },
    );
    await writeFile(join(dir, 'message'), 'what is signed');
    await done(pathOf(sigsumSubmit), ['-k', 'submitter', '-p', 'policy', 'message']);
    const verify = `"$0" -k submitter.pub -p policy message.proof < message`;
    await done('sh', ['-c', verify, pathOf(sigsumVerify)]);
    expect(await readFile(join(dir, 'message.proof'), 'utf8')).toContain('\ncosignature=');
    await writeFile(join(dir, 'message'), 'something else');
    await expect(done('sh', ['-c', verify, pathOf(sigsumVerify)])).rejects.toThrow();

    const cosigner = formatCosignerKey(cosignerKey('witness.example/ours', key.publicKey));
    const policy = parseWitnessPolicy(`log ${vkey}\nwitness ours ${cosigner}\nquorum ours\n`);
    const [hash] = (await done('ls', ['state']))
      .split('\n')
      .filter((file) => /^[0-9a-f]{64}/.test(file));
    const note = await readFile(join(dir, 'state', hash ?? ''));
    const opened = await verifyWitnessed(note, policy, nodeVerifier);
    expect([opened.quorum, opened.checkpoint.size]).toEqual([true, 1]);
  });
});

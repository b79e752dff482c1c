import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import {
  envelopeRequest,
  keyDetails,
  paeBytes,
  STATEMENT_TYPE,
  type DsseEnvelope,
} from '@touchstone/attest';
import { generateKey, type PrivateKey } from '@touchstone/keys';
import { startLog, type RunningLog } from '@touchstone/log';
import {
  encodeUtf8,
  formatVerifierKey,
  toBase64,
  verifierKey,
  type PublicKey,
} from '@touchstone/note';

export const ORIGIN = 'log.example/map';

export const sha256Hex = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** A log server of a spec, in a folder of its own. */
export class TestLog {
  readonly key = generateKey('ed25519');
  readonly vkey = verifierKey(ORIGIN, this.key.publicKey);
  #server: RunningLog | undefined;

  private constructor(readonly dir: string) {}

  static async start(settings: Record<string, string> = {}): Promise<TestLog> {
    const log = new TestLog(await mkdtemp(join(tmpdir(), 'touchstone-map-')));
    await log.restart(settings);
    return log;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  get vkeyText(): string {
    return formatVerifierKey(this.vkey);
  }

  async restart(settings: Record<string, string> = {}): Promise<void> {
    await this.#server?.close();
    this.#server = await startLog({
      TILES_DIR: this.dir,
      LOG_ORIGIN: ORIGIN,
      LOG_KEY: this.key.toPem(),
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
      LOG_MAP_SECONDS: '0.02',
      PORT: '0',
      ...settings,
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /**
   * Logs a statement about digests, as a rebuilder with such a key would; its index. Without
   * `keep`, what an ECDSA key signed is not handed in.
   */
  async add(
    note: string,
    subjects: readonly string[],
    signer: PrivateKey,
    keep = true,
  ): Promise<number> {
    const statement = {
      _type: STATEMENT_TYPE,
      subject: subjects.map((hex) => ({ name: note, digest: { sha256: hex } })),
      predicateType: 'https://example.org/seen/v1',
      predicate: { note },
    };
    const payload = encodeUtf8(JSON.stringify(statement));
    const payloadType = 'application/vnd.in-toto+json';
    const sig = toBase64(signer.sign(paeBytes(payloadType, payload)));
    const envelope = { payload: toBase64(payload), payloadType, signatures: [{ sig }] };
    return this.addEnvelope(envelope, signer.publicKey, keep);
  }

  /** Logs an envelope as its signer's key asks for, or with `form` as `dsse`; its index. */
  async addEnvelope(
    envelope: DsseEnvelope,
    publicKey: PublicKey,
    keep = true,
    form?: 'dsse',
  ): Promise<number> {
    const asked = envelopeRequest(envelope, publicKey);
    const attestation = form === undefined ? asked.attestation : undefined;
    const verifiers = [
      {
        keyDetails: keyDetails(publicKey.algorithm),
        publicKey: { rawBytes: toBase64(publicKey.spki) },
      },
    ];
    const request =
      form === undefined ? asked.request : { dsseRequestV002: { envelope, verifiers } };
    if (attestation && keep) {
      const url = `${this.url}/v1/attestations/sha256:${attestation.sha256}`;
      const headers = { 'content-type': 'application/octet-stream' };
      const body = new Uint8Array(attestation.bytes);
      const kept = await fetch(url, { method: 'PUT', headers, body });
      // Else the log would not know what was signed, and a search would say so.
      if (!kept.ok) throw new Error(`${kept.status}: ${await kept.text()}`);
    }
    const answer = await fetch(`${this.url}/api/v2/log/entries`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    return Number(((await answer.json()) as { logIndex: string }).logIndex);
  }

  /** Resolves when a commitment covers that many leaves. */
  async committed(size: number): Promise<void> {
    for (;;) {
      const answer = await fetch(`${this.url}/v1/search?digest=sha256:${sha256Hex('')}`);
      if (answer.status === 200) {
        const { commitment } = (await answer.json()) as { commitment: { leaf: string } };
        const leaf = JSON.parse(Buffer.from(commitment.leaf, 'base64').toString()) as {
          spec: { commitment: { treeSize: number } };
        };
        if (leaf.spec.commitment.treeSize >= size) return;
      }
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

export interface Answered {
  readonly status: number;
  readonly body: Buffer;
}

/** Whoever stands between a log and its reader. `rewrite` sees each answer and may change it. */
export async function startLiar(
  upstream: () => string,
  rewrite: (path: string, answer: Answered) => Answered | Promise<Answered>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    void fetch(upstream() + path)
      .then(async (answer) =>
        rewrite(path, { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) }),
      )
      .then(({ status, body }) => response.writeHead(status).end(body))
      .catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ADD_CHECKPOINT_LIMITS, type Witness, type WitnessAnswer } from '@touchstone/tlog';

export interface WitnessServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Told of each answer to add-checkpoint, and of each that failed for reasons of our own. */
  readonly observe?: (answer: WitnessAnswer | { readonly failure: unknown }) => void;
}

export interface WitnessServer {
  /** Where it listens: the submission prefix and the monitoring prefix of C2SP tlog-witness. */
  readonly url: string;
  /** Takes no more connections and ends once what was received is answered. */
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const CHECKPOINT_PATH = /^\/([0-9a-f]{64})\/checkpoint$/;
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
const MAX_CONNECTIONS = 512;
const MAX_HEADER_BYTES = 8_192;
/** Longer than a request may take, so that only what hangs is cut. */
const CLOSE_MS = 12_000;

/** Serves a witness over HTTP: add-checkpoint, the checkpoints it cosigned, /healthz. */
export async function startWitnessServer(
  witness: Witness,
  { host, port, observe }: WitnessServerOptions,
): Promise<WitnessServer> {
  let stopping = false;
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const server = createServer(limits, (request, response) => {
    void answer(witness, request, observe).then((reply) => {
      if (stopping) response.setHeader('connection', 'close');
      send(response, reply, request.method === 'HEAD');
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listening(server, host, port);
  const { address, port: bound, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: () => {
      stopping = true;
      return closed(server);
    },
  };
}

async function answer(
  witness: Witness,
  request: IncomingMessage,
  observe: WitnessServerOptions['observe'],
): Promise<Reply> {
  try {
    return await route(witness, request, observe);
  } catch (failure) {
    // Nothing was cosigned. What went wrong is the operator's business and not the caller's.
    observe?.({ failure });
    return { status: 500, body: 'the witness failed; try again later\n' };
  }
}

async function route(
  witness: Witness,
  request: IncomingMessage,
  observe: WitnessServerOptions['observe'],
): Promise<Reply> {
  const [path = ''] = (request.url ?? '').split('?');
  const reading = request.method === 'GET' || request.method === 'HEAD';
  const [, hash] = CHECKPOINT_PATH.exec(path) ?? [];
  if (path === '/add-checkpoint') {
    return request.method === 'POST' ? addCheckpoint(witness, request, observe) : onlyBy('POST');
  }
  if (path !== '/healthz' && hash === undefined) return { status: 404, body: 'no such path\n' };
  if (!reading) return onlyBy('GET, HEAD');
  const headers = { 'cache-control': 'no-cache' };
  if (hash === undefined) return { status: 200, body: 'ok\n', headers };
  const checkpoint = await witness.checkpoint(hash);
  if (checkpoint !== undefined) return { status: 200, body: checkpoint, headers };
  return { status: 404, body: 'nothing was cosigned of that log\n', headers };
}

async function addCheckpoint(
  witness: Witness,
  request: IncomingMessage,
  observe: WitnessServerOptions['observe'],
): Promise<Reply> {
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    return { status: 415, body: 'send the body as it is, without a content encoding\n' };
  }
  const body = await readBody(request, ADD_CHECKPOINT_LIMITS.bytes);
  if (body === undefined) {
    const headers = { connection: 'close' };
    return { status: 413, body: `at most ${ADD_CHECKPOINT_LIMITS.bytes} bytes\n`, headers };
  }
  const given = await witness.addCheckpoint(body);
  observe?.(given);
  const headers = { 'content-type': given.contentType };
  return { status: given.status, body: given.body, headers };
}

function onlyBy(allow: string): Reply {
  return { status: 405, body: `use ${allow}\n`, headers: { allow } };
}

/** Undefined when over the limit: the rest is then read and dropped, for as long as allowed. */
function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else done(undefined);
    });
    request.on('end', () => done(new Uint8Array(Buffer.concat(chunks))));
    // The caller is gone, and nobody reads what is answered.
    request.on('error', () => done(undefined));
  });
}

function send(response: ServerResponse, { status, body, headers }: Reply, head: boolean): void {
  const bytes = Buffer.from(body, 'utf8');
  response.writeHead(status, { ...TEXT, ...headers, 'content-length': bytes.length });
  response.end(head ? undefined : bytes);
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      done();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    const insist = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    server.close(() => {
      clearTimeout(insist);
      done();
    });
    server.closeIdleConnections();
  });
}

import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What a run of requests came to. */
export interface HttpLoad {
  readonly seconds: number;
  /** Milliseconds from a request's first byte to its answer's last. */
  readonly latencies: Float64Array;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** The bytes of a POST with a JSON body, over a connection that is kept. */
export function jsonPost(url: URL, path: string, body: string): Buffer {
  const head =
    `POST ${path} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

export function plainGet(url: URL, path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
}

/**
 * A closed loop: so many connections, each sending the next request once it has its answer. It
 * shares the machine with the server, so it does no more than it must: requests are bytes made
 * beforehand, answers are cut by their Content-Length, and `check` sees the first alone.
 */
export async function loadHttp(options: {
  readonly url: URL;
  readonly connections: number;
  readonly requests: readonly Buffer[];
  readonly status: number;
  readonly check: (body: string) => void;
}): Promise<HttpLoad> {
  const { url, connections, requests, status, check } = options;
  const latencies = new Float64Array(requests.length);
  let next = 0;
  const lane = (socket: Socket): Promise<void> =>
    new Promise((done, fail) => {
      let at = 0;
      let began = 0;
      let answer: Buffer = Buffer.alloc(0);
      const send = (): void => {
        if (next === requests.length) {
          socket.destroy();
          done();
          return;
        }
        at = next++;
        began = performance.now();
        socket.write(requests[at] as Buffer);
      };
      socket.on('error', fail);
      socket.on('close', () => fail(new Error('the server closed a connection')));
      socket.on('data', (chunk: Buffer) => {
        answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk]);
        const body = bodyOf(answer, status);
        if (body === undefined) return;
        latencies[at] = performance.now() - began;
        if (at === 0) check(body.toString());
        answer = Buffer.alloc(0);
        send();
      });
      send();
    });
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(url)));
  const began = performance.now();
  await Promise.all(sockets.map(lane));
  return { seconds: (performance.now() - began) / 1000, latencies };
}

/** The body of an answer, once all of it is there. */
function bodyOf(answer: Buffer, status: number): Buffer | undefined {
  const head = answer.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const text = answer.toString('latin1', 0, head);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
  const body = answer.subarray(head + HEAD_END.length);
  if (body.length < length) return undefined;
  if (!text.startsWith(`HTTP/1.1 ${status} `)) throw new Error(`${text}\n${body.toString()}`);
  return body;
}

function open(url: URL): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      done(socket);
    });
  });
}

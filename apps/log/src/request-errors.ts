import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { problem } from '@touchstone/contract';
import type { Problem } from '@touchstone/contract';
import type { ConnectionError, FastifyServerOptions } from 'fastify';
import { problemBody } from './problem-body.js';

/*
 * What is refused before there is a request that a controller could see: answered in the form of
 * the API all the same.
 */

/** Of the 16 KiB that Node reads of path and headers: a path that takes half of it is to blame. */
const LONG_LINE = 8 * 1024;

/** What the router refuses: a path that cannot be decoded, or a part of one that is too long. */
export const answerRouterError: NonNullable<FastifyServerOptions['frameworkErrors']> = (
  { code },
  { raw },
  reply,
) => {
  const answer =
    code === 'FST_ERR_MAX_PARAM_LENGTH'
      ? problem('path-too-long', 414, 'a part of the path is longer than any that there is')
      : problem('request-malformed', 400, 'the path cannot be decoded');
  const { type, body } = problemBody(answer, raw.url ?? '');
  // No hook and no serializer is at work yet.
  reply.raw
    .writeHead(answer.status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
    })
    .end(body);
};

/** What Node's parser refuses. The connection ends, since nobody knows where in it a request is. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  // What came last, typed wrongly.
  const packet: unknown = error.rawPacket;
  const head = Buffer.isBuffer(packet) ? packet.toString('latin1') : '';
  const [line = ''] = head.split('\r\n', 1);
  const answer = refusal(error.code, line.length > LONG_LINE);
  const { type, body } = problemBody(answer, /^[A-Z]+ (\S*)/.exec(head)?.[1] ?? '');
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\n` +
      `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  );
}

function refusal(code: string | undefined, longLine: boolean): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return problem('request-timeout', 408, 'the request did not arrive in time');
  }
  if (code !== 'HPE_HEADER_OVERFLOW') {
    return problem('request-malformed', 400, 'the bytes are no request of HTTP/1.1');
  }
  return longLine
    ? problem('path-too-long', 414, 'the path is longer than the server reads')
    : problem('headers-too-large', 431, 'the headers are longer than the server reads');
}

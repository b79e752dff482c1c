import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { RebuildError } from '../errors.js';

/** A TLS connection to `target` through an HTTP proxy's CONNECT (RFC 9110, section 9.3.6). */
export async function openTunnel(
  proxy: string,
  target: URL,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<TLSSocket> {
  if (!URL.canParse(proxy))
    throw new RebuildError('registry-config', `the proxy ${proxy} is not a URL`);
  const url = new URL(proxy);
  const authority = `${target.hostname}:${target.port === '' ? 443 : target.port}`;
  const credentials = decodeURIComponent(`${url.username}:${url.password}`);
  const raw = await new Promise<Socket>((resolve, reject) => {
    const send = url.protocol === 'https:' ? secureRequest : request;
    const outgoing = send({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      method: 'CONNECT',
      path: authority,
      signal,
      headers: {
        host: authority,
        ...(url.username === ''
          ? {}
          : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
      },
    });
    outgoing.on('connect', (response, socket) => {
      if (response.statusCode === 200) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new Error(`the proxy ${url.host} answered ${response.statusCode ?? 0}`));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  return connect({
    socket: raw,
    servername: target.hostname,
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined ? {} : { ca }),
  });
}

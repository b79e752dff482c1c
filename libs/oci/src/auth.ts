import { OciError } from './errors.js';
import { readBody, sendAgain, type TransportOptions } from './transport.js';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const MAX_TOKEN_ANSWER = 256 * 1024;
const MAX_CHALLENGE = 8 * 1024;

export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads `WWW-Authenticate` (RFC 9110, section 11.6.1), as far as registries use it. */
export function readChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const pattern =
    /\s*(?:([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([A-Za-z][A-Za-z0-9-]*))\s*,?/y;
  const text = header.slice(0, MAX_CHALLENGE);
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) break;
    const [, key, quoted, bare, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    const last = challenges.at(-1);
    if (key !== undefined && last !== undefined)
      last.parameters[key.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
  }
  return challenges;
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/**
 * What to answer a challenge with: credentials (Basic), or a token that the realm gives for the
 * scope that is needed and no wider (distribution's token authentication).
 *
 * @param registry the URL that was asked
 * @returns undefined when there is nothing to answer with
 * @throws OciError `challenge-refused` for a realm that leads where nothing may be sent, `denied`
 */
export async function answerChallenge(
  header: string,
  request: {
    readonly registry: URL;
    readonly scope: string;
    readonly credentials?: Credentials;
    readonly signal?: AbortSignal;
  },
  options: TransportOptions,
): Promise<string | undefined> {
  const challenges = readChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) return `Bearer ${await fetchToken(bearer, request, options)}`;
  if (challenges.some(({ scheme }) => scheme === 'basic') && request.credentials !== undefined)
    return basicHeader(request.credentials);
  return undefined;
}

async function fetchToken(
  { parameters }: Challenge,
  { registry, scope, credentials, signal }: Parameters<typeof answerChallenge>[1],
  options: TransportOptions,
): Promise<string> {
  const realm = parameters['realm'] ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const plain = url?.protocol === 'http:' && url.host === registry.host;
  if (url === undefined || (url.protocol !== 'https:' && !plain))
    throw new OciError('challenge-refused', `${registry.host} sends us to no https realm`);
  if (parameters['service'] !== undefined) url.searchParams.set('service', parameters['service']);
  url.searchParams.set('scope', scope);
  const answer = await sendAgain(
    {
      method: 'GET',
      url,
      ...(signal === undefined ? {} : { signal }),
      ...(credentials === undefined
        ? {}
        : { headers: { authorization: basicHeader(credentials) } }),
    },
    options,
  ).catch((error: unknown) => {
    // What the registry makes us ask is its doing, and not for it to learn from.
    if (error instanceof OciError && error.code === 'address-not-allowed')
      throw new OciError('challenge-refused', `the realm of ${registry.host}: ${error.message}`, {
        cause: error,
      });
    throw error;
  });
  const body = await readBody(answer, MAX_TOKEN_ANSWER, signal);
  if (answer.status !== 200)
    throw new OciError('denied', `the realm of ${registry.host} answered HTTP ${answer.status}`);
  const token = tokenOf(Buffer.from(body).toString('utf8'));
  if (token === undefined)
    throw new OciError('challenge-refused', `the realm of ${registry.host} gave no usable token`);
  return token;
}

/** A token ends up in a header, so nothing but what may stand there is one. */
function tokenOf(text: string): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const { token, access_token: access } = document as Record<string, unknown>;
  const found = typeof token === 'string' && token !== '' ? token : access;
  return typeof found === 'string' && /^[A-Za-z0-9._~+/=-]{1,65536}$/.test(found)
    ? found
    : undefined;
}

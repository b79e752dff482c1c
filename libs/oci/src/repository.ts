import { answerChallenge, type Credentials } from './auth.js';
import { OciError } from './errors.js';
import {
  digestOf,
  INDEX_TYPE,
  MANIFEST_TYPE,
  MAX_MANIFEST_BYTES,
  readManifest,
  type Descriptor,
  type Manifest,
} from './manifest.js';
import { isDigest, type Reference } from './reference.js';
import { addToList, fallbackTag, listed, matching } from './referrers.js';
import type { ArtifactStore, BlobLimits } from './store.js';
import {
  readBody,
  send,
  sendAgain,
  type Answer,
  type Ask,
  type TransportOptions,
} from './transport.js';
import { pushBlob, type PushOptions } from './upload.js';

export interface RepositoryOptions extends TransportOptions {
  readonly credentials?: Credentials;
  readonly push?: PushOptions;
}

const MAX_REDIRECTS = 5;
const MAX_PAGES = 64;
const MAX_ERROR_BODY = 64 * 1024;
const ACCEPT = [
  MANIFEST_TYPE,
  INDEX_TYPE,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** One repository of a registry, spoken to as the OCI distribution specification 1.1 says. */
export class Repository implements ArtifactStore {
  readonly name: string;
  readonly #repository: string;
  readonly #base: URL;
  readonly #options: RepositoryOptions;
  /** By scope. */
  readonly #authorization = new Map<string, string>();

  constructor({ registry, repository }: Reference, options: RepositoryOptions = {}) {
    this.name = `${registry}/${repository}`;
    this.#repository = repository;
    this.#options = options;
    const scheme = options.plainHosts?.has(registry) === true ? 'http' : 'https';
    this.#base = new URL(`${scheme}://${registry}/v2/${repository}/`);
  }

  async manifest(wanted: string, signal?: AbortSignal): Promise<Manifest> {
    const answer = await this.ask('pull', {
      method: 'GET',
      url: new URL(`manifests/${encodeURIComponent(wanted).replace('%3A', ':')}`, this.#base),
      headers: { accept: ACCEPT },
      redirects: MAX_REDIRECTS,
      ...(signal === undefined ? {} : { signal }),
    });
    await expectStatus(answer, [200], `manifest ${wanted} of ${this.name}`);
    const bytes = await readBody(answer, MAX_MANIFEST_BYTES, signal);
    const digest = digestOf(bytes);
    const said = answer.headers['docker-content-digest']?.toString();
    const expected = isDigest(wanted)
      ? wanted
      : said !== undefined && isDigest(said)
        ? said
        : digest;
    if (digest !== expected)
      throw new OciError(
        'digest-mismatch',
        `${this.name} gave out a manifest of digest ${digest} as ${expected}`,
      );
    return readManifest(bytes, answer.headers['content-type']);
  }

  async blob(
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    { maxBytes }: BlobLimits,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    if (size > maxBytes)
      throw new OciError('too-large', `blob ${digest} has ${size} bytes, more than ${maxBytes}`);
    const answer = await this.ask('pull', {
      method: 'GET',
      url: this.#blobUrl(digest),
      redirects: MAX_REDIRECTS,
      ...(signal === undefined ? {} : { signal }),
    });
    await expectStatus(answer, [200], `blob ${digest} of ${this.name}`);
    const bytes = await readBody(answer, size, signal);
    if (bytes.length !== size || digestOf(bytes) !== digest)
      throw new OciError('digest-mismatch', `${this.name} gave out other bytes as blob ${digest}`);
    return bytes;
  }

  async referrers(
    digest: string,
    artifactType?: string,
    signal?: AbortSignal,
  ): Promise<Descriptor[]> {
    const query =
      artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
    let url: URL | undefined = new URL(`referrers/${digest}${query}`, this.#base);
    const found: Descriptor[] = [];
    for (let page = 0; url !== undefined; page += 1) {
      if (page >= MAX_PAGES)
        throw new OciError('too-large', `${this.name} lists referrers without end`);
      const answer: Answer = await this.ask('pull', {
        ...{ method: 'GET', url, headers: { accept: INDEX_TYPE } },
        ...(signal === undefined ? {} : { signal }),
      });
      const api = answer.headers['content-type']?.split(';')[0]?.trim() === INDEX_TYPE;
      if (page === 0 && (answer.status === 404 || (answer.status === 200 && !api))) {
        answer.body.destroy();
        return matching(await this.#fallbackIndex(digest, signal), artifactType);
      }
      await expectStatus(answer, [200], `referrers of ${digest}`);
      found.push(...listed(readManifest(await readBody(answer, MAX_MANIFEST_BYTES, signal))));
      url = nextPage(answer, this.#base);
    }
    return matching(found, artifactType);
  }

  /** The referrers that the tag `sha256-<hex>` lists, for registries without the API. */
  async #fallbackIndex(digest: string, signal?: AbortSignal): Promise<Descriptor[]> {
    try {
      return listed(await this.manifest(fallbackTag(digest), signal));
    } catch (error) {
      if (error instanceof OciError && error.code === 'not-found') return [];
      throw error;
    }
  }

  async hasBlob(digest: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.ask('pull', {
      method: 'HEAD',
      url: this.#blobUrl(digest),
      redirects: MAX_REDIRECTS,
      ...(signal === undefined ? {} : { signal }),
    });
    answer.body.destroy();
    if (answer.status === 404) return false;
    await expectStatus(answer, [200], `blob ${digest} of ${this.name}`);
    return true;
  }

  async pushBlob(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const digest = digestOf(bytes);
    if (await this.hasBlob(digest, signal)) return;
    const options = this.#options.push ?? {};
    await pushBlob(
      { base: this.#base, bytes, digest, ask: (ask) => this.ask('pull,push', ask) },
      options,
      signal,
    );
  }

  async pushManifest(manifest: Manifest, tag?: string, signal?: AbortSignal): Promise<void> {
    const { digest } = manifest.descriptor;
    const answer = await this.#putManifest(manifest, tag ?? digest, signal);
    const subject = manifest.content.kind === 'image' ? manifest.content.image.subject : undefined;
    if (subject === undefined || answer.headers['oci-subject'] === subject.digest) return;
    // The registry knows no referrers: the specification leaves the list to us, under a tag.
    await this.#listUnder(subject.digest, manifest, signal);
  }

  async #putManifest(manifest: Manifest, wanted: string, signal?: AbortSignal): Promise<Answer> {
    const answer = await this.ask('pull,push', {
      method: 'PUT',
      url: new URL(`manifests/${wanted}`, this.#base),
      headers: { 'content-type': manifest.descriptor.mediaType },
      body: manifest.bytes,
      ...(signal === undefined ? {} : { signal }),
    });
    await expectStatus(answer, [201], `manifest ${wanted} of ${this.name}`);
    answer.body.destroy();
    return answer;
  }

  /** Two clients that write the list at once lose one entry, so it is read again and mended. */
  async #listUnder(subject: string, manifest: Manifest, signal?: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const known = await this.#fallbackIndex(subject, signal);
      if (known.some(({ digest }) => digest === manifest.descriptor.digest)) return;
      await this.#putManifest(addToList(known, manifest), fallbackTag(subject), signal);
    }
    throw new OciError('answer-unexpected', `${this.name} does not keep the list of referrers`);
  }

  #blobUrl(digest: string): URL {
    return new URL(`blobs/${digest}`, this.#base);
  }

  /** Asks, answering a challenge once. */
  async ask(access: 'pull' | 'pull,push', ask: Ask): Promise<Answer> {
    const scope = `repository:${this.#repository}:${access}`;
    const repeatable = ask.method === 'GET' || ask.method === 'HEAD' || ask.method === 'PUT';
    const attempt = async (): Promise<Answer> => {
      const authorization = this.#authorization.get(scope);
      const request: Ask = {
        ...ask,
        headers: { ...ask.headers, ...(authorization === undefined ? {} : { authorization }) },
      };
      if (repeatable) return sendAgain(request, this.#options);
      return send(request, this.#options).catch((error: unknown) => {
        if (error instanceof OciError) throw error;
        const code = ask.signal?.aborted === true ? 'aborted' : 'unreachable';
        const reason = error instanceof Error ? error.message : String(error);
        throw new OciError(code, `${ask.url.origin}: ${reason}`, { cause: error });
      });
    };
    const first = await attempt();
    const challenge = first.headers['www-authenticate'];
    // A redirect that answers 401 is no registry of ours: it gets no answer.
    if (first.status !== 401 || challenge === undefined || first.url.origin !== this.#base.origin)
      return first;
    first.body.destroy();
    const { credentials } = this.#options;
    const authorization = await answerChallenge(
      challenge,
      {
        registry: this.#base,
        scope,
        ...(credentials === undefined ? {} : { credentials }),
        ...(ask.signal === undefined ? {} : { signal: ask.signal }),
      },
      this.#options,
    );
    if (authorization === undefined)
      throw new OciError('denied', `${this.name} asks for credentials, and there are none`);
    this.#authorization.set(scope, authorization);
    return attempt();
  }
}

/** `Link: <url>; rel="next"`, on the registry itself. */
function nextPage(answer: Answer, base: URL): URL | undefined {
  const target = /<([^>]{1,4096})>\s*;\s*rel="?next"?/.exec(
    answer.headers['link']?.toString() ?? '',
  )?.[1];
  if (target === undefined) return undefined;
  const url = URL.canParse(target, answer.url.href) ? new URL(target, answer.url) : undefined;
  if (url?.origin !== base.origin)
    throw new OciError('redirect-refused', `the next page of ${base.host} lies elsewhere`);
  return url;
}

async function expectStatus(
  answer: Answer,
  expected: readonly number[],
  what: string,
): Promise<void> {
  const { status, headers } = answer;
  if (expected.includes(status)) return;
  const said = await readBody(answer, MAX_ERROR_BODY).catch(() => new Uint8Array());
  const text = Buffer.from(said).toString('utf8').replace(/\s+/g, ' ').slice(0, 200);
  const detail = `${what}: HTTP ${status}${text === '' ? '' : `, ${text}`}`;
  if (status === 404) throw new OciError('not-found', detail);
  if (status === 401 || status === 403) throw new OciError('denied', detail);
  if (headers.location !== undefined && status >= 300 && status < 400)
    throw new OciError('redirect-refused', `${detail}: this request follows no redirect`);
  throw new OciError('answer-unexpected', detail);
}

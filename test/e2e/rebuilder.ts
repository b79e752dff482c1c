import { createHash, createPrivateKey, randomUUID } from 'node:crypto';
import {
  artifactDescriptor,
  sourceDescriptor,
  provenanceStatement,
  rebuildStatement,
  signEnvelope,
  type DsseEnvelope,
  type RebuildPredicate,
} from '@touchstone/attest';
import {
  coordinatorRoutes,
  makeClient,
  recipeDigest,
  type Client,
  type Enrolment,
  type Fetch,
  type Lease,
  type Recipe,
  type Report,
} from '@touchstone/contract';
import { generateKey, type PrivateKey } from '@touchstone/keys';
import { keyId, toBase64 } from '@touchstone/note';
import { SignJWT, type JWTPayload } from 'jose';

/** Who the coordinator of the tests is, in request tokens. */
export const AUDIENCE = 'https://coordinator.example';

/** The platform's fetch, as the typed client asks for it. */
export const platformFetch: Fetch = (url, init) => fetch(url, init as RequestInit);

export interface BoundTo {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

/** A rebuilder with its key, that signs requests as it should, and statements as it is told. */
export interface TestRebuilder {
  readonly id: string;
  readonly key: PrivateKey;
  readonly enrolment: Enrolment;
  readonly client: Client<typeof coordinatorRoutes>;
  /** A request token; `change` and `header` spoil it, `by` signs it with another key. */
  token(
    request: BoundTo,
    change?: Partial<JWTPayload>,
    by?: PrivateKey,
    header?: { kid?: string },
  ): Promise<string>;
  /** Leases the next rebuild; fails the test when there is none. */
  lease(waitSeconds?: number): Promise<Lease>;
}

export function makeRebuilder(
  id: string,
  organisation: string,
  baseUrl: () => string,
  now: () => number,
): TestRebuilder {
  const key = generateKey('ecdsa-p256-sha256');
  const { algorithm, spki } = key.publicKey;
  const token: TestRebuilder['token'] = ({ method, path, body }, change = {}, by = key, header) => {
    const iat = Math.floor(now() / 1000);
    return new SignJWT({
      iss: id,
      aud: AUDIENCE,
      iat,
      exp: iat + 60,
      jti: randomUUID(),
      htm: method,
      htu: path,
      bod: createHash('sha256').update(body).digest('hex'),
      ...change,
    })
      .setProtectedHeader({
        alg: by.publicKey.algorithm === 'ed25519' ? 'EdDSA' : 'ES256',
        ...(header ?? { kid: keyId(key.publicKey) }),
      })
      .sign(createPrivateKey(by.toPem()));
  };
  const client = makeClient(coordinatorRoutes, {
    get baseUrl() {
      return baseUrl();
    },
    fetch: platformFetch,
    authorize: async (request) =>
      request.auth === 'rebuilder' ? `Bearer ${await token(request)}` : undefined,
  });
  return {
    id,
    key,
    enrolment: { id, organisation, publicKey: { algorithm, spki: toBase64(spki) } },
    client,
    token,
    async lease(waitSeconds = 10) {
      const { lease } = await client.lease({ body: { waitSeconds } });
      if (lease === null) throw new Error(`there is nothing to lease for ${id}`);
      return lease;
    },
  };
}

/** A recipe that is well-formed and different for each name. */
export function recipeNamed(name: string): Recipe {
  const integrity = `sha512-${createHash('sha512').update(name).digest('base64')}`;
  return {
    schema: 'https://touchstone.dev/recipe/v1',
    artifact: { kind: 'npm', name, version: '1.0.0', integrity },
    source: { kind: 'npm', name, version: '1.0.0', integrity },
    toolchain: { name: 'assemblyscript', version: '0.27.0' },
    workdir: 'package',
    steps: [{ run: ['asc', 'index.ts'] }],
    modules: [
      { name: 'main', output: 'main.wasm', published: { kind: 'file', path: 'package/main.wasm' } },
    ],
  };
}

function digest(text: string): { sha256: string } {
  return { sha256: createHash('sha256').update(text).digest('hex') };
}

/** What a rebuilder would say of the one module of `recipe`. */
export function predicateFor(
  recipe: Recipe,
  outcome: 'reproduced' | 'different' | 'failed',
): RebuildPredicate {
  const artifact = artifactDescriptor(recipe.artifact);
  const claimed = { digest: digest(artifact.uri), size: 100 };
  const observed =
    outcome === 'reproduced' ? claimed : { digest: digest(`${artifact.uri}!`), size: 101 };
  return {
    outcome,
    artifact,
    recipe: { digest: { sha256: recipeDigest(recipe) } },
    toolchain: { name: 'assemblyscript', version: '0.27.0', digest: digest('toolchain') },
    modules:
      outcome === 'failed'
        ? []
        : [{ name: 'main', outcome, claimed, observed, normalisations: [] }],
    ...(outcome === 'failed' ? { failure: { code: 'step-failed', message: 'asc: exit 1' } } : {}),
    environment: { sandbox: 'test', architecture: 'x64', network: 'none', variables: {} },
    startedOn: '2026-01-01T00:00:00Z',
    finishedOn: '2026-01-01T00:00:01Z',
  };
}

/** A signed report for a lease. */
export async function reportFor(
  rebuilder: TestRebuilder,
  lease: Pick<Lease, 'leaseToken' | 'recipe'>,
  options: {
    predicate?: RebuildPredicate;
    outcome?: 'reproduced' | 'different' | 'failed';
    key?: PrivateKey;
    provenance?: boolean;
  } = {},
): Promise<Report> {
  const { leaseToken, recipe } = lease;
  const predicate = options.predicate ?? predicateFor(recipe, options.outcome ?? 'reproduced');
  const key = options.key ?? rebuilder.key;
  const rebuild = await signEnvelope(rebuildStatement(predicate), key);
  const built = options.provenance ?? predicate.failure === undefined;
  return {
    leaseToken,
    outcome: predicate.outcome,
    rebuild,
    ...(built ? { provenance: await provenanceFor(rebuilder, recipe, predicate, key) } : {}),
  };
}

function provenanceFor(
  rebuilder: TestRebuilder,
  recipe: Recipe,
  rebuild: RebuildPredicate,
  key: PrivateKey,
): Promise<DsseEnvelope> {
  const statement = provenanceStatement({
    rebuild,
    recipe: { ...recipe },
    resolvedDependencies: [
      artifactDescriptor(recipe.artifact),
      sourceDescriptor(recipe.source),
      ...(rebuild.toolchain === undefined ? [] : [{ digest: rebuild.toolchain.digest }]),
    ],
    rebuilder: rebuilder.id,
    version: { test: '1' },
    invocationId: randomUUID(),
  });
  return signEnvelope(statement, key);
}

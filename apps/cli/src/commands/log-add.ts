import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  coseRequests,
  keyDetails,
  paeBytes,
  parseEnvelope,
  STATEMENT_PAYLOAD_TYPE,
  verifyCose,
} from '@touchstone/attest';
import {
  logRoutes,
  makeClient,
  type Client,
  type EntryRequest,
  type TransparencyLogEntry,
} from '@touchstone/contract';
import { nodeVerifier, readPrivateKey, type PrivateKey } from '@touchstone/keys';
import { fromBase64, toBase64, type PublicKey } from '@touchstone/note';
import type { Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { readPublicKey } from '../public-key-file.js';
import type { Terminal } from '../terminal.js';

interface AddOptions {
  log: string;
  file?: string;
  statement?: string;
  envelope?: string;
  cose?: string;
  key?: string;
  publicKey?: string[];
  tokenFile?: string;
  json?: boolean;
}

type LogClient = Client<typeof logRoutes>;

export function registerLogAdd(log: Command, context: Context): void {
  log
    .command('add')
    .option('--file <file>', 'sign the digest of this file with --key, and log it')
    .option('--statement <file>', 'sign this in-toto statement with --key, and log the envelope')
    .option('--envelope <file>', 'log this DSSE envelope, signed by --public-key')
    .option('--cose <file>', 'log each signature of this COSE_Sign, signed by --public-key')
    .option('--key <file>', 'private key that signs (PKCS#8, mode 0600)')
    .option('--public-key <file...>', 'PEM of who signed the envelope; of COSE, of all who did')
    .option('--token-file <file>', "file with the log's write token; else TOUCHSTONE_LOG_TOKEN")
    .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--json', "print the log's answer: entry, proof and checkpoint")
    .description('write an entry to a log; one it has keeps its place')
    .addHelpText('after', '\nExample:\n  touchstone log add --file module.wasm --key keys/me.pem')
    .action((options: AddOptions) => add(options, context));
}

async function add(options: AddOptions, { terminal, environment }: Context): Promise<void> {
  const token =
    options.tokenFile === undefined
      ? environment['TOUCHSTONE_LOG_TOKEN']
      : (await readFile(options.tokenFile, 'utf8')).trim();
  const client = makeClient(logRoutes, {
    baseUrl: options.log,
    fetch: fetch as never,
    authorize: () => (token === undefined ? undefined : `Bearer ${token}`),
  });
  const entries: TransparencyLogEntry[] = [];
  for (const body of await requestsOf(options, client)) {
    entries.push(await client.addEntry({ body }));
  }
  if (options.json === true) terminal.json(options.cose === undefined ? entries[0] : entries);
  else for (const entry of entries) print(entry, terminal);
}

function print(entry: TransparencyLogEntry, terminal: Terminal): void {
  const { kind, version } = entry.kindVersion;
  terminal.print(`entry ${entry.logIndex}: ${kind} ${version}`);
  terminal.note(`it is in the tree of ${entry.inclusionProof.treeSize} entries; export it with`);
  terminal.note(`  touchstone log export ${entry.logIndex} --trust-root <file>`);
}

async function requestsOf(options: AddOptions, client: LogClient): Promise<EntryRequest[]> {
  const { file, statement, envelope, cose, publicKey = [] } = options;
  const given = [file, statement, envelope, cose].filter((option) => option !== undefined);
  if (given.length !== 1) {
    const message = 'give one of --file, --statement, --envelope and --cose';
    throw new CliError('usage', message, EXIT.usage);
  }
  if (cose !== undefined) return signatureRequests(cose, publicKey, client);
  if (envelope !== undefined) return [await envelopeRequest(envelope, publicKey)];
  if (options.key === undefined) {
    throw new CliError('key-missing', 'give --key, the private key that signs', EXIT.usage);
  }
  const key = await readPrivateKey(options.key);
  if (file !== undefined) return [digestRequest(await readBounded(file), key)];
  return [await statementRequest(await readBounded(statement as string), key, client)];
}

/**
 * One entry for each signature. Nothing is written when one of them cannot be logged: a statement
 * is logged by all who signed it, or it is not.
 */
async function signatureRequests(
  file: string,
  publicKeyFiles: readonly string[],
  client: LogClient,
): Promise<EntryRequest[]> {
  const keys = await Promise.all(publicKeyFiles.map(readPublicKey));
  const envelope = new Uint8Array(await readBounded(file));
  const requests = coseRequests(await verifyCose(envelope, keys, nodeVerifier));
  for (const { attestation } of requests) {
    if (attestation === undefined) continue;
    const digest = `sha256:${attestation.sha256}`;
    await client.keepAttestation({ params: { digest }, body: new Uint8Array(attestation.bytes) });
  }
  return requests.map(({ request }) => request);
}

/** A signature over the bytes' digest; the log gets no more of them. */
function digestRequest(bytes: Uint8Array, key: PrivateKey): EntryRequest {
  if (key.publicKey.algorithm !== 'ecdsa-p256-sha256') {
    throw new CliError(
      'key-unsupported',
      'a digest is logged with an ECDSA P-256 key: Ed25519 signs whole messages only',
      EXIT.usage,
    );
  }
  const digest = createHash('sha256').update(bytes).digest('base64');
  const signature = { content: toBase64(key.sign(bytes)), verifier: verifierOf(key.publicKey) };
  return { hashedRekordRequestV002: { digest, signature } };
}

/**
 * With ECDSA by the digest of what is signed, which is how sigstore's tools log envelopes and the
 * only form all of them verify; the log keeps what was signed so that it can be exported. Ed25519
 * signs no digests, so its envelopes are logged as such.
 */
async function statementRequest(
  payload: Uint8Array,
  key: PrivateKey,
  client: LogClient,
): Promise<EntryRequest> {
  const message = paeBytes(STATEMENT_PAYLOAD_TYPE, payload);
  if (key.publicKey.algorithm === 'ed25519') {
    const signatures = [{ sig: toBase64(key.sign(message)) }];
    const envelope = {
      payload: toBase64(payload),
      payloadType: STATEMENT_PAYLOAD_TYPE,
      signatures,
    };
    return { dsseRequestV002: { envelope, verifiers: [verifierOf(key.publicKey)] } };
  }
  const digest = `sha256:${createHash('sha256').update(message).digest('hex')}`;
  await client.keepAttestation({ params: { digest }, body: new Uint8Array(message) });
  return digestRequest(message, key);
}

async function envelopeRequest(
  file: string,
  [publicKeyFile, ...others]: readonly string[],
): Promise<EntryRequest> {
  if (publicKeyFile === undefined || others.length > 0) {
    throw new CliError('key-missing', "give --public-key, the envelope's signer", EXIT.usage);
  }
  const envelope = parseEnvelope(await readJson(file));
  const key = await readPublicKey(publicKeyFile);
  const message = paeBytes(envelope.payloadType, fromBase64(envelope.payload));
  const [signature] = envelope.signatures;
  if (!signature || !nodeVerifier(key, message, fromBase64(signature.sig))) {
    throw new CliError('dsse-signature', 'the envelope is not signed by that key', EXIT.refuted);
  }
  return { dsseRequestV002: { envelope, verifiers: [verifierOf(key)] } };
}

function verifierOf({ algorithm, spki }: PublicKey): {
  keyDetails: string;
  publicKey: { rawBytes: string };
} {
  return { keyDetails: keyDetails(algorithm), publicKey: { rawBytes: toBase64(spki) } };
}

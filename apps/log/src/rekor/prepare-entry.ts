import { hash } from 'node:crypto';
import {
  AttestError,
  dsseEntry,
  hashedRekordEntry,
  indexEntry,
  parseJson,
  readEntry,
  rememberJson,
  searchKeys,
  V1Request,
  v1Entry,
} from '@touchstone/attest';
import type { EntryView, NewEntry } from '@touchstone/attest';
import { entryRequestOf } from '@touchstone/contract';
import { ecdsaDigestCheck, nodeVerifier } from '@touchstone/keys';
import { MAX_ENTRY_SIZE } from '@touchstone/merkle';
import { nodeHasher, nodeSha256 } from '@touchstone/tlog';
import { byteText } from '../byte-text.js';
import { HttpProblem, parseRequest } from '../http-problem.js';
import { packKeys } from '../map/leaf-keys.js';
import type { PackedKeys } from '../map/leaf-keys.js';

/** A request to log an entry, by the API it came by; not looked at yet. */
export interface EntryJob {
  readonly api: 'v1' | 'v2';
  /** JSON as it came, or a value that was read already. */
  readonly body: unknown;
}

/** An entry ready to be logged, with all that the log wants to know of it. Plain data. */
export interface PreparedEntry extends NewEntry {
  readonly kind: string;
  readonly version: string;
  /** RFC 6962 leaf hash. */
  readonly hash: Uint8Array;
  /** What the index finds it by. */
  readonly keys: readonly string[];
  /** Hex SHA-256 of the SPKI of each key that signed it. */
  readonly signers: readonly string[];
  /** What the map has it under, as far as the request tells. */
  readonly mapKeys: PackedKeys;
  /** Hex SHA-256 of what was signed, where the log may have that and the request did not. */
  readonly signed?: string;
}

/**
 * Makes the entry that a request asks for: parses it, verifies every signature in it, encodes it.
 * This is most of what an entry costs, and it needs nothing but the request.
 *
 * @throws HttpProblem `malformed-body`, `entry-malformed`, `entry-signature`, `entry-too-large`
 */
export async function prepareEntry(job: EntryJob): Promise<PreparedEntry> {
  try {
    const { body, payload } = await entryOf(job);
    const readJson = rememberJson();
    if (body.length > MAX_ENTRY_SIZE) {
      const detail = `an entry has at most ${MAX_ENTRY_SIZE} bytes, this one ${body.length}`;
      throw new HttpProblem('entry-too-large', 413, detail);
    }
    const view = readEntry(body, readJson);
    return {
      body,
      ...(payload && { payload }),
      kind: view.kind,
      version: view.version,
      hash: nodeHasher.leaf(body),
      keys: searchKeys(view, payload, readJson),
      mapKeys: packKeys(await indexEntry(body, async () => payload, nodeSha256, readJson)),
      signers: view.signers.map(keyIdOf),
      ...(!payload &&
        view.signed?.algorithm === 'sha256' && { signed: byteText(view.signed.digest, 'hex') }),
    };
  } catch (error) {
    throw refusal(error);
  }
}

async function entryOf({ api, body: given }: EntryJob): Promise<NewEntry> {
  const body = given instanceof Uint8Array ? readJson(given) : given;
  if (api === 'v1') {
    const request = parseRequest(V1Request, body, 'entry-malformed', 'body');
    return v1Entry(request, nodeVerifier, ecdsaDigestCheck);
  }
  const request = parseRequest(entryRequestOf(body), body, 'entry-malformed', 'body');
  return 'dsseRequestV002' in request
    ? dsseEntry(request.dsseRequestV002, nodeVerifier, ecdsaDigestCheck, nodeSha256)
    : { body: hashedRekordEntry(request.hashedRekordRequestV002, ecdsaDigestCheck) };
}

/** Its size was bounded when it was received. */
function readJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, bytes.length);
  } catch (cause) {
    const why = cause instanceof AttestError ? cause.message : 'not JSON';
    throw new HttpProblem('malformed-body', 400, `the body: ${why}`, { cause });
  }
}

function keyIdOf({ spki }: EntryView['signers'][number]): string {
  return hash('sha256', spki, 'hex');
}

/** What is wrong with an entry, as problem details; anything else is passed on. */
function refusal(error: unknown): unknown {
  if (!(error instanceof AttestError)) return error;
  const code = error.code === 'entry-signature' ? 'entry-signature' : 'entry-malformed';
  const { field } = error;
  return new HttpProblem(code, 400, error.message, {
    cause: error,
    ...(field === undefined ? {} : { field }),
  });
}

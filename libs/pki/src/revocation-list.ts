import {
  DER,
  derBits,
  derChildren,
  derPositive,
  expectDer,
  readDer,
  type DerElement,
} from '@touchstone/attest';
import { algorithmOf } from './certificate.js';
import { PkiError } from './errors.js';
import { elementOf, extensionsOf, hex, reading, timeOf, type Extensions } from './fields.js';
import type { Signed } from './signed.js';

const MAX_LIST_BYTES = 8 * 1024 * 1024;
const MAX_ENTRIES = 1_000_000;
const EXTENSIONS = 0xa0;
const ENUMERATED = 0x0a;
const TIMES = new Set([0x17, 0x18]);

const OID = {
  reasonCode: '551d15',
  invalidityDate: '551d18',
  crlNumber: '551d14',
  authorityKeyId: '551d23',
} as const;

/** Reasons after which nothing that the key ever signed can be told from a forgery. */
const COMPROMISED: ReadonlySet<number> = new Set([1, 2, 10]);

export interface RevokedEntry {
  readonly at: Date;
  readonly compromised: boolean;
  /** Since when the key is believed to be known to others. */
  readonly invalidSince: Date | undefined;
}

/** A list of which nothing is believed yet. */
export interface RevocationList extends Signed {
  readonly issuer: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** By serial number in hex. */
  readonly revoked: ReadonlyMap<string, RevokedEntry>;
}

/**
 * Reads a whole CRL v2 (RFC 5280 section 5). Lists of changes and of other issuers' certificates
 * have critical extensions, and are refused for them.
 *
 * @throws PkiError `certificate-crl-malformed`, `certificate-extension`
 */
export function readRevocationList(der: Uint8Array): RevocationList {
  return reading('certificate-crl-malformed', 'the revocation list', () => {
    if (der.length > MAX_LIST_BYTES) throw new RangeError(`over ${MAX_LIST_BYTES} bytes`);
    const parts = derChildren(expectDer(readDer(der), DER.sequence, 'CertificateList'));
    if (parts.length !== 3) throw new RangeError('it has not three parts');
    const tbs = expectDer(parts[0], DER.sequence, 'tbsCertList');
    const outer = expectDer(parts[1], DER.sequence, 'signatureAlgorithm');
    const [version, inner, issuer, thisUpdate, nextUpdate, ...rest] = derChildren(tbs);
    if (hex(expectDer(version, DER.integer, 'version').body) !== '01')
      throw new RangeError('it is of another version than 2');
    if (hex(expectDer(inner, DER.sequence, 'signature').raw) !== hex(outer.raw)) {
      throw new RangeError('it names two signature algorithms');
    }
    if (nextUpdate === undefined || !TIMES.has(nextUpdate.tag))
      throw new RangeError('it does not say until when it is good');
    const entries = rest[0]?.tag === DER.sequence ? rest.shift() : undefined;
    const extensions = rest.shift();
    if (rest.length > 0 || (extensions && extensions.tag !== EXTENSIONS))
      throw new RangeError('it has parts too many');
    if (extensions !== undefined) checkExtensions(listOf(derChildren(extensions)[0]));
    return {
      tbs: tbs.raw,
      algorithm: algorithmOf(outer),
      signature: derBits(parts[2], 'signatureValue'),
      issuer: expectDer(issuer, DER.sequence, 'issuer').raw,
      thisUpdate: timeOf(thisUpdate),
      nextUpdate: timeOf(nextUpdate),
      revoked: entries === undefined ? new Map() : revokedIn(entries),
    };
  });
}

function listOf(element: DerElement | undefined): Extensions {
  return extensionsOf(expectDer(element, DER.sequence, 'extensions'));
}

function checkExtensions(extensions: Extensions): void {
  for (const [oid, { critical }] of extensions) {
    if (critical && oid !== OID.crlNumber && oid !== OID.authorityKeyId) {
      throw new PkiError(
        'certificate-extension',
        `the extension ${oid} of a list is not understood`,
      );
    }
  }
}

function revokedIn(list: DerElement): Map<string, RevokedEntry> {
  const revoked = new Map<string, RevokedEntry>();
  for (const entry of manyOf(list)) {
    const [serial, at, extensions, ...rest] = derChildren(
      expectDer(entry, DER.sequence, 'an entry'),
    );
    if (rest.length > 0) throw new RangeError('an entry has parts too many');
    const found: Extensions = extensions === undefined ? new Map() : listOf(extensions);
    const reason = found.get(OID.reasonCode);
    const since = found.get(OID.invalidityDate);
    for (const [oid, { critical }] of found) {
      if (critical && oid !== OID.reasonCode && oid !== OID.invalidityDate) {
        throw new PkiError(
          'certificate-extension',
          `the extension ${oid} of an entry is not understood`,
        );
      }
    }
    revoked.set(hex(derPositive(serial, 'a serial number')), {
      at: timeOf(at),
      compromised:
        reason !== undefined &&
        COMPROMISED.has(elementOf(reason, ENUMERATED, 'a reason').body[0] ?? 1),
      invalidSince: since && timeOf(readDer(since.value)),
    });
  }
  return revoked;
}

/** The reader of DER bounds the children of one element; entries are read in stretches. */
function* manyOf({ body }: DerElement): Generator<DerElement> {
  let count = 0;
  for (let at = 0; at < body.length;) {
    const size = sizeAt(body, at);
    yield readDer(body.subarray(at, at + size));
    at += size;
    if ((count += 1) > MAX_ENTRIES) throw new RangeError(`over ${MAX_ENTRIES} entries`);
  }
}

function sizeAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1] ?? 0;
  if (first < 0x80) return 2 + first;
  if (first > 0x82) throw new RangeError('an entry is too large');
  let length = 0;
  for (let i = 0; i < first - 0x80; i += 1) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  return 2 + (first - 0x80) + length;
}

import {
  AttestError,
  DER,
  derChildren,
  expectDer,
  readDer,
  type DerElement,
} from '@touchstone/attest';
import { decodeUtf8 } from '@touchstone/note';
import { PkiError, type PkiErrorCode } from './errors.js';

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SET = 0x31;
const TEXT_TAGS = new Set([0x0c, 0x13, 0x16]);

export interface ParsedExtension {
  readonly critical: boolean;
  /** What stands in the octet string. */
  readonly value: Uint8Array;
}

/** Extensions by the hex of their OID's body. */
export type Extensions = ReadonlyMap<string, ParsedExtension>;

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Runs a parser; what DER refuses is refused under the code of what was to be read. */
export function reading<T>(code: PkiErrorCode, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof PkiError) throw cause;
    const known = cause instanceof AttestError || cause instanceof RangeError;
    if (!known) throw cause;
    throw new PkiError(code, `${what} cannot be read: ${cause.message}`, { cause });
  }
}

/** RFC 5280 section 4.1.2.5: UTC to the second, two digits of the year up to 2049. */
export function timeOf(element: DerElement | undefined): Date {
  const tag = element?.tag;
  const text = String.fromCharCode(...(element?.body ?? []));
  const digits = tag === UTC_TIME ? 2 : tag === GENERALIZED_TIME ? 4 : 0;
  const match = /^(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null || match[1]?.length !== digits) {
    throw new RangeError('a time is not written as RFC 5280 wants it');
  }
  const short = Number(match[1]);
  const year = digits === 4 ? short : short + (short < 50 ? 2000 : 1900);
  const [month = '', day = '', ...clock] = match.slice(2);
  const iso = `${String(year).padStart(4, '0')}-${month}-${day}T${clock.join(':')}Z`;
  const date = new Date(iso);
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso.replace('Z', '.000Z')) {
    throw new RangeError(`${text} is no time`);
  }
  return date;
}

/** RFC 5280 section 4.2. @throws PkiError `certificate-extension` when one stands there twice */
export function extensionsOf(list: DerElement): Extensions {
  const found = new Map<string, ParsedExtension>();
  for (const extension of derChildren(list)) {
    const parts = derChildren(expectDer(extension, DER.sequence, 'an extension'));
    const oid = hex(expectDer(parts[0], DER.oid, 'an extension').body);
    const flag = parts.length === 3 ? expectDer(parts[1], DER.boolean, 'critical') : undefined;
    // DER leaves out what is FALSE, and writes TRUE as ff.
    if (parts.length > 3 || (flag && (flag.body.length !== 1 || flag.body[0] !== 0xff))) {
      throw new RangeError('an extension is not in DER');
    }
    const { body: value } = expectDer(parts.at(-1), DER.octetString, 'an extension');
    if (found.has(oid)) {
      throw new PkiError('certificate-extension', `the extension ${oid} stands there twice`);
    }
    found.set(oid, { critical: flag !== undefined, value });
  }
  return found;
}

const LABELS: ReadonlyMap<string, string> = new Map([
  ['550403', 'CN'],
  ['55040a', 'O'],
  ['55040b', 'OU'],
  ['550406', 'C'],
  ['550405', 'serialNumber'],
]);

/** A name for people, such as `CN=Vendor, O=Vendor Ltd`. */
export function nameText(name: DerElement): string {
  const parts = derChildren(expectDer(name, DER.sequence, 'a name')).flatMap((set) =>
    derChildren(expectDer(set, SET, 'a part of a name')).map((attribute) => {
      const [type, value] = derChildren(expectDer(attribute, DER.sequence, 'an attribute'));
      const oid = hex(expectDer(type, DER.oid, 'an attribute').body);
      const text =
        value && TEXT_TAGS.has(value.tag)
          ? visible(value.body)
          : `#${hex(value?.raw ?? new Uint8Array())}`;
      return `${LABELS.get(oid) ?? oid}=${text}`;
    }),
  );
  return parts.join(', ');
}

/** Text from a certificate may hold anything; nothing of it moves a cursor or reads as two names. */
function visible(bytes: Uint8Array): string {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch {
    return `#${hex(bytes)}`;
  }
  return text.replaceAll(
    /[\p{C}\p{Zl}\p{Zp},=\\]/gu,
    (one) => `\\u{${one.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/** The one element of an extension. */
export function elementOf({ value }: ParsedExtension, tag: number, what: string): DerElement {
  return expectDer(readDer(value), tag, what);
}

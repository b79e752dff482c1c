import {
  children,
  contentOf,
  expectTag,
  malformed,
  readElement,
  TAG,
  type Element,
} from './der.js';

/** A stretch of bytes in a certificate. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** Where the parts of an X.509 certificate (RFC 5280 section 4.1) stand that change. */
export interface Layout {
  readonly tbs: Place;
  readonly serialNumber: Place;
  readonly notBefore: Place;
  readonly notAfter: Place;
  /** The last four characters of the common name of the issuer, and of the subject. */
  readonly issuerId: Place | undefined;
  readonly subjectId: Place | undefined;
  /** X‖Y. */
  readonly publicKey: Place;
  readonly subjectKeyId: Place | undefined;
  readonly authorityKeyId: Place | undefined;
  /** The algorithm behind the part that is signed. */
  readonly algorithm: Place;
  /** The DER of r and s inside the bit string. */
  readonly signature: Element;
}

const OID = {
  commonName: [0x55, 0x04, 0x03],
  subjectKeyId: [0x55, 0x1d, 0x0e],
  authorityKeyId: [0x55, 0x1d, 0x23],
} as const;
const ID_LENGTH = 4;
const KEY_ID_LENGTH = 20;

/**
 * The layout of a certificate of a P-256 key.
 *
 * @throws Atecc608Error `certificate-malformed`
 */
export function layoutOf(der: Uint8Array): Layout {
  const whole = expectTag(readElement(der, 0, der.length), TAG.sequence, 'the certificate');
  if (whole.end !== der.length) throw malformed('something follows the certificate');
  const [tbs, algorithm, bits, ...rest] = children(der, whole);
  const signed = expectTag(tbs, TAG.sequence, 'the signed part');
  if (rest.length > 0) throw malformed('the certificate has a fourth part');
  const fields = children(der, signed);
  if (fields[0]?.tag === TAG.version) fields.shift();
  const [serial, , issuer, validity, subject, keyInfo, ...more] = fields;
  const dates = children(der, expectTag(validity, TAG.sequence, 'the validity'));
  const extensions = more.find((field) => field.tag === TAG.extensions);
  return {
    tbs: all(signed),
    serialNumber: inside(expectTag(serial, TAG.integer, 'the serial number')),
    notBefore: inside(date(dates[0])),
    notAfter: inside(date(dates[1])),
    issuerId: commonNameEnd(der, expectTag(issuer, TAG.sequence, 'the issuer')),
    subjectId: commonNameEnd(der, expectTag(subject, TAG.sequence, 'the subject')),
    publicKey: publicKey(der, expectTag(keyInfo, TAG.sequence, 'the public key')),
    ...keyIds(der, extensions),
    algorithm: all(expectTag(algorithm, TAG.sequence, 'the signature algorithm')),
    signature: signature(der, expectTag(bits, TAG.bitString, 'the signature')),
  };
}

function date(element: Element | undefined): Element {
  if (element?.tag === TAG.utcTime || element?.tag === TAG.generalizedTime) return element;
  throw malformed('a date is not there');
}

/** Issuer and subject are sets of an attribute each; the common name's end may be a signer ID. */
function commonNameEnd(der: Uint8Array, name: Element): Place | undefined {
  for (const set of children(der, name)) {
    for (const attribute of children(der, set)) {
      const [oid, value] = children(der, attribute);
      if (oid === undefined || value === undefined || !isOid(der, oid, OID.commonName)) continue;
      if (value.end - value.content < ID_LENGTH) continue;
      return { offset: value.end - ID_LENGTH, length: ID_LENGTH };
    }
  }
  return undefined;
}

function publicKey(der: Uint8Array, keyInfo: Element): Place {
  const bits = expectTag(children(der, keyInfo)[1], TAG.bitString, 'the public key');
  const content = contentOf(der, bits);
  if (content.length !== 66 || content[0] !== 0 || content[1] !== 4) {
    throw malformed('the public key is no uncompressed point of P-256');
  }
  return { offset: bits.content + 2, length: 64 };
}

function keyIds(
  der: Uint8Array,
  extensions: Element | undefined,
): Pick<Layout, 'subjectKeyId' | 'authorityKeyId'> {
  const none = { subjectKeyId: undefined, authorityKeyId: undefined };
  if (extensions === undefined) return none;
  const list = expectTag(children(der, extensions)[0], TAG.sequence, 'the extensions');
  const found: { -readonly [Key in keyof typeof none]: Place | undefined } = { ...none };
  for (const extension of children(der, list)) {
    const parts = children(der, extension);
    const oid = parts[0];
    const value = parts.at(-1);
    if (oid === undefined || value === undefined) continue;
    if (isOid(der, oid, OID.subjectKeyId)) {
      found.subjectKeyId = keyId(readElement(der, value.content, value.end), TAG.octetString);
    }
    if (isOid(der, oid, OID.authorityKeyId)) {
      const sequence = readElement(der, value.content, value.end);
      found.authorityKeyId = keyId(children(der, sequence)[0], TAG.keyIdentifier);
    }
  }
  return found;
}

function keyId(element: Element | undefined, tag: number): Place {
  const place = inside(expectTag(element, tag, 'a key identifier'));
  if (place.length !== KEY_ID_LENGTH) throw malformed('a key identifier is no SHA-1');
  return place;
}

function signature(der: Uint8Array, bits: Element): Element {
  if (der[bits.content] !== 0) throw malformed('the signature has unused bits');
  const sequence = readElement(der, bits.content + 1, bits.end);
  if (sequence.end !== bits.end) throw malformed('something follows the signature');
  return sequence;
}

function isOid(der: Uint8Array, element: Element, oid: readonly number[]): boolean {
  const content = contentOf(der, element);
  return (
    element.tag === TAG.oid &&
    content.length === oid.length &&
    oid.every((b, i) => content[i] === b)
  );
}

function inside({ content, end }: Element): Place {
  return { offset: content, length: end - content };
}

function all({ start, end }: Element): Place {
  return { offset: start, length: end - start };
}

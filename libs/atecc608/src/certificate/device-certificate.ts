import { sha1 } from '@noble/hashes/legacy.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Signer } from '@touchstone/note';
import { Atecc608Error } from '../errors.js';
import {
  expandCertificate,
  SERIAL_SOURCE,
  type CertificateInputs,
  type CertificateTemplate,
} from './compressed.js';
import { encodeValidity, type Validity } from './dates.js';
import { decodeSignature, encodeElement, encodeSignature, readElement, TAG } from './der.js';
import { layoutOf } from './layout.js';

/**
 * The certificate that an organisation gives to its device: X.509 version 3 (RFC 5280) of a P-256
 * key that signs and nothing else. It has no end: where it is looked at there is no clock, and a
 * device is dropped by forgetting its key.
 */

const OID = {
  organisation: [0x55, 0x04, 0x0a],
  commonName: [0x55, 0x04, 0x03],
  ecPublicKey: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
  p256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
  subjectKeyId: [0x55, 0x1d, 0x0e],
  authorityKeyId: [0x55, 0x1d, 0x23],
} as const;
const BOOLEAN = 0x01;
const UTF8_STRING = 0x0c;
const PRINTABLE_STRING = 0x13;

/** Bytes of UTF-8 that the name of an organisation may have: what fits the chip's OTP zone. */
export const MAX_ORGANISATION_BYTES = 48;
const SERIAL_TEXT = '0'.repeat(18);
/** The common name of a certificate that is a template: the chip's serial number goes there. */
export const DEVICE_PLACEHOLDER = `sn${SERIAL_TEXT}`;
/** What stands in a compressed certificate: the one above, or one of a PKI. */
export const TEMPLATE_ID = { own: 1, pki: 2 } as const;

/**
 * What all certificates of an organisation's devices share.
 *
 * @throws Atecc608Error `argument` when the name is empty or too long
 */
export function deviceTemplate(organisation: string): CertificateTemplate {
  const name = utf8ToBytes(organisation);
  if (name.length === 0 || name.length > MAX_ORGANISATION_BYTES) {
    throw new Atecc608Error(
      'argument',
      `the organisation's name has 1 to ${MAX_ORGANISATION_BYTES} bytes of UTF-8`,
    );
  }
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const tbs = sequence(
    encodeElement(TAG.version, encodeElement(TAG.integer, Uint8Array.of(2))),
    encodeElement(TAG.integer, Uint8Array.of(0x40, ...new Uint8Array(15))),
    algorithm,
    distinguishedName(name, 'Touchstone Device CA 0000'),
    sequence(
      encodeElement(TAG.utcTime, utf8ToBytes('000101000000Z')),
      encodeElement(TAG.generalizedTime, utf8ToBytes('99991231235959Z')),
    ),
    distinguishedName(name, `sn${SERIAL_TEXT}`),
    publicKeyInfo(),
    extensions(),
  );
  const signature = encodeSignature(new Uint8Array(64));
  const bits = encodeElement(TAG.bitString, Uint8Array.of(0), signature);
  const der = sequence(tbs, algorithm, bits);
  const offset = indexOf(der, utf8ToBytes(`sn${SERIAL_TEXT}`)) + 2;
  return {
    der,
    templateId: TEMPLATE_ID.own,
    chainId: 0,
    serialSource: SERIAL_SOURCE.publicKeyHash,
    signerIdIn: 'issuer',
    elements: [{ name: 'serial', offset, length: SERIAL_TEXT.length, hex: true }],
  };
}

/**
 * A template made of a certificate that another authority issues to devices: named by
 * {@link DEVICE_PLACEHOLDER}, without an end, its serial number of 16 bytes.
 *
 * @throws Atecc608Error `certificate-template` when the name is not in it once
 */
export function templateOfCertificate(der: Uint8Array): CertificateTemplate {
  const wanted = utf8ToBytes(DEVICE_PLACEHOLDER);
  const offset = indexOf(der, wanted);
  if (offset < 0 || indexOf(der.subarray(offset + 1), wanted) >= 0) {
    throw new Atecc608Error('certificate-template', `${DEVICE_PLACEHOLDER} is not in it once`);
  }
  return {
    der,
    templateId: TEMPLATE_ID.pki,
    chainId: 0,
    serialSource: SERIAL_SOURCE.publicKeyHash,
    signerIdIn: 'none',
    elements: [{ name: 'serial', offset: offset + 2, length: SERIAL_TEXT.length, hex: true }],
  };
}

/** Which template a compressed certificate names. */
export function templateIdOf(compressed: Uint8Array): number {
  return (compressed[69] ?? 0) >>> 4;
}

/** Whom a certificate is for. */
export interface DeviceIdentity {
  readonly organisation: string;
  /** Nine bytes. */
  readonly serial: Uint8Array;
  /** X‖Y. */
  readonly publicKey: Uint8Array;
  /** X‖Y of the organisation's authority. */
  readonly authority: Uint8Array;
}

/**
 * Has an authority sign a device's certificate.
 *
 * @param from when it begins, to the hour
 * @param template of another kind of certificate than ours, with an element `serial`
 * @returns the 72 bytes for the chip, and the whole
 * @throws Atecc608Error as `expandCertificate`
 */
export async function issueDeviceCertificate(
  identity: DeviceIdentity,
  from: Omit<Validity, 'expireYears'>,
  authority: Signer,
  template = deviceTemplate(identity.organisation),
): Promise<{ readonly compressed: Uint8Array; readonly der: Uint8Array }> {
  const { templateId, chainId, serialSource } = template;
  const format = from.year > 2031 ? 1 : 0;
  const { bytes, more } = encodeValidity({ ...from, expireYears: 0 }, format);
  const kind = Uint8Array.of((templateId << 4) | chainId, (serialSource << 4) | format, more);
  const signerId = sha1(concatBytes(Uint8Array.of(4), identity.authority)).subarray(0, 2);
  const compressed = concatBytes(new Uint8Array(64), bytes, signerId, kind);
  const unsigned = expandDeviceCertificate(identity, compressed, template);
  const { tbs } = layoutOf(unsigned);
  const signature = await authority.sign(unsigned.slice(tbs.offset, tbs.offset + tbs.length));
  compressed.set(rawSignature(signature));
  return { compressed, der: expandDeviceCertificate(identity, compressed, template) };
}

/** The certificate that 72 bytes in a chip stand for. @throws as `expandCertificate` */
export function expandDeviceCertificate(
  { organisation, serial, publicKey, authority }: DeviceIdentity,
  compressed: Uint8Array,
  template = deviceTemplate(organisation),
): Uint8Array {
  const inputs: CertificateInputs = {
    publicKey,
    authorityPublicKey: authority,
    deviceSerial: serial,
    elements: { serial },
  };
  return expandCertificate(template, compressed, inputs);
}

/** r‖s of a DER signature, as the chip takes it. @throws Atecc608Error `certificate-malformed` */
export function rawSignature(der: Uint8Array): Uint8Array {
  return decodeSignature(der, readElement(der, 0, der.length));
}

function sequence(...content: Uint8Array[]): Uint8Array {
  return encodeElement(TAG.sequence, ...content);
}

function oid(bytes: readonly number[]): Uint8Array {
  return encodeElement(TAG.oid, Uint8Array.from(bytes));
}

function distinguishedName(organisation: Uint8Array, commonName: string): Uint8Array {
  const attribute = (type: readonly number[], tag: number, value: Uint8Array): Uint8Array =>
    encodeElement(TAG.set, sequence(oid(type), encodeElement(tag, value)));
  return sequence(
    attribute(OID.organisation, UTF8_STRING, organisation),
    attribute(OID.commonName, PRINTABLE_STRING, utf8ToBytes(commonName)),
  );
}

function publicKeyInfo(): Uint8Array {
  const point = Uint8Array.of(0, 4, ...new Uint8Array(64));
  return sequence(
    sequence(oid(OID.ecPublicKey), oid(OID.p256)),
    encodeElement(TAG.bitString, point),
  );
}

/** RFC 5280 section 4.2.1: of no authority, to sign with; both key identifiers. */
function extensions(): Uint8Array {
  const critical = encodeElement(BOOLEAN, Uint8Array.of(0xff));
  const extension = (type: readonly number[], value: Uint8Array, ...flags: Uint8Array[]) =>
    sequence(oid(type), ...flags, encodeElement(TAG.octetString, value));
  const keyId = new Uint8Array(20);
  return encodeElement(
    TAG.extensions,
    sequence(
      extension(OID.basicConstraints, sequence(), critical),
      extension(OID.keyUsage, encodeElement(TAG.bitString, Uint8Array.of(7, 0x80)), critical),
      extension(OID.subjectKeyId, encodeElement(TAG.octetString, keyId)),
      extension(OID.authorityKeyId, sequence(encodeElement(TAG.keyIdentifier, keyId))),
    ),
  );
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  return bytes.findIndex((_, at) => wanted.every((byte, i) => bytes[at + i] === byte));
}

import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { equalBytes } from '../bytes.js';
import { Atecc608Error } from '../errors.js';
import { dateTexts, decodeValidity, encodeValidity, parseDates } from './dates.js';
import { decodeSignature, encodeElement, encodeSignature, TAG } from './der.js';
import { layoutOf, type Layout, type Place } from './layout.js';

/** Bytes of a compressed certificate. */
export const COMPRESSED_SIZE = 72;

/** How a certificate's serial number comes about; the numbers are those on the wire. */
export const SERIAL_SOURCE = {
  /** The template's own. */
  stored: 0x0,
  /** 40 ‖ the device's nine bytes. */
  device: 0x8,
  /** 40 ‖ signer ID. */
  signerId: 0x9,
  /** SHA-256 of the public key and the date bytes, cut, made positive without leading zeros. */
  publicKeyHash: 0xa,
  /** The same of the device's serial number. */
  deviceHash: 0xb,
} as const;
export type SerialSource = (typeof SERIAL_SOURCE)[keyof typeof SERIAL_SOURCE];

/** Bytes of a certificate that differ from device to device and are stored elsewhere in it. */
export interface TemplateElement extends Place {
  readonly name: string;
  /** The bytes are written as upper-case hexadecimal text. */
  readonly hex: boolean;
}

/** A whole certificate, of which a few stretches are exchanged. */
export interface CertificateTemplate {
  readonly der: Uint8Array;
  readonly templateId: number;
  readonly chainId: number;
  readonly serialSource: SerialSource;
  /** Whose common name ends in the signer ID: a device's issuer, a signer's subject, or nobody's. */
  readonly signerIdIn: 'issuer' | 'subject' | 'none';
  readonly elements: readonly TemplateElement[];
}

/** What is not in the 72 bytes. */
export interface CertificateInputs {
  /** X‖Y. */
  readonly publicKey: Uint8Array;
  readonly authorityPublicKey: Uint8Array;
  /** Nine bytes; wanted by the serial sources that use it. */
  readonly deviceSerial?: Uint8Array;
  /** By the names of the template's elements, raw. */
  readonly elements?: Readonly<Record<string, Uint8Array>>;
}

/**
 * The X.509 certificate of a compressed one. The template's bytes are patched, never encoded anew,
 * so that the signature stays good.
 *
 * @throws Atecc608Error `certificate-format`, `certificate-template`, `certificate-date`,
 *   `certificate-serial-number`, `certificate-malformed`, `argument`
 */
export function expandCertificate(
  template: CertificateTemplate,
  compressed: Uint8Array,
  inputs: CertificateInputs,
): Uint8Array {
  const elements = template.elements.map((element) => {
    const raw = inputs.elements?.[element.name];
    if (raw === undefined) throw argument(`the template wants element ${element.name}`);
    return { at: element, bytes: element.hex ? utf8ToBytes(upperHex(raw)) : raw };
  });
  return rebuild(template, compressed, {
    publicKey: point(inputs.publicKey),
    authorityKeyId: keyId(inputs.authorityPublicKey),
    deviceSerial: inputs.deviceSerial,
    elements,
  });
}

/**
 * The 72 bytes from which `expandCertificate` makes this certificate again, byte for byte. The
 * format is the lowest that does.
 *
 * @throws Atecc608Error `certificate-template` when no format does; or as expandCertificate
 */
export function compressCertificate(
  template: CertificateTemplate,
  der: Uint8Array,
  deviceSerial?: Uint8Array,
): Uint8Array {
  const layout = layoutOf(der);
  const signature = decodeSignature(der, layout.signature);
  const validity = parseDates(text(der, layout.notBefore), text(der, layout.notAfter));
  const kept = {
    publicKey: cut(der, layout.publicKey),
    authorityKeyId: layout.authorityKeyId && cut(der, layout.authorityKeyId),
    deviceSerial,
    elements: template.elements.map((at) => ({ at, bytes: cut(der, at) })),
  };
  for (const format of [0, 1]) {
    try {
      const { bytes, more } = encodeValidity(validity, format);
      const kind = Uint8Array.of(
        (template.templateId << 4) | template.chainId,
        (template.serialSource << 4) | format,
        more,
      );
      const signerId = readSignerId(template, der, layout);
      const compressed = concatBytes(signature, bytes, signerId, kind);
      if (equalBytes(rebuild(template, compressed, kept), der)) return compressed;
    } catch (error) {
      const tooLong = error instanceof Atecc608Error && error.code === 'certificate-date';
      if (!(tooLong && format === 0)) throw error;
    }
  }
  throw wrongTemplate('the certificate differs from the template where 72 bytes cannot say it');
}

interface Parts {
  readonly publicKey: Uint8Array;
  readonly authorityKeyId: Uint8Array | undefined;
  readonly deviceSerial: Uint8Array | undefined;
  readonly elements: readonly { readonly at: Place; readonly bytes: Uint8Array }[];
}

function rebuild(template: CertificateTemplate, compressed: Uint8Array, parts: Parts): Uint8Array {
  const format = checkKind(template, compressed);
  const layout = layoutOf(template.der);
  const validity = decodeValidity(compressed.subarray(64, 67), compressed[71]!, format);
  const der = template.der.slice();
  put(der, layout.publicKey, parts.publicKey);
  if (layout.subjectKeyId !== undefined) put(der, layout.subjectKeyId, keyId(parts.publicKey));
  if (layout.authorityKeyId !== undefined) {
    if (parts.authorityKeyId === undefined) throw wrongTemplate('no authority key identifier');
    put(der, layout.authorityKeyId, parts.authorityKeyId);
  }
  const lengths = [layout.notBefore.length, layout.notAfter.length] as const;
  const [begin, end] = dateTexts(validity, lengths);
  put(der, layout.notBefore, begin);
  put(der, layout.notAfter, end);
  const idPlace = signerIdPlace(template, layout);
  if (idPlace !== undefined) put(der, idPlace, utf8ToBytes(upperHex(compressed.subarray(67, 69))));
  const serial = serialNumber(template, compressed, format, parts, layout.serialNumber.length);
  if (serial !== undefined) put(der, layout.serialNumber, serial);
  for (const { at, bytes } of parts.elements) put(der, at, bytes);
  const signature = encodeSignature(compressed.subarray(0, 64));
  return encodeElement(
    TAG.sequence,
    cut(der, layout.tbs),
    cut(der, layout.algorithm),
    encodeElement(TAG.bitString, Uint8Array.of(0), signature),
  );
}

/** The format, when the compressed certificate is one of this template. */
function checkKind(template: CertificateTemplate, compressed: Uint8Array): number {
  if (compressed.length !== COMPRESSED_SIZE) {
    throw argument(`a compressed certificate has ${COMPRESSED_SIZE} bytes`);
  }
  const format = compressed[70]! & 15;
  if (format > 2) throw new Atecc608Error('certificate-format', `format ${format} is unknown`);
  const { templateId, chainId, serialSource } = template;
  const same =
    compressed[69] === ((templateId << 4) | chainId) && compressed[70]! >>> 4 === serialSource;
  if (!same) throw wrongTemplate('template, chain or serial source is another one');
  return format;
}

function serialNumber(
  template: CertificateTemplate,
  compressed: Uint8Array,
  format: number,
  parts: Parts,
  length: number,
): Uint8Array | undefined {
  const dates = compressed.subarray(64, 67);
  const more = format === 0 ? new Uint8Array(0) : Uint8Array.of(compressed[71]! & 0xf0);
  switch (template.serialSource) {
    case SERIAL_SOURCE.stored:
      return undefined;
    case SERIAL_SOURCE.device:
      return concatBytes(Uint8Array.of(0x40), deviceSerial(parts));
    case SERIAL_SOURCE.signerId:
      return concatBytes(Uint8Array.of(0x40), compressed.subarray(67, 69));
    case SERIAL_SOURCE.publicKeyHash:
      return hashSerial(concatBytes(parts.publicKey, dates, more), length);
    case SERIAL_SOURCE.deviceHash:
      return hashSerial(concatBytes(deviceSerial(parts), dates, more), length);
  }
}

function hashSerial(message: Uint8Array, length: number): Uint8Array {
  const serial = sha256(message).slice(0, length);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

function deviceSerial({ deviceSerial: serial }: Parts): Uint8Array {
  if (serial?.length === 9) return serial;
  throw new Atecc608Error(
    'certificate-serial-number',
    "the certificate's serial number wants the device's nine bytes",
  );
}

function signerIdPlace({ signerIdIn }: CertificateTemplate, layout: Layout): Place | undefined {
  if (signerIdIn === 'none') return undefined;
  const place = signerIdIn === 'issuer' ? layout.issuerId : layout.subjectId;
  if (place === undefined) throw wrongTemplate(`the ${signerIdIn} has no common name`);
  return place;
}

function readSignerId(template: CertificateTemplate, der: Uint8Array, layout: Layout): Uint8Array {
  const place = signerIdPlace(template, layout);
  if (place === undefined) return signerIdOf(layout, der);
  const id = text(der, place);
  if (!/^[0-9A-F]{4}$/.test(id)) throw wrongTemplate(`${id} is no signer ID`);
  return Uint8Array.of(Number.parseInt(id.slice(0, 2), 16), Number.parseInt(id.slice(2), 16));
}

/** Where no name has it, it is the beginning of the authority's key identifier. */
function signerIdOf({ authorityKeyId }: Layout, der: Uint8Array): Uint8Array {
  if (authorityKeyId === undefined) throw wrongTemplate('no authority key identifier');
  return cut(der, authorityKeyId).subarray(0, 2);
}

/** SHA-1 of the uncompressed point (RFC 5280 section 4.2.1.2, method 1). */
function keyId(publicKey: Uint8Array): Uint8Array {
  return sha1(concatBytes(Uint8Array.of(4), point(publicKey)));
}

function point(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== 64) throw argument('a public key has 64 bytes');
  return publicKey;
}

function put(der: Uint8Array, { offset, length }: Place, bytes: Uint8Array): void {
  if (bytes.length !== length || offset + length > der.length) {
    throw wrongTemplate(`${bytes.length} bytes do not fit into ${length} at ${offset}`);
  }
  der.set(bytes, offset);
}

function cut(der: Uint8Array, { offset, length }: Place): Uint8Array {
  return der.slice(offset, offset + length);
}

function text(der: Uint8Array, place: Place): string {
  return String.fromCharCode(...cut(der, place));
}

function upperHex(bytes: Uint8Array): string {
  return bytesToHex(bytes).toUpperCase();
}

function argument(message: string): Atecc608Error {
  return new Atecc608Error('argument', message);
}

function wrongTemplate(message: string): Atecc608Error {
  return new Atecc608Error('certificate-template', message);
}

import { createPublicKey, X509Certificate } from 'node:crypto';
import {
  expandDeviceCertificate,
  issueDeviceCertificate,
  MAX_ORGANISATION_BYTES,
  publicKey,
  readPublicKey,
  TEMPLATE_ID,
  templateIdOf,
  writePublicKey,
  ZONE,
  type Atecc608Session,
  type DeviceIdentity,
} from '@touchstone/atecc608';
import { encodeUtf8, decodeUtf8, publicKeyFromSpki, type PublicKey } from '@touchstone/note';
import type { Signer } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';
import { SLOT } from './device-slots.js';
import { deviceTemplateOf, requireDevicePath } from './pki-certificate.js';

const COMPRESSED = 72;
/** In OTP, so that a chip says by itself whose it is. */
const MARK = encodeUtf8('touchstone/1\n\0\0\0');

/** Whose the chip is: for good, once the data zone is locked. */
export async function writeOrganisation(
  session: Atecc608Session,
  organisation: string,
): Promise<void> {
  const bytes = new Uint8Array(64);
  bytes.set(MARK);
  bytes.set(encodeUtf8(organisation), MARK.length);
  await session.writeBlock(ZONE.otp, 0, 0, bytes.subarray(0, 32));
  await session.writeBlock(ZONE.otp, 0, 32, bytes.subarray(32));
}

/** An authority of `touchstone pki` as a device's issuer. */
export interface DevicePki {
  /** DER: the authority's certificate, then those above it. */
  readonly chain: readonly Uint8Array[];
  /** Notes down what is issued, so that it can be revoked; before the chip has it. */
  readonly record: (certificate: Uint8Array) => Promise<void>;
}

/** Who signs, since when it counts (milliseconds since the epoch), and the PKI it belongs to. */
export interface Issuing {
  readonly signer: Signer;
  readonly now: number;
  readonly pki?: DevicePki;
}

/**
 * Has the authority sign the device's certificate, and stores it with the authority's key. A chip
 * whose data zone is open gives nothing back, so what it holds is read once that is locked.
 *
 * @returns DER
 */
export async function storeCertificate(
  session: Atecc608Session,
  identity: DeviceIdentity,
  issuing: Issuing,
): Promise<Uint8Array> {
  const issued = await issueFor(identity, issuing);
  await issuing.pki?.record(issued.der);
  await session.writeSlot(SLOT.certificate, issued.compressed);
  await writePublicKey(session, SLOT.authority, identity.authority);
  return issued.der;
}

/** @throws CliError with the code of PkiError when the authority may not certify devices */
export async function issueFor(
  identity: DeviceIdentity,
  { signer, now, pki }: Issuing,
): Promise<{ readonly compressed: Uint8Array; readonly der: Uint8Array }> {
  const [year, month, day, hour] = new Date(now)
    .toISOString()
    .split(/[-T:]/)
    .slice(0, 4)
    .map(Number) as [number, number, number, number];
  const [issuer] = pki?.chain ?? [];
  const template = issuer && (await deviceTemplateOf(issuer, identity.organisation));
  const from = { year, month, day, hour };
  const issued = await issueDeviceCertificate(identity, from, signer, template);
  if (pki !== undefined) {
    requireDevicePath([issued.der, ...pki.chain], pki.chain.slice(-1), new Date(now));
  }
  return issued;
}

/**
 * The certificate in a provisioned chip, whole again.
 *
 * @param issuer DER of the authority's certificate, wanted when that is one of a PKI
 * @throws CliError `device-certificate` when the chip was provisioned without one, or by a PKI
 */
export async function readChipCertificate(
  session: Atecc608Session,
  issuer?: Uint8Array,
): Promise<Uint8Array> {
  const otp = await session.readOtp();
  if (!Buffer.from(otp.subarray(0, MARK.length)).equals(MARK)) {
    throw new CliError(
      'device-certificate',
      'the chip was provisioned without a certificate',
      EXIT.absent,
    );
  }
  const name = otp.subarray(MARK.length, MARK.length + MAX_ORGANISATION_BYTES);
  const end = name.indexOf(0);
  const identity: DeviceIdentity = {
    organisation: decodeUtf8(end < 0 ? name : name.subarray(0, end)),
    serial: await session.serialNumber(),
    publicKey: await publicKey(session, SLOT.deviceKey),
    authority: await readPublicKey(session, SLOT.authority),
  };
  const stored = await session.readSlot(SLOT.certificate);
  const compressed = stored.subarray(0, COMPRESSED);
  if (templateIdOf(compressed) !== TEMPLATE_ID.pki) {
    return expandDeviceCertificate(identity, compressed);
  }
  if (issuer === undefined) {
    throw new CliError(
      'device-certificate',
      "the chip's certificate is one of a PKI: name its authority with --issuer",
      EXIT.usage,
    );
  }
  const template = await deviceTemplateOf(issuer, identity.organisation);
  return expandDeviceCertificate(identity, compressed, template);
}

/** What a certificate says of its device. */
export interface CertifiedDevice {
  readonly key: PublicKey;
  /** Hex of nine bytes. */
  readonly serial: string;
}

/**
 * Verifies a device's certificate under the organisation's key.
 *
 * @throws CliError `device-certificate`
 */
export function verifyDeviceCertificate(
  certificate: Uint8Array | string,
  authority: PublicKey,
): CertifiedDevice {
  const parsed = readX509(certificate);
  const key = createPublicKey({ key: Buffer.from(authority.spki), format: 'der', type: 'spki' });
  if (!parsed.verify(key)) throw refused("is not signed by the organisation's key");
  return deviceOf(parsed);
}

/** What a certificate says that was verified already. @throws CliError `device-certificate` */
export function certifiedDevice(certificate: Uint8Array): CertifiedDevice {
  return deviceOf(readX509(certificate));
}

function deviceOf(parsed: X509Certificate): CertifiedDevice {
  if (parsed.ca) throw refused('is that of an authority');
  const serial = /^CN=sn([0-9A-F]{18})$/m.exec(parsed.subject)?.[1];
  if (serial === undefined) throw refused('names no chip');
  const spki = parsed.publicKey.export({ format: 'der', type: 'spki' });
  return { key: publicKeyFromSpki(new Uint8Array(spki)), serial: serial.toLowerCase() };
}

function readX509(certificate: Uint8Array | string): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (cause) {
    throw refused('cannot be read', cause);
  }
}

function refused(why: string, cause?: unknown): CliError {
  return new CliError('device-certificate', `the device's certificate ${why}`, EXIT.refuted, {
    cause,
  });
}

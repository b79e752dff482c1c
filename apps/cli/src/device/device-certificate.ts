import { createPublicKey, X509Certificate } from 'node:crypto';
import {
  expandDeviceCertificate,
  issueDeviceCertificate,
  MAX_ORGANISATION_BYTES,
  publicKey,
  readPublicKey,
  writePublicKey,
  ZONE,
  type Atecc608Session,
  type DeviceIdentity,
} from '@touchstone/atecc608';
import { encodeUtf8, decodeUtf8, publicKeyFromSpki, type PublicKey } from '@touchstone/note';
import type { Signer } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';
import { SLOT } from './device-slots.js';

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

/**
 * Has the authority sign the device's certificate, and stores it with the authority's key. A chip
 * whose data zone is open gives nothing back, so what it holds is read once that is locked.
 *
 * @returns DER
 */
export async function storeCertificate(
  session: Atecc608Session,
  identity: DeviceIdentity,
  authority: Signer,
  now: number,
): Promise<Uint8Array> {
  const [year, month, day, hour] = new Date(now)
    .toISOString()
    .split(/[-T:]/)
    .slice(0, 4)
    .map(Number) as [number, number, number, number];
  const issued = await issueDeviceCertificate(identity, { year, month, day, hour }, authority);
  await session.writeSlot(SLOT.certificate, issued.compressed);
  await writePublicKey(session, SLOT.authority, identity.authority);
  return issued.der;
}

/**
 * The certificate in a provisioned chip, whole again.
 *
 * @throws CliError `device-certificate` when the chip was provisioned without one
 */
export async function readChipCertificate(session: Atecc608Session): Promise<Uint8Array> {
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
  return expandDeviceCertificate(identity, stored.subarray(0, COMPRESSED));
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
  const refused = (why: string, cause?: unknown): CliError =>
    new CliError('device-certificate', `the device's certificate ${why}`, EXIT.refuted, { cause });
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (cause) {
    throw refused('cannot be read', cause);
  }
  const key = createPublicKey({ key: Buffer.from(authority.spki), format: 'der', type: 'spki' });
  if (!parsed.verify(key)) throw refused("is not signed by the organisation's key");
  if (parsed.ca) throw refused('is that of an authority');
  const serial = /^CN=sn([0-9A-F]{18})$/m.exec(parsed.subject)?.[1];
  if (serial === undefined) throw refused('names no chip');
  const spki = parsed.publicKey.export({ format: 'der', type: 'spki' });
  return { key: publicKeyFromSpki(new Uint8Array(spki)), serial: serial.toLowerCase() };
}

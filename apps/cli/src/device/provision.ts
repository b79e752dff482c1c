import {
  Atecc608Session,
  CONFIG,
  generateKey,
  isConfigLocked,
  isDataLocked,
  isSlotLocked,
  MAX_ORGANISATION_BYTES,
  publicKey as readSlotKey,
  serialNumber,
  type Transport,
} from '@touchstone/atecc608';
import { generateKey as generateFileKey } from '@touchstone/keys';
import { publicKeyFromRaw, rawPublicKey, type PublicKey, type Signer } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';
import {
  issueFor,
  readChipCertificate,
  storeCertificate,
  writeOrganisation,
  type DevicePki,
} from './device-certificate.js';
import { SLOT, trustExporter } from './device-slots.js';

/** What each slot is for. Values are those of the part's configuration zone, low byte first. */
export interface SlotPlan {
  readonly slot: number;
  readonly purpose: string;
  readonly slotConfig: number;
  readonly keyConfig: number;
}

/** Made in the chip, signs digests and the chip's own state, locked once it is made. */
const DEVICE_KEY: SlotPlan = {
  slot: SLOT.deviceKey,
  purpose: 'device key, P-256, made in the chip',
  slotConfig: 0x2083,
  keyConfig: 0x0033,
};

/**
 * Certificate and authority are written once and locked. The exporters' keys may be written again,
 * and then count for nothing before the authority has signed for them (Verify in mode Validate):
 * KeyConfig asks for that, and SlotConfig names the authority's slot.
 */
const ANCHORS: readonly SlotPlan[] = [
  {
    slot: SLOT.certificate,
    purpose: "the device's certificate, compressed",
    slotConfig: 0x0000,
    keyConfig: 0x003c,
  },
  {
    slot: SLOT.authority,
    purpose: "the organisation's public key: trust anchor",
    slotConfig: 0x0000,
    keyConfig: 0x0030,
  },
  ...SLOT.exporters.map((slot) => ({
    slot,
    purpose: "an exporter's public key, validated by the organisation's",
    slotConfig: SLOT.authority,
    keyConfig: 0x0032,
  })),
];
/** Never readable, never writable, no key: what is not planned for. */
const CLOSED = { slotConfig: 0x8f8f, keyConfig: 0x003c };
const IO_PROTECTION: SlotPlan = {
  slot: SLOT.ioProtection,
  purpose: 'IO protection key, shared with the host: answers of Verify carry a MAC',
  ...CLOSED,
};
/** ChipOptions, low byte: there is an IO protection key; high byte: its slot. */
const IO_KEY_ENABLED = 0x02;

/** Who gives a device its certificate, and whom it is to believe. */
export interface Authority {
  readonly organisation: string;
  readonly signer: Signer;
  readonly exporters: readonly PublicKey[];
  /** When the certificate begins, milliseconds since the epoch. */
  readonly now: number;
  /** When the organisation has a PKI: the certificate is one of it. */
  readonly pki?: DevicePki;
}

export interface ProvisionPlan {
  /** Hex of nine bytes. */
  readonly serial: string;
  readonly slots: readonly SlotPlan[];
  /** The whole zone as it will be locked. */
  readonly configuration: Uint8Array;
  readonly authority?: Authority;
  /** 32 bytes. */
  readonly ioKey?: Uint8Array;
  /** What an earlier run that was broken off has locked already. */
  readonly locked: 'nothing' | 'configuration';
}

/**
 * What provisioning would write. A run that was broken off after the configuration was locked is
 * gone on with, when it is the same plan.
 *
 * @throws CliError `device-locked` when what is locked cannot be taken further, `device-authority`, and
 * the codes of PkiError for an authority that may not certify devices
 */
export async function planProvisioning(
  session: Atecc608Session,
  authority?: Authority,
  ioKey?: Uint8Array,
): Promise<ProvisionPlan> {
  if (authority !== undefined) {
    checkAuthority(authority);
    if (authority.pki !== undefined) await requireIssuable(authority, authority.pki);
  }
  const found = await session.readConfiguration();
  const configuration = new Uint8Array(found);
  const slots = [
    DEVICE_KEY,
    ...(ioKey === undefined ? [] : [IO_PROTECTION]),
    ...(authority === undefined ? [] : ANCHORS),
  ];
  if (ioKey !== undefined) {
    const options = configuration[CONFIG.chipOptions] ?? 0;
    const more = (configuration[CONFIG.chipOptions + 1] ?? 0) & 0x0f;
    configuration[CONFIG.chipOptions] = options | IO_KEY_ENABLED;
    configuration[CONFIG.chipOptions + 1] = more | (SLOT.ioProtection << 4);
  }
  for (let slot = 0; slot < 16; slot++) {
    const planned = slots.find((plan) => plan.slot === slot) ?? CLOSED;
    put(configuration, CONFIG.slotConfig + 2 * slot, planned.slotConfig);
    put(configuration, CONFIG.keyConfig + 2 * slot, planned.keyConfig);
  }
  const begun = isConfigLocked(found);
  const same = Buffer.from(found).equals(configuration);
  if (isDataLocked(found) || (begun && !same)) {
    throw new CliError(
      'device-locked',
      'the chip is locked already: what is in it stays for good; use it as it is or take a new one',
      EXIT.refuted,
    );
  }
  const serial = Buffer.from(serialNumber(found)).toString('hex');
  const locked = begun ? 'configuration' : 'nothing';
  const whose = { ...(authority && { authority }), ...(ioKey && { ioKey }) };
  return { serial, slots, configuration, locked, ...whose };
}

/**
 * A certificate on trial, for a key that is thrown away: what the authority may not issue is found out
 * while nothing is locked.
 */
async function requireIssuable(
  { organisation, signer, now }: Authority,
  { chain }: DevicePki,
): Promise<void> {
  const key = generateFileKey('ecdsa-p256-sha256');
  const identity = {
    ...{ organisation, serial: new Uint8Array(9) },
    publicKey: rawPublicKey(key.publicKey).slice(1),
    authority: rawPublicKey(signer.publicKey).slice(1),
  };
  await issueFor(identity, { signer, now, pki: { chain, record: () => Promise.resolve() } });
}

/** @throws CliError `device-authority` */
function checkAuthority({ organisation, signer, exporters }: Authority): void {
  const { length } = Buffer.from(organisation);
  const wrong =
    length === 0 || length > MAX_ORGANISATION_BYTES
      ? `the organisation's name has 1 to ${MAX_ORGANISATION_BYTES} bytes`
      : [signer.publicKey, ...exporters].some(({ algorithm }) => algorithm !== 'ecdsa-p256-sha256')
        ? 'a chip checks P-256 keys alone'
        : exporters.length > SLOT.exporters.length
          ? `there is room for ${SLOT.exporters.length} exporters`
          : undefined;
  if (wrong !== undefined) throw new CliError('device-authority', wrong, EXIT.usage);
}

export interface Provisioned {
  readonly key: PublicKey;
  /** DER, as read back from the chip's 72 bytes. */
  readonly certificate?: Uint8Array;
}

/**
 * Carries the plan out. None of it can be undone. Order: the configuration is read back, compared
 * and locked; the key is made in the chip; certificate and authority are written; the data zone is
 * locked, from when on it can be read, and is; the authority's word makes the exporters' keys count; the
 * slots that must never change are locked. Broken off before the data zone is locked it can be run
 * again, and makes another key.
 */
export async function provision(transport: Transport, plan: ProvisionPlan): Promise<Provisioned> {
  return new Atecc608Session(transport).awake(async (session) => {
    if (plan.locked === 'nothing') {
      await session.writeConfiguration(plan.configuration);
      await session.lockConfiguration(plan.configuration);
    }
    const raw = await generateKey(session, SLOT.deviceKey);
    const { authority, ioKey } = plan;
    if (ioKey !== undefined) await session.writeSlot(SLOT.ioProtection, ioKey);
    const certificate = authority && (await writeAnchors(session, raw, authority));
    await session.lockDataUnchecked();
    if (certificate !== undefined) {
      await expectCertificate(session, certificate, authority?.pki?.chain[0]);
    }
    for (const [at, key] of (authority?.exporters ?? []).entries()) {
      await trustExporter(session, SLOT.exporters[at] as number, key, authority!.signer);
    }
    await lockFixedSlots(session, authority !== undefined);
    const key = publicKeyFromRaw(
      'ecdsa-p256-sha256',
      Uint8Array.of(4, ...(await readSlotKey(session, SLOT.deviceKey))),
    );
    return { key, ...(certificate && { certificate }) };
  });
}

async function writeAnchors(
  session: Atecc608Session,
  publicKey: Uint8Array,
  { organisation, signer, now, pki }: Authority,
): Promise<Uint8Array> {
  const authority = rawPublicKey(signer.publicKey).slice(1);
  const serial = await session.serialNumber();
  await writeOrganisation(session, organisation);
  const identity = { organisation, serial, publicKey, authority };
  return storeCertificate(session, identity, { signer, now, ...(pki && { pki }) });
}

async function expectCertificate(
  session: Atecc608Session,
  issued: Uint8Array,
  issuer: Uint8Array | undefined,
): Promise<void> {
  const held = await readChipCertificate(session, issuer);
  if (Buffer.from(held).equals(issued)) return;
  throw new CliError(
    'device-certificate',
    'the chip does not hold the certificate that was written: take another chip',
    EXIT.refuted,
  );
}

async function lockFixedSlots(session: Atecc608Session, anchored: boolean): Promise<void> {
  const config = await session.readConfiguration();
  const fixed = anchored ? [SLOT.deviceKey, SLOT.certificate, SLOT.authority] : [SLOT.deviceKey];
  for (const slot of fixed) if (!isSlotLocked(config, slot)) await session.lockSlot(slot);
}

function put(zone: Uint8Array, at: number, value: number): void {
  zone.set([value & 0xff, value >> 8], at);
}

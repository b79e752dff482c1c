import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { vectorsDir } from '@touchstone/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Atecc608Error, type Atecc608ErrorCode } from '../errors.js';
import {
  compressCertificate,
  expandCertificate,
  SERIAL_SOURCE,
  type CertificateInputs,
  type CertificateTemplate,
} from './compressed.js';

interface Case {
  def: 'tngtls_3_device' | 'tngtls_1_signer';
  variant: number;
  format: number;
  status: number;
  publicKey: string;
  caPublicKey: string;
  config13: string;
  slot5: string;
  compressed: string;
  der: string;
}

const dir = vectorsDir();
const cases: Case[] =
  dir === undefined
    ? []
    : readFileSync(join(dir, 'atecc608/compressed-certs.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Case);

/** The vendor's two templates, taken from the first certificate made from each. */
function templateOf(def: Case['def']): CertificateTemplate {
  const der = hexToBytes(cases.find((one) => one.def === def)!.der);
  const device = def === 'tngtls_3_device';
  return {
    der,
    templateId: device ? 3 : 1,
    chainId: 0,
    serialSource: SERIAL_SOURCE.publicKeyHash,
    signerIdIn: device ? 'issuer' : 'subject',
    elements: device
      ? [
          { name: 'serial', offset: 208, length: 18, hex: true },
          { name: 'eui48', offset: 355, length: 12, hex: false },
        ]
      : [],
  };
}

function inputsOf(one: Case): CertificateInputs {
  const config = hexToBytes(one.config13);
  const serial = concatBytes(config.subarray(0, 4), config.subarray(8, 13));
  return {
    publicKey: hexToBytes(one.publicKey),
    authorityPublicKey: hexToBytes(one.caPublicKey),
    deviceSerial: serial,
    elements: { serial, eui48: hexToBytes(one.slot5) },
  };
}

function codeOf(work: () => unknown): Atecc608ErrorCode | 'no error' {
  try {
    work();
    return 'no error';
  } catch (error) {
    if (error instanceof Atecc608Error) return error.code;
    throw error;
  }
}

describe.skipIf(dir === undefined)('compressed certificates (needs ../shared/vectors)', () => {
  it('has all 48 cases', () => {
    expect(cases).toHaveLength(48);
  });

  it.each(cases.map((one, i) => [i, one] as const))('case %i, both ways', (_, one) => {
    const template = templateOf(one.def);
    const compressed = hexToBytes(one.compressed);
    const expand = (): Uint8Array => expandCertificate(template, compressed, inputsOf(one));
    if (one.status !== 0) {
      expect(expand).toThrow(Atecc608Error);
      return;
    }
    expect(bytesToHex(expand())).toBe(one.der);
    const back = compressCertificate(template, hexToBytes(one.der));
    expect(bytesToHex(back)).toBe(one.compressed);
  });

  it.each<[string, (bytes: Uint8Array) => void, Atecc608ErrorCode]>([
    ['format 3', (bytes) => (bytes[70]! += 3), 'certificate-format'],
    ['another template', (bytes) => (bytes[69]! ^= 0x10), 'certificate-template'],
    ['another chain', (bytes) => (bytes[69]! ^= 0x01), 'certificate-template'],
    ['another serial source', (bytes) => (bytes[70]! ^= 0x10), 'certificate-template'],
    [
      'month 0',
      (bytes) => {
        bytes[64]! &= 0xf8;
        bytes[65]! &= 0x7f;
      },
      'certificate-date',
    ],
    ['day 0', (bytes) => (bytes[65]! &= 0x83), 'certificate-date'],
    [
      'hour 31',
      (bytes) => {
        bytes[65]! |= 0x03;
        bytes[66]! |= 0xe0;
      },
      'certificate-date',
    ],
  ])('refuses %s', (_, change, code) => {
    const one = cases[0]!;
    const bytes = hexToBytes(one.compressed);
    change(bytes);
    expect(codeOf(() => expandCertificate(templateOf(one.def), bytes, inputsOf(one)))).toBe(code);
  });

  it('refuses inputs of the wrong size and missing elements', () => {
    const one = cases[0]!;
    const compressed = hexToBytes(one.compressed);
    const expand = (inputs: Partial<CertificateInputs>): unknown =>
      expandCertificate(templateOf(one.def), compressed, { ...inputsOf(one), ...inputs });
    expect(codeOf(() => expand({ publicKey: new Uint8Array(65) }))).toBe('argument');
    expect(codeOf(() => expand({ elements: {} }))).toBe('argument');
    const elements = { serial: new Uint8Array(9), eui48: new Uint8Array(11) };
    expect(codeOf(() => expand({ elements }))).toBe('certificate-template');
    const short = compressed.subarray(1);
    expect(codeOf(() => expandCertificate(templateOf(one.def), short, inputsOf(one)))).toBe(
      'argument',
    );
  });

  it('refuses to compress what 72 bytes cannot bring back', () => {
    const one = cases[0]!;
    const template = templateOf(one.def);
    const der = hexToBytes(one.der);
    const altered = der.slice();
    altered[60]! ^= 1; // a letter of the issuer's name
    expect(codeOf(() => compressCertificate(template, altered))).toBe('certificate-template');
    const minutes = der.slice();
    minutes.set([0x33], 128 + 8);
    expect(codeOf(() => compressCertificate(template, minutes))).toBe('certificate-date');
  });

  it('never throws anything but its own error, whatever the DER', () => {
    const template = templateOf('tngtls_3_device');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(template.der.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(template.der.length),
        (changes, length) => {
          const der = template.der.slice(0, length);
          for (const [at, byte] of changes) if (at < length) der[at] = byte;
          codeOf(() => compressCertificate(template, der));
          codeOf(() => compressCertificate({ ...template, der }, template.der));
        },
      ),
      { seed: 6, numRuns: 300 },
    );
  });
});

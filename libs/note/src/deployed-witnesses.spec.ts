import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { cosignerKey, formatCosignerKey } from './cosignature.js';
import { nobleVerifier } from './noble-verifier.js';
import { publicKeyFromRaw } from './public-key.js';
import { parseWitnessPolicy } from './witness-policy.js';
import { verifyWitnessed } from './witnessed.js';

// A checkpoint of the staging Certificate Transparency log Arche as it was public on 2026-05-23,
// signed by the log twice (types 5 and 1) and cosigned by four witnesses that others operate.
const CHECKPOINT = `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
`;

const LOG =
  'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f';
const WITNESSES = [
  'transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM',
  'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
  'witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv',
];

// This one is known by its raw key; the key hash on the note must come out of it.
const RAW = 'f4855a0f46e8a3e23bb40faf260ee57ab8a18249fa402f2ca2d28a60e1a3130e';
const smartit = cosignerKey(
  'witness1.smartit.nu/witness1',
  publicKeyFromRaw('ed25519', hexToBytes(RAW)),
);

function policyOf(quorum: string): string {
  const witnesses = [...WITNESSES, formatCosignerKey(smartit)];
  const lines = witnesses.map((vkey, i) => `witness w${i} ${vkey}\n`).join('');
  return `log ${LOG}\n${lines}group g ${quorum} w0 w1 w2 w3\nquorum g\n`;
}

describe('deployed witnesses', () => {
  it('cosigned what their keys verify', async () => {
    expect(smartit.keyHash).toBe(0xa48c820f);
    const policy = parseWitnessPolicy(policyOf('all'));
    const opened = await verifyWitnessed(CHECKPOINT, policy, nobleVerifier);
    expect(opened.quorum).toBe(true);
    expect(opened.checkpoint.size).toBe(1432088532);
    const time = Date.UTC(2026, 4, 23, 21, 50, 24) / 1000;
    expect(opened.time).toEqual({ since: time, latest: time });
  });

  it('did not cosign anything else', async () => {
    const changed = CHECKPOINT.replace('1432088532', '1432088533');
    const policy = parseWitnessPolicy(policyOf('any'));
    await expect(verifyWitnessed(changed, policy, nobleVerifier)).rejects.toMatchObject({
      code: 'bad-signature',
    });
  });
});

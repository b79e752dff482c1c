import { describe } from 'vitest';
import { keyId, toBase64 } from '@touchstone/note';
import { encodeStatement, rebuildStatement } from './index.js';
import { honest, firstEntry, withPayload, itRefuses, type Attack } from './testdata/attack.js';
import { evidenceOf, failure, predicate, vote } from './testdata/evidence-fixture.js';
import { signers } from './testdata/parties.js';

const { acme, birch, cedar, cedarWest, stranger } = signers;

const signerAttacks: Attack[] = [
  {
    name: 'a vote by a key that is not enrolled',
    make: async () => evidenceOf([await vote(acme), await vote(stranger)]),
    ends: 'signer-unknown',
  },
  {
    name: 'a vote by an unknown key under the key id of an enrolled one',
    make: async () => {
      const { envelope } = await vote(stranger);
      const [signature] = envelope.signatures;
      if (signature === undefined) throw new Error('fixture');
      const forged = {
        ...envelope,
        signatures: [{ ...signature, keyid: keyId(birch.publicKey) }],
      };
      return evidenceOf([await vote(acme), { envelope: forged, signer: birch }]);
    },
    ends: 'dsse-signature',
  },
  {
    name: 'a vote by an unknown key without a key id',
    make: async () => {
      const { envelope, signer } = await vote(stranger);
      const signatures = envelope.signatures.map(({ sig }) => ({ sig }));
      return evidenceOf([await vote(acme), { envelope: { ...envelope, signatures }, signer }]);
    },
    ends: 'dsse-signature',
  },
  {
    name: 'two keys of one organisation',
    make: async () => evidenceOf([await vote(cedar), await vote(cedarWest)]),
    ends: 'pending',
  },
  {
    name: 'two statements of one organisation, signed by the same key',
    make: async () =>
      evidenceOf([
        await vote(acme),
        await vote(acme, predicate({ finishedOn: '2026-01-02T04:00:00Z' })),
      ]),
    ends: 'pending',
  },
  {
    name: 'one statement signed twice by one P-256 key, so that the entries differ',
    make: async () => evidenceOf([await vote(birch), await vote(birch)]),
    ends: 'pending',
  },
  {
    name: 'the signature of an enrolled key on another payload',
    make: async () => {
      const { envelope } = await vote(birch, failure());
      const { envelope: wanted } = await vote(birch);
      const forged = { ...wanted, signatures: envelope.signatures };
      return evidenceOf([await vote(acme), { envelope: forged, signer: birch }]);
    },
    ends: 'dsse-signature',
  },
  {
    name: 'a second signature on an envelope, valid and of another organisation',
    make: async () => {
      const one = await vote(acme);
      const two = await vote(birch);
      return evidenceOf([one]).then((evidence) => ({
        ...evidence,
        entries: evidence.entries.map((entry) => ({
          ...entry,
          envelope: {
            ...one.envelope,
            signatures: [...one.envelope.signatures, ...two.envelope.signatures],
          },
        })),
      }));
    },
    ends: 'dsse-signature-count',
  },
  {
    name: 'a second signature on an envelope that nobody knows',
    make: () =>
      firstEntry((entry) => ({
        ...entry,
        envelope: {
          ...entry.envelope,
          signatures: [...entry.envelope.signatures, { sig: 'AAAA', keyid: 'who' }],
        },
      })),
    ends: 'dsse-signature-count',
  },
  {
    name: 'an envelope of another payload type',
    make: () => withPayload(encodeStatement(rebuildStatement(predicate())), 'text/plain'),
    ends: 'dsse-payload-type',
  },
  {
    name: 'a payload type changed after signing',
    make: () =>
      firstEntry((entry) => ({
        ...entry,
        envelope: { ...entry.envelope, payloadType: 'application/json' },
      })),
    ends: 'dsse-signature',
  },
];

const logAttacks: Attack[] = [
  {
    name: 'the same entry twice',
    make: async () => {
      const evidence = await evidenceOf([await vote(acme)]);
      return { ...evidence, entries: [...evidence.entries, ...evidence.entries] };
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'the same entry logged twice',
    make: async () => {
      const one = await vote(acme);
      return evidenceOf([one, one]);
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'two entries at one index',
    make: async () => {
      const evidence = await honest();
      return { ...evidence, entries: evidence.entries.map((entry) => ({ ...entry, logIndex: 3 })) };
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'the body of another entry',
    make: async () => {
      const evidence = await honest();
      const [a, b] = evidence.entries;
      if (a === undefined || b === undefined) throw new Error('fixture');
      return { ...evidence, entries: [{ ...a, envelope: b.envelope }] };
    },
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a statement that was never logged, with the place of one that was',
    make: async () => {
      const evidence = await evidenceOf([await vote(acme), await vote(birch, failure())]);
      const [a, b] = evidence.entries;
      const { envelope } = await vote(birch);
      return { ...evidence, entries: [a, { ...b, envelope }] };
    },
    ends: 'entry-body-mismatch',
  },
  {
    name: 'the index of another leaf',
    make: () => firstEntry((entry) => ({ ...entry, logIndex: entry.logIndex - 1 })),
    ends: 'inclusion-proof',
  },
  {
    name: 'an index beyond the tree',
    make: () => firstEntry((entry) => ({ ...entry, logIndex: 8 })),
    ends: 'inclusion-proof',
  },
  {
    name: 'the proof of another leaf',
    make: async () => {
      const evidence = await honest();
      const [a, b] = evidence.entries;
      if (a === undefined || b === undefined) throw new Error('fixture');
      return { ...evidence, entries: [{ ...a, inclusionProof: b.inclusionProof }, b] };
    },
    ends: 'inclusion-proof',
  },
  {
    name: 'a proof without its last hash',
    make: () =>
      firstEntry((entry) => ({ ...entry, inclusionProof: entry.inclusionProof.slice(0, -1) })),
    ends: 'inclusion-proof',
  },
  {
    name: 'a proof with one hash more',
    make: () =>
      firstEntry((entry) => ({
        ...entry,
        inclusionProof: [...entry.inclusionProof, toBase64(new Uint8Array(32))],
      })),
    ends: 'inclusion-proof',
  },
  {
    name: 'a log of the attacker under the name of a known one',
    make: async () => evidenceOf([await vote(acme), await vote(birch)], { log: signers.otherLog }),
    ends: 'checkpoint-signature',
  },
  {
    name: 'a log that the trust root does not know',
    make: async () => evidenceOf([await vote(acme), await vote(birch)], { origin: 'evil.example' }),
    ends: 'checkpoint-origin-unknown',
  },
  {
    name: 'the checkpoint of another tree of the same log',
    make: async () => ({ ...(await honest()), checkpoint: (await evidenceOf([])).checkpoint }),
    ends: 'inclusion-proof',
  },
  {
    name: 'a checkpoint whose size was changed',
    make: async () => {
      const evidence = await honest();
      return { ...evidence, checkpoint: evidence.checkpoint.replace('\n8\n', '\n9\n') };
    },
    ends: 'checkpoint-signature',
  },
  {
    name: 'a checkpoint that is no note',
    make: async () => ({ ...(await honest()), checkpoint: 'trust me\n' }),
    ends: 'checkpoint-malformed',
  },
];

describe('no false "reproduced" by who signs', () => itRefuses(signerAttacks));
describe('no false "reproduced" by what is logged', () => itRefuses(logAttacks));

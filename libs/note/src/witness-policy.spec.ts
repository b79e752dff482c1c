import { testSigner } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { toBase64 } from './base64.js';
import { cosignerKey, formatCosignerKey } from './cosignature.js';
import { formatVerifierKey, verifierKey } from './verifier-key.js';
import {
  POLICY_LIMITS,
  hasQuorum,
  parseWitnessPolicy,
  type PolicyWitness,
  type WitnessPolicy,
} from './witness-policy.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const LOG = formatVerifierKey(verifierKey('example.org/log', testSigner().publicKey));
const signers = Array.from({ length: 8 }, () => testSigner());
const W = signers.map(({ publicKey }, i) => formatCosignerKey(cosignerKey(`w${i}`, publicKey)));
const three = `witness a ${W[0]}\nwitness b ${W[1]}\nwitness c ${W[2]}\n`;

/** SHA-256 over "m", line feed, 0x06 and 1312 zero bytes begins with these. */
const ML_DSA = `m+HASH+${toBase64(new Uint8Array(1313).with(0, 6))}`;

function mlDsa(): string {
  try {
    parseWitnessPolicy(`witness m ${ML_DSA.replace('HASH', '00000000')}\nquorum none\n`);
  } catch (error) {
    const hash = /give ([0-9a-f]{8})$/.exec((error as Error).message)?.[1] ?? '';
    return ML_DSA.replace('HASH', hash);
  }
  throw new Error('the hash of the key was not looked at');
}

function holds(policy: WitnessPolicy, names: string): boolean {
  const cosigned = policy.witnesses.filter(({ name }) => names.split(' ').includes(name));
  return hasQuorum(policy, new Set(cosigned));
}

describe('parseWitnessPolicy', () => {
  it('reads logs, witnesses, groups and URLs, whatever white space parts them', () => {
    const policy = parseWitnessPolicy(
      `# a comment\n\n \t \nlog\t${LOG}  https://log.example\n  # another: é\nwitness  a ${W[0]} \n` +
        `witness b ${W[1]} https://b.example/prefix\t\ngroup g 1 a b\nquorum g\nwitness c ${W[2]}\n`,
    );
    expect(policy.logs).toMatchObject([
      { key: { name: 'example.org/log' }, url: 'https://log.example' },
    ]);
    expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual([
      ['a', undefined],
      ['b', 'https://b.example/prefix'],
      ['c', undefined],
    ]);
    expect(policy.quorum).toMatchObject({ kind: 'group', threshold: 1 });
  });

  it('compares names as octets and reads keys as UTF-8', () => {
    const umlaut = formatCosignerKey(cosignerKey('zeuge.example/ü', signers[0]!.publicKey));
    const latin1 = Buffer.from(`witness \xfc ${W[1]}\n`, 'latin1');
    const utf8 = Buffer.from(`witness ü ${umlaut}\ngroup g all ü `, 'utf8');
    const end = Buffer.from('\xfc\nquorum g\n', 'latin1');
    const policy = parseWitnessPolicy(new Uint8Array(Buffer.concat([latin1, utf8, end])));
    expect(policy.witnesses.map(({ key }) => key.name)).toEqual(['w1', 'zeuge.example/ü']);
    expect(hasQuorum(policy, new Set(policy.witnesses))).toBe(true);
    expect(hasQuorum(policy, new Set(policy.witnesses.slice(1)))).toBe(false);
    // A Kelvin sign is no K, and a no-break space parts nothing.
    expect(() => parseWitnessPolicy(`witness K ${W[0]}\nquorum \u212a\n`)).toThrow(
      code('policy-name'),
    );
    expect(() => parseWitnessPolicy(`witness a\u00a0${W[0]}\nquorum a\n`)).toThrow(
      code('policy-line'),
    );
  });

  it('takes as much as the specification asks for, and more', () => {
    let text = '';
    for (let i = 0; i < POLICY_LIMITS.witnesses; i++) {
      const { publicKey } = testSigner();
      text += `witness w${i} ${formatCosignerKey(cosignerKey(`w${i}`, publicKey))}\n`;
    }
    for (let i = 0; i < POLICY_LIMITS.depth; i++) {
      text += `group g${i} all w${i} ${i > 0 ? `g${i - 1}` : ''}\n`;
    }
    const policy = parseWitnessPolicy(`${text}quorum g31\n`);
    expect(policy.witnesses).toHaveLength(256);
    expect(hasQuorum(policy, new Set(policy.witnesses.slice(0, 32)))).toBe(true);
    expect(hasQuorum(policy, new Set(policy.witnesses.slice(1)))).toBe(false);
    expect(() => parseWitnessPolicy(`${text}group g32 all g31\nquorum g32\n`)).toThrow(
      code('policy-limit'),
    );
    expect(() => parseWitnessPolicy(`${text}witness more ${W[0]}\nquorum g31\n`)).toThrow(
      code('policy-limit'),
    );
  });

  it.each([
    ['an empty file', '', 'policy-quorum'],
    ['no quorum', three, 'policy-quorum'],
    ['two quorums', 'quorum none\nquorum none\n', 'policy-quorum'],
    ['a quorum before its definition', `quorum a\n${three}`, 'policy-name'],
    ['a quorum of nobody', `${three}quorum d\n`, 'policy-name'],
    ['a quorum of two', `${three}quorum a b\n`, 'policy-line'],
    ['a quorum without a name', `${three}quorum\n`, 'policy-line'],
    ['no line feed at the end', 'quorum none', 'policy-line'],
    ['carriage returns', 'quorum none\r\n', 'policy-character'],
    ['a zero byte', 'quorum none\n#\u0000\n', 'policy-character'],
    ['DEL', 'quorum none\n#\u007f\n', 'policy-character'],
    ['a form feed as white space', 'quorum\fnone\n', 'policy-character'],
    ['another keyword', 'Quorum none\n', 'policy-line'],
    ['a byte order mark', '\ufeffquorum none\n', 'policy-line'],
    ['a log without a key', 'log\nquorum none\n', 'policy-line'],
    ['a log with more than a URL', `log ${LOG} https://a b\nquorum none\n`, 'policy-line'],
    ['a log with a witness key', `log ${W[0]}\nquorum none\n`, 'policy-key'],
    ['a witness with a log key', `witness a ${LOG}\nquorum a\n`, 'policy-key'],
    ['a key with a wrong hash', `witness a ${W[0]!.replace('w0', 'x0')}\nquorum a\n`, 'policy-key'],
    ['a witness without a key', 'witness a\nquorum a\n', 'policy-line'],
    ['the same log twice', `log ${LOG}\nlog ${LOG}\nquorum none\n`, 'policy-duplicate'],
    [
      'the same witness key twice',
      `witness a ${W[0]}\nwitness b ${W[0]}\nquorum a\n`,
      'policy-duplicate',
    ],
    [
      'the same witness key under two key names',
      `witness a ${W[0]}\nwitness b ${formatCosignerKey(cosignerKey('other', signers[0]!.publicKey))}\nquorum a\n`,
      'policy-duplicate',
    ],
    ['the same name twice', `witness a ${W[0]}\nwitness a ${W[1]}\nquorum a\n`, 'policy-duplicate'],
    ['a group named as a witness', `${three}group a any b\nquorum a\n`, 'policy-duplicate'],
    ['a witness named none', `witness none ${W[0]}\nquorum none\n`, 'policy-name'],
    ['a group named none', `${three}group none any a\nquorum none\n`, 'policy-name'],
    ['none as a member', `${three}group g any none\nquorum g\n`, 'policy-name'],
    ['a group of itself', `${three}group g any a g\nquorum g\n`, 'policy-name'],
    ['a group of a later one', `${three}group g any h\ngroup h any g\nquorum g\n`, 'policy-name'],
    ['a member twice', `${three}group g 2 a a\nquorum g\n`, 'policy-duplicate'],
    [
      'a member of two groups',
      `${three}group g any a\ngroup h all a b\nquorum h\n`,
      'policy-duplicate',
    ],
    ['a group of nobody', `${three}group g any\nquorum g\n`, 'policy-line'],
    ['a group without a rule', `${three}group g\nquorum g\n`, 'policy-line'],
    ['a threshold of 0', `${three}group g 0 a b\nquorum g\n`, 'policy-threshold'],
    ['a threshold above the members', `${three}group g 3 a b\nquorum g\n`, 'policy-threshold'],
    ['a negative threshold', `${three}group g -1 a b\nquorum g\n`, 'policy-threshold'],
    ['a threshold with a leading zero', `${three}group g 01 a b\nquorum g\n`, 'policy-threshold'],
    ['a threshold with a fraction', `${three}group g 1.5 a b\nquorum g\n`, 'policy-threshold'],
    ['a threshold in hex', `${three}group g 0x1 a b\nquorum g\n`, 'policy-threshold'],
    [
      'a threshold of 2^64+1',
      `${three}group g 18446744073709551617 a b\nquorum g\n`,
      'policy-threshold',
    ],
    ['a threshold in other digits', `${three}group g ١ a b\nquorum g\n`, 'policy-threshold'],
    ['a rule in capitals', `${three}group g ANY a b\nquorum g\n`, 'policy-threshold'],
    ['too many bytes', `#${'x'.repeat(POLICY_LIMITS.bytes)}\nquorum none\n`, 'policy-too-large'],
  ])('refuses %s', (_name, text, expected) => {
    expect(() => parseWitnessPolicy(text)).toThrow(code(expected));
  });
});

describe('hasQuorum', () => {
  const text =
    `${three}group X 2 a b c\nwitness d ${W[3]}\nwitness e ${W[4]}\ngroup Y any d e\n` +
    `group X-and-Y all X Y\nquorum X-and-Y\nwitness outside ${W[5]}\n`;

  it.each([
    ['', false],
    ['a b', false],
    ['a b d', true],
    ['b c e', true],
    ['a b c d e', true],
    ['a d e', false],
    ['d e outside', false],
    ['a d outside', false],
  ])('of two levels, cosigned by "%s": %s', (names, expected) => {
    expect(holds(parseWitnessPolicy(text), names)).toBe(expected);
  });

  it.each([
    ['quorum none\n', '', true],
    [`${three}quorum none\n`, '', true],
    [`${three}quorum b\n`, 'b', true],
    [`${three}quorum b\n`, 'a c', false],
    [`${three}group all any a b\nquorum all\n`, 'b', true],
    [`${three}group any all a b\nquorum any\n`, 'b', false],
    [`${three}group g 2 a b c\nquorum g\n`, 'a', false],
    [`${three}group g 2 a b c\nquorum g\n`, 'a c', true],
    [`${three}group g 2 a b c\ngroup h any g\nquorum h\n`, 'c', false],
  ])('%s by "%s": %s', (policy, names, expected) => {
    expect(holds(parseWitnessPolicy(policy), names)).toBe(expected);
  });

  it('is false without a policy, and does not count what is not of the policy', () => {
    const policy = parseWitnessPolicy(`${three}quorum a\n`);
    const same = parseWitnessPolicy(`${three}quorum a\n`);
    expect(hasQuorum(undefined, new Set(policy.witnesses))).toBe(false);
    expect(hasQuorum(policy, new Set(same.witnesses))).toBe(false);
    const forged = { kind: 'group', name: 'g', threshold: 0, members: [] } as const;
    expect(hasQuorum({ ...policy, quorum: forged }, new Set())).toBe(false);
    expect(hasQuorum({ ...policy, quorum: { ...forged, threshold: NaN } }, new Set())).toBe(false);
  });

  it('never counts a witness whose kind of key is not verified here', () => {
    const policy = parseWitnessPolicy(
      `witness m ${mlDsa()}\nwitness a ${W[0]}\ngroup g any m a\nquorum g\n`,
    );
    const [m, a] = policy.witnesses as [PolicyWitness, PolicyWitness];
    expect(m.key).toMatchObject({ unsupported: 'ml-dsa-44' });
    expect(hasQuorum(policy, new Set([m]))).toBe(false);
    expect(hasQuorum(policy, new Set([a]))).toBe(true);
  });
});

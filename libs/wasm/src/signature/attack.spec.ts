import { hexToBytes } from '@noble/hashes/utils.js';
import { nobleVerifier, publicKeyFromRaw, type PublicKey } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { custom, join, module, paddedLeb, section, text } from '../assemble.fixture.js';
import { componentPreamble } from '../component/assemble.fixture.js';
import { readBinary } from '../component/component.js';
import { WasmError } from '../errors.js';
import { signBinary } from './sign.js';
import { readSignatureData, writeSignatureData, type SignedHashes } from './signature-data.js';
import { delimiter, integrator, owner, stranger } from './signers.fixture.js';
import { verifySignatures } from './verify.js';
import { WASMSIGN2 } from './wasmsign2.fixture.js';

const sections = [section(1, [0]), custom('name', [1, 2, 3])];
const plain = module(...sections);
const signed = await signBinary(plain, delimiter(1), { signer: owner });
const DELIMITER = custom('signature_delimiter', delimiter(1));

/** The content of the signature section, and what stands behind it. */
function taken(bytes: Uint8Array): { data: Uint8Array; body: Uint8Array } {
  const [header] = readBinary(bytes).sections;
  const end = (header?.bodyOffset ?? 0) + (header?.bodySize ?? 0);
  return { data: bytes.slice((header?.bodyOffset ?? 0) + 10, end), body: bytes.subarray(end) };
}

const { data, body } = taken(signed);
const headed = (content: Uint8Array, rest = body): Uint8Array =>
  module(custom('signature', content), rest);

function edited(edit: (sets: SignedHashes[]) => readonly SignedHashes[]): Uint8Array {
  return headed(
    writeSignatureData(edit(readSignatureData(data, { offset: 0, size: data.length }))),
  );
}

const multi = hexToBytes(WASMSIGN2.split);
const replacedBody = module(
  custom('signature', taken(multi).data),
  section(1, [0]),
  custom('evil'),
);
const loose = await signBinary(module(custom('a')), delimiter(1), {
  signer: owner,
  profile: 'wasmsign2',
});
const algorithmAt = (set: SignedHashes): SignedHashes => ({
  ...set,
  signatures: set.signatures.map((each) => ({ ...each, algorithm: 0x7f })),
});

/** Where things stand in the signed file: what the section holds, the first signature, what is signed. */
const DATA = 8 + 1 + 2 + 10;
const FIRST = DATA + 4 + 2 + 1 + 2 * 32 + 1;
const END = signed.length;
const BODY = END - body.length;

/** What is done to a signed binary, the bytes that come of it, the code and the place. */
const ATTACKS: readonly (readonly [string, Uint8Array, string, number])[] = [
  [
    'a body replaced, without the delimiters of a multi-part signature',
    replacedBody,
    'signature-mismatch',
    multi.length - taken(multi).body.length,
  ],
  [
    'a section replaced',
    headed(data, join(section(1, [0]), custom('name', [1, 2, 4]), DELIMITER)),
    'signature-mismatch',
    BODY,
  ],
  [
    'a module dressed as a component',
    join(
      componentPreamble,
      custom(
        'signature',
        dataOf(await signBinary(module(custom('a')), delimiter(1), { signer: owner })),
      ),
      custom('a'),
      DELIMITER,
    ),
    'signature-preamble',
    4,
  ],
  [
    'a module that was signed as wasmsign2 does dressed as a component',
    loose.with(4, 0x0d).with(6, 0x01),
    'signature-preamble-unsigned',
    4,
  ],
  [
    'a signature that binds no preamble',
    hexToBytes(WASMSIGN2.simple),
    'signature-preamble-unsigned',
    4,
  ],
  [
    'a section added behind the last delimiter',
    join(signed, custom('more')),
    'signature-incomplete',
    END,
  ],
  [
    'a section and a delimiter added',
    join(signed, custom('more'), DELIMITER),
    'signature-incomplete',
    END,
  ],
  [
    'a section added before the first',
    headed(data, join(custom('more'), body)),
    'signature-mismatch',
    BODY,
  ],
  [
    'a section added before the signatures',
    module(custom('more'), custom('signature', data), body),
    'signature-misplaced',
    8 + custom('more').length,
  ],
  [
    'the signatures moved to the end',
    module(body, custom('signature', data)),
    'signature-misplaced',
    8 + body.length,
  ],
  [
    'the signatures doubled',
    module(custom('signature', data), custom('signature', data), body),
    'signature-doubled',
    BODY,
  ],
  ['the signatures left out', module(body), 'signature-missing', 0],
  ['the signatures cut short', headed(data.subarray(0, -1)), 'truncated', DATA + 6],
  ['the signatures cut to nothing', headed(new Uint8Array()), 'truncated', 20],
  ['bytes behind the signatures', headed(join(data, [0])), 'signature-malformed', BODY],
  ['the delimiter left out', headed(data, join(...sections)), 'signature-mismatch', BODY],
  [
    'a delimiter exchanged',
    headed(data, join(...sections, custom('signature_delimiter', delimiter(9)))),
    'signature-mismatch',
    BODY,
  ],
  [
    'a delimiter that holds more',
    headed(data, join(...sections, custom('signature_delimiter', delimiter(1), [0]))),
    'signature-malformed',
    END - 16,
  ],
  [
    'an unknown algorithm',
    edited((sets) => sets.map(algorithmAt)),
    'signature-algorithm-unknown',
    FIRST,
  ],
  ['another version', headed(data.with(0, 2)), 'signature-version', DATA],
  ['another kind of content', headed(data.with(1, 2)), 'signature-version', DATA + 1],
  ['another hash', headed(data.with(2, 2)), 'signature-version', DATA + 2],
  [
    'no hashes, no signatures',
    headed(Uint8Array.of(1, 1, 1, 1, 2, 0, 0)),
    'signature-malformed',
    25,
  ],
  [
    'an overlong count',
    headed(join(data.subarray(0, 3), paddedLeb(1), data.subarray(4))),
    'leb-overlong',
    DATA + 3,
  ],
  [
    'an overlong size of the section',
    module(join([0], paddedLeb(10 + data.length), text('signature'), data), body),
    'leb-overlong',
    9,
  ],
  [
    'an overlong size of a delimiter',
    headed(data, join(...sections, [0], paddedLeb(36), text('signature_delimiter'), delimiter(1))),
    'leb-overlong',
    END - 37,
  ],
  ['a set that says it is longer', headed(data.with(4, (data[4] ?? 0) + 1)), 'truncated', DATA + 6],
  [
    'a set that says it is shorter',
    headed(data.with(4, (data[4] ?? 0) - 1)),
    'truncated',
    FIRST + 1,
  ],
  [
    'the signature of one file in another',
    headed(dataOf(await signBinary(module(custom('a')), delimiter(1), { signer: owner }))),
    'signature-mismatch',
    BODY,
  ],
  [
    'the binding left out of what was signed',
    edited((sets) => sets.map((set) => ({ ...set, hashes: set.hashes.slice(0, -1) }))),
    'signature-invalid',
    FIRST - 32 - 1,
  ],
  [
    'the signature of a stranger under the name of the owner',
    headed(
      dataOf(await signBinary(plain, delimiter(1), { signer: stranger, keyId: keyIdOf(signed) })),
    ),
    'signature-invalid',
    FIRST,
  ],
  [
    'the signature of a stranger',
    await signBinary(plain, delimiter(1), { signer: stranger }),
    'signature-signer-unknown',
    8,
  ],
];

function dataOf(bytes: Uint8Array): Uint8Array {
  return taken(bytes).data;
}

function keyIdOf(bytes: Uint8Array): Uint8Array {
  const own = taken(bytes).data;
  const [set] = readSignatureData(own, { offset: 0, size: own.length });
  return set?.signatures[0]?.keyId ?? new Uint8Array();
}

const wasmsign2 = publicKeyFromRaw('ed25519', hexToBytes(WASMSIGN2.publicKeys[0]));
const TRUSTED = [owner.publicKey, integrator.publicKey, wasmsign2];

async function refusal(
  bytes: Uint8Array,
  publicKeys: readonly PublicKey[] = TRUSTED,
): Promise<{ code?: string; offset?: number }> {
  try {
    const node = readBinary(bytes);
    const { findings } = await verifySignatures(bytes, node, { publicKeys, verify: nobleVerifier });
    return findings[0] ?? {};
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    return error;
  }
}

describe('the strict profile', () => {
  it('takes what nobody touched', async () => {
    expect(await refusal(signed)).toEqual({});
    expect(await refusal(headed(data))).toEqual({});
  });

  it.each(ATTACKS)('refuses %s', async (_, bytes, code, offset) => {
    const found = await refusal(bytes);
    expect([found.code, found.offset]).toEqual([code, offset]);
  });

  it('refuses every byte that is altered behind the signatures, and every cut', async () => {
    for (let at = 0; at < signed.length; at += 1) {
      if (at >= 8 && at < BODY) continue;
      const { code } = await refusal(signed.with(at, (signed[at] ?? 0) ^ 1));
      expect(code, `byte ${at}`).toBeDefined();
    }
    for (let length = 0; length < signed.length; length += 1) {
      expect((await refusal(signed.subarray(0, length))).code, `cut at ${length}`).toBeDefined();
    }
  });

  it('lets nothing among the signatures be altered but the name of the key, a hint that is not signed', async () => {
    const keyId = FIRST + 2;
    for (let at = 8; at < BODY; at += 1) {
      const { code } = await refusal(signed.with(at, (signed[at] ?? 0) ^ 1), [owner.publicKey]);
      expect(code === undefined, `byte ${at}`).toBe(at >= keyId && at < keyId + 12);
    }
  });
});

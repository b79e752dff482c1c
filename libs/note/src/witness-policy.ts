import { bytesToHex } from '@noble/hashes/utils.js';
import {
  parseAnyCosignerKey,
  type CosignerKey,
  type UnsupportedCosignerKey,
} from './cosignature.js';
import { NoteError, type NoteErrorCode } from './errors.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';
import { parseVerifierKey, type VerifierKey } from './verifier-key.js';

export interface PolicyLog {
  /** Its name is the log's origin. */
  readonly key: VerifierKey;
  readonly url?: string;
}

export interface PolicyWitness {
  readonly kind: 'witness';
  /** Means something only inside of the policy; the key has a name of its own. */
  readonly name: string;
  readonly key: CosignerKey | UnsupportedCosignerKey;
  /** Where the witness takes checkpoints: the submission prefix of C2SP tlog-witness. */
  readonly url?: string;
}

/** Witnesses when `threshold` of its members do. */
export interface PolicyGroup {
  readonly kind: 'group';
  readonly name: string;
  /** From 1 to the number of members. */
  readonly threshold: number;
  readonly members: readonly PolicyMember[];
}

export type PolicyMember = PolicyWitness | PolicyGroup;

/** What makes a checkpoint valid: C2SP tlog-policy. */
export interface WitnessPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** `none` when no cosignature is asked for. Each member stands in this tree at most once. */
  readonly quorum: PolicyMember | 'none';
}

/** The specification asks for at least 32 logs, witnesses and groups. */
export const POLICY_LIMITS = {
  bytes: 1_048_576,
  logs: 256,
  witnesses: 256,
  groups: 256,
  /** Groups within groups. */
  depth: 32,
} as const;

/**
 * Reads a policy file. Names are compared as octets; a text that is no UTF-8 keeps its octets as
 * Latin-1. A witness with an ML-DSA-44 key is taken, but nothing it signs is counted.
 *
 * @throws NoteError `policy-too-large`, `policy-character`, `policy-line`, `policy-key`,
 * `policy-name`, `policy-duplicate`, `policy-threshold`, `policy-limit`, `policy-quorum`
 */
export function parseWitnessPolicy(file: Uint8Array | string): WitnessPolicy {
  if (file.length > POLICY_LIMITS.bytes) throw tooLarge();
  const bytes = typeof file === 'string' ? encodeUtf8(file) : file;
  if (bytes.length > POLICY_LIMITS.bytes) throw tooLarge();
  const builder = new PolicyBuilder();
  for (const [at, line] of octetLines(bytes).entries()) {
    // Only spaces and tabs part the items of a line, whatever else Unicode calls white space.
    const items = line.split(/[ \t]+/).filter((item) => item !== '');
    if (items.length > 0 && !items[0]?.startsWith('#')) builder.add(items, at + 1);
  }
  return builder.finish();
}

/**
 * Whether the witnesses that cosigned make the quorum. Pure, and false where there is no policy.
 *
 * @param cosigned witnesses of this very policy whose cosignature was verified
 */
export function hasQuorum(
  policy: WitnessPolicy | undefined,
  cosigned: ReadonlySet<PolicyWitness>,
): boolean {
  if (policy === undefined) return false;
  return policy.quorum === 'none' || witnesses(policy.quorum, cosigned);
}

/** Recursion is as deep as groups are nested. A witness whose key is not verified never counts. */
function witnesses(member: PolicyMember, cosigned: ReadonlySet<PolicyWitness>): boolean {
  if (member.kind === 'witness') return cosigned.has(member) && 'publicKey' in member.key;
  const count = member.members.filter((inner) => witnesses(inner, cosigned)).length;
  return member.threshold >= 1 && count >= member.threshold;
}

/** The lines of the file, an octet to a character; refuses octets that no policy may have. */
function octetLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let line = '';
  for (const octet of bytes) {
    if (octet === 0x0a) {
      lines.push(line);
      line = '';
      continue;
    }
    if ((octet < 0x20 && octet !== 0x09) || octet === 0x7f) {
      const why = octet === 0x0d ? 'a carriage return; write lines with line feeds alone' : octet;
      throw new NoteError('policy-character', `line ${lines.length + 1}: control character ${why}`);
    }
    line += String.fromCharCode(octet);
  }
  if (line !== '') {
    throw new NoteError('policy-line', 'the last line does not end in a line feed');
  }
  return lines;
}

interface Defined {
  readonly member: PolicyMember;
  readonly depth: number;
  used: boolean;
}

/** Takes line after line. A name must be defined before it is used, so no group contains itself. */
class PolicyBuilder {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #defined = new Map<string, Defined>();
  readonly #keys = new Set<string>();
  #groups = 0;
  #quorum: PolicyMember | 'none' | undefined;

  add(items: readonly string[], line: number): void {
    const fail: Fail = (code, why, options) =>
      new NoteError(code, `line ${line} of the policy: ${why}`, options);
    const [keyword = '', ...rest] = items;
    if (keyword === 'log') this.#log(rest, fail);
    else if (keyword === 'witness') this.#witness(rest, fail);
    else if (keyword === 'group') this.#group(rest, fail);
    else if (keyword === 'quorum') this.#setQuorum(rest, fail);
    else throw fail('policy-line', 'it begins with none of log, witness, group, quorum and #');
  }

  finish(): WitnessPolicy {
    if (this.#quorum === undefined) {
      throw new NoteError('policy-quorum', 'the policy has no quorum line; add one');
    }
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum };
  }

  #log(items: readonly string[], fail: Fail): void {
    const [vkey, url, ...more] = items;
    if (vkey === undefined || more.length > 0)
      throw fail('policy-line', 'write log <vkey> [<url>]');
    const key = readKey(vkey, parseVerifierKey, fail);
    this.#checkKey(`log ${bytesToHex(key.publicKey.spki)}`, fail);
    checkCount(this.#logs, POLICY_LIMITS.logs, fail);
    this.#logs.push({ key, ...urlOf(url) });
  }

  #witness(items: readonly string[], fail: Fail): void {
    const [name, vkey, url, ...more] = items;
    if (name === undefined || vkey === undefined || more.length > 0) {
      throw fail('policy-line', 'write witness <name> <vkey> [<url>]');
    }
    const key = readKey(vkey, parseAnyCosignerKey, fail);
    // The octets after the name tell two keys apart, also where the names differ.
    const id =
      'publicKey' in key ? bytesToHex(key.publicKey.spki) : vkey.split('+').slice(2).join();
    this.#checkKey(`witness ${id}`, fail);
    checkCount(this.#witnesses, POLICY_LIMITS.witnesses, fail);
    const witness: PolicyWitness = { kind: 'witness', name: textOf(name), key, ...urlOf(url) };
    this.#define(name, witness, 0, fail);
    this.#witnesses.push(witness);
  }

  #group(items: readonly string[], fail: Fail): void {
    const [name, rule, ...names] = items;
    if (name === undefined || rule === undefined || names.length === 0) {
      throw fail('policy-line', 'write group <name> all|any|<k> <member>...');
    }
    if (++this.#groups > POLICY_LIMITS.groups) {
      throw fail('policy-limit', `there are more than ${POLICY_LIMITS.groups} groups`);
    }
    const inner = names.map((member) => this.#member(member, fail));
    const threshold = thresholdOf(rule, inner.length, fail);
    const depth = Math.max(...inner.map((member) => member.depth)) + 1;
    if (depth > POLICY_LIMITS.depth) {
      throw fail('policy-limit', `groups are nested more than ${POLICY_LIMITS.depth} deep`);
    }
    const members = inner.map(({ member }) => member);
    this.#define(name, { kind: 'group', name: textOf(name), threshold, members }, depth, fail);
  }

  /** A member belongs to one group, so that no witness counts in two ways. */
  #member(name: string, fail: Fail): Defined {
    const defined = this.#defined.get(name);
    if (defined === undefined) {
      throw fail('policy-name', `"${textOf(name)}" is not defined on a line before this one`);
    }
    if (defined.used) {
      throw fail('policy-duplicate', `"${textOf(name)}" is a member of a group already`);
    }
    defined.used = true;
    return defined;
  }

  #setQuorum(items: readonly string[], fail: Fail): void {
    const [name, ...more] = items;
    if (name === undefined || more.length > 0) throw fail('policy-line', 'write quorum <name>');
    if (this.#quorum !== undefined) throw fail('policy-quorum', 'it is the second quorum line');
    const defined = this.#defined.get(name);
    if (defined === undefined && name !== 'none') {
      throw fail('policy-name', `"${textOf(name)}" is not defined on a line before this one`);
    }
    this.#quorum = defined?.member ?? 'none';
  }

  #define(name: string, member: PolicyMember, depth: number, fail: Fail): void {
    if (name === 'none') throw fail('policy-name', '"none" is the name of the empty quorum');
    if (this.#defined.has(name)) {
      throw fail('policy-duplicate', `"${textOf(name)}" is defined already`);
    }
    this.#defined.set(name, { member, depth, used: false });
  }

  #checkKey(id: string, fail: Fail): void {
    if (this.#keys.has(id)) {
      throw fail('policy-duplicate', 'its public key stands on another line already');
    }
    this.#keys.add(id);
  }
}

type Fail = (code: NoteErrorCode, why: string, options?: ErrorOptions) => NoteError;

function readKey<T>(octets: string, parse: (vkey: string) => T, fail: Fail): T {
  try {
    return parse(decodeUtf8(octetsOf(octets)));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw fail('policy-key', `its key cannot be used: ${why}`, { cause });
  }
}

function thresholdOf(rule: string, members: number, fail: Fail): number {
  if (rule === 'all') return members;
  if (rule === 'any') return 1;
  const threshold = /^[1-9][0-9]{0,8}$/.test(rule) ? Number(rule) : 0;
  if (threshold < 1 || threshold > members) {
    throw fail(
      'policy-threshold',
      `its threshold is not all, any or a number from 1 to ${members}`,
    );
  }
  return threshold;
}

function checkCount(list: readonly unknown[], limit: number, fail: Fail): void {
  if (list.length >= limit) throw fail('policy-limit', `there are more than ${limit} of them`);
}

function urlOf(octets: string | undefined): { url?: string } {
  return octets === undefined ? {} : { url: textOf(octets) };
}

function textOf(octets: string): string {
  try {
    return decodeUtf8(octetsOf(octets));
  } catch {
    return octets;
  }
}

function octetsOf(octets: string): Uint8Array {
  return Uint8Array.from(octets, (char) => char.charCodeAt(0));
}

function tooLarge(): NoteError {
  return new NoteError('policy-too-large', `a policy has at most ${POLICY_LIMITS.bytes} bytes`);
}

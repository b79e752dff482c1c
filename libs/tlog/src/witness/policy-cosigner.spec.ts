import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testSigner } from '@touchstone/kit';
import {
  cosign,
  cosignerKey,
  formatCosignerKey,
  formatNote,
  nobleVerifier,
  noteSigner,
  parseCheckpoint,
  parseWitnessPolicy,
  verifyWitnessed,
} from '@touchstone/note';
import type { Signer } from '@touchstone/note';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseAddCheckpoint } from './add-checkpoint.js';
import { growLog, leavesOf } from './grown-log.fixture.js';
import type { GrownLog } from './grown-log.fixture.js';
import { PolicyCosigner } from './policy-cosigner.js';
import type { PolicyCosignerOptions, WitnessEvent } from './policy-cosigner.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const logSigner = noteSigner('example.org/log', testSigner());
let log: GrownLog;

beforeAll(async () => {
  log = await growLog(logSigner, leavesOf('leaf', 12));
});

interface Asked {
  readonly oldSize: number;
  readonly proof: number;
  readonly size: number;
}

/** What a witness makes of a request; `line` is the cosignature it should give. */
type Behaviour = (asked: Asked, line: string, response: ServerResponse) => void;

/** A witness at a real socket that behaves as it is told to. */
class StubWitness {
  readonly asked: Asked[] = [];
  behave: Behaviour = (_asked, line, response) => response.end(line);
  readonly signer: Signer = testSigner();
  readonly key = cosignerKey(
    `w${Math.floor(performance.now() * 1000)}.example`,
    this.signer.publicKey,
  );
  time = 1_700_000_000;
  #server: Server | undefined;

  async start(): Promise<string> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((done) => this.#server?.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  async line(text: string): Promise<string> {
    const signature = await cosign(text, this.time, this.key, this.signer);
    return formatNote({ text: 'x\n', signatures: [signature] }).slice('x\n\n'.length);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    expect([request.method, request.url]).toEqual(['POST', '/prefix/add-checkpoint']);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { oldSize, proof, note } = parseAddCheckpoint(new Uint8Array(Buffer.concat(chunks)));
    const { size } = parseCheckpoint(note.text);
    const asked = { oldSize, proof: proof.length, size };
    this.asked.push(asked);
    this.behave(asked, await this.line(note.text), response);
  }
}

const running: StubWitness[] = [];
afterEach(() => {
  for (const witness of running.splice(0)) witness.stop();
});

let clock = 0;
const events: WitnessEvent[] = [];

/** A cosigner that asks `count` witnesses of which `quorum` must cosign. */
async function setUp(
  count: number,
  quorum: number,
  change: Partial<PolicyCosignerOptions> = {},
): Promise<{
  witnesses: StubWitness[];
  cosigner: PolicyCosigner;
  policy: ReturnType<typeof parseWitnessPolicy>;
}> {
  const witnesses = Array.from({ length: count }, () => new StubWitness());
  running.push(...witnesses);
  let text = '';
  for (const [i, witness] of witnesses.entries()) {
    text += `witness w${i} ${formatCosignerKey(witness.key)} ${await witness.start()}/prefix/\n`;
  }
  const names = witnesses.map((_, i) => `w${i}`).join(' ');
  const policy = parseWitnessPolicy(`${text}group g ${quorum} ${names}\nquorum g\n`);
  events.length = 0;
  clock = 0;
  const cosigner = new PolicyCosigner({
    policy,
    verify: nobleVerifier,
    fetch,
    clock: () => clock,
    timeoutMs: 1_000,
    graceMs: 500,
    observe: (event) => events.push(event),
    ...change,
  });
  return { witnesses, cosigner, policy };
}

function ask(cosigner: PolicyCosigner, size: number): Promise<string> {
  return cosigner.cosign(log.notes[size]!, size, (from) => log.proof(from, size));
}

function results(): string[] {
  return events.map(({ result }) => result);
}

describe('PolicyCosigner', () => {
  it('asks all, verifies each, and hands out the note that satisfies the policy', async () => {
    const { witnesses, cosigner, policy } = await setUp(3, 3);
    const note = await ask(cosigner, 5);
    const logs = [logSigner.verifierKey];
    const opened = await verifyWitnessed(note, policy, nobleVerifier, { logs });
    expect(opened.quorum).toBe(true);
    expect(opened.note.signatures).toHaveLength(4);
    await ask(cosigner, 9);
    for (const { asked } of witnesses) {
      expect(asked.map(({ oldSize, size }) => [oldSize, size])).toEqual([
        [0, 5],
        [5, 9],
      ]);
      expect(asked.map(({ proof }) => proof > 0)).toEqual([false, true]);
    }
  });

  const conflict =
    (size: string, type?: string): Behaviour =>
    (asked, line, response) => {
      if (asked.oldSize === 4) return void response.end(line);
      if (type) response.setHeader('content-type', type);
      response.writeHead(409).end(size);
    };

  it.each<[string, Behaviour]>([
    ['409 as the specification has it', conflict('4\n', 'text/x.tlog.size')],
    ['409 without a line feed', conflict('4', 'text/x.tlog.size')],
    ['409 under another content type', conflict('4\n', 'text/plain')],
    ['409 without a content type', conflict('4\r\n')],
    [
      'lines of other keys around its own',
      (_a, line, r) => r.end(`\u2014 other AAAAAQI=\n${line}\u2014 another AAAAAQI=\n`),
    ],
    [
      'an old key of the same name',
      (_a, line, r) => r.end(`${line.replace(/ \S+$/m, ' AAAAAQI=')}${line}`),
    ],
    ['lines that are none', (_a, line, r) => r.end(`\n\u2014 ?\n\u2014 a b c\n${line}\n\n`)],
    ['the whole note', (_a, line, r) => r.end(`example.org/log\n7\nAAAA\n\n${line}`)],
    ['no line feed at the end', (_a, line, r) => r.end(line.trimEnd())],
    ['carriage returns', (_a, line, r) => r.end(line.replace('\n', '\r\n'))],
    [
      'a body in pieces',
      (_a, line, r) => {
        r.write(line.slice(0, 3));
        setTimeout(() => r.end(line.slice(3)), 20);
      },
    ],
  ])('bears with %s', async (_name, behave) => {
    const { witnesses, cosigner } = await setUp(1, 1);
    witnesses[0]!.behave = behave;
    const note = await ask(cosigner, 7);
    expect(note.startsWith(log.notes[7]!)).toBe(true);
    expect(note.slice(log.notes[7]!.length)).toBe(
      await witnesses[0]!.line(note.slice(0, note.indexOf('\n\n') + 1)),
    );
  });

  it.each<[string, Behaviour, string]>([
    ['200 with nothing', (_a, _l, r) => r.end(), 'bad-cosignature'],
    [
      '200 with the line of another',
      (_a, l, r) => r.end(l.replace(/\u2014 \S+/, '\u2014 other')),
      'bad-cosignature',
    ],
    [
      '200 with a cosignature that does not hold',
      (_a, l, r) => r.end(l.replace(/.{8}\n$/, 'AAAAAA==\n')),
      'bad-cosignature',
    ],
    ['200 with more than is read', (_a, l, r) => r.end(l + '\n'.repeat(70_000)), 'refused'],
    ['400', (_a, l, r) => r.writeHead(400).end(l), 'refused'],
    ['403', (_a, l, r) => r.writeHead(403).end(l), 'refused'],
    ['404', (_a, l, r) => r.writeHead(404).end(l), 'refused'],
    ['422', (_a, l, r) => r.writeHead(422).end(l), 'refused'],
    ['429', (_a, l, r) => r.writeHead(429).end(l), 'refused'],
    ['500', (_a, l, r) => r.writeHead(500).end(l), 'refused'],
    [
      'a redirection',
      (_a, _l, r) => r.writeHead(307, { location: '/prefix/add-checkpoint' }).end(),
      'unreachable',
    ],
    ['409 with a word', (_a, _l, r) => r.writeHead(409).end('seven'), 'conflict'],
    ['409 with nothing', (_a, _l, r) => r.writeHead(409).end(), 'conflict'],
    [
      '409 with the size it was told',
      (a, _l, r) => r.writeHead(409).end(`${a.oldSize}\n`),
      'conflict',
    ],
    [
      '409 with ever other sizes',
      (a, _l, r) => r.writeHead(409).end(`${(a.oldSize + 1) % 5}\n`),
      'conflict',
    ],
    ['409 with a size beyond the log', (_a, _l, r) => r.writeHead(409).end('8\n'), 'ahead'],
    ['a connection that ends', (_a, _l, r) => r.destroy(), 'unreachable'],
    [
      'half an answer',
      (_a, l, r) => r.writeHead(200, { 'content-length': 999 }).write(l, () => r.destroy()),
      'unreachable',
    ],
    ['no answer in time', () => undefined, 'timeout'],
  ])('does not count %s', async (_name, behave, result) => {
    const { witnesses, cosigner } = await setUp(1, 1, { timeoutMs: 300 });
    witnesses[0]!.behave = behave;
    await expect(ask(cosigner, 7)).rejects.toThrow(code('quorum-missing'));
    expect(results()).toEqual([result]);
    expect(witnesses[0]!.asked.length).toBeLessThanOrEqual(3);
  });

  it('does not count a cosignature of time zero', async () => {
    const { witnesses, cosigner } = await setUp(1, 1);
    witnesses[0]!.time = 0;
    await expect(ask(cosigner, 7)).rejects.toThrow(code('quorum-missing'));
    expect(results()).toEqual(['bad-cosignature']);
  });

  it('does without those that the quorum can do without, and says who is missing', async () => {
    const { witnesses, cosigner } = await setUp(3, 2);
    witnesses[0]!.behave = (_a, _l, r) => r.writeHead(500).end();
    expect((await ask(cosigner, 7)).split('\u2014')).toHaveLength(4);
    witnesses[1]!.behave = (_a, _l, r) => r.writeHead(404).end('not mine');
    await expect(ask(cosigner, 8)).rejects.toThrow(
      /w0: backing-off.*w1: refused, it answered 404: "not mine"/,
    );
  });

  it('waits for the slow no longer than it must once there is a quorum', async () => {
    const { witnesses, cosigner } = await setUp(3, 2, { graceMs: 30, timeoutMs: 20_000 });
    witnesses[2]!.behave = () => undefined;
    const began = performance.now();
    await ask(cosigner, 7);
    expect(performance.now() - began).toBeLessThan(5_000);
    cosigner.close();
  });

  it('gives up at once when the quorum is out of reach', async () => {
    const { witnesses, cosigner } = await setUp(3, 2, { timeoutMs: 20_000 });
    witnesses[0]!.behave = () => undefined;
    for (const i of [1, 2]) witnesses[i]!.behave = (_a, _l, r) => r.destroy();
    await expect(ask(cosigner, 7)).rejects.toThrow(code('quorum-missing'));
    cosigner.close();
  });

  it('leaves a witness that fails alone, longer each time, and comes back', async () => {
    const { witnesses, cosigner } = await setUp(1, 1);
    const [witness] = witnesses as [StubWitness];
    const well = witness.behave;
    witness.behave = (_a, _l, r) => r.writeHead(503).end();
    const waits: number[] = [];
    for (let failures = 0; failures < 8; failures++) {
      await expect(ask(cosigner, 7)).rejects.toThrow(code('quorum-missing'));
      const before = witness.asked.length;
      const began = clock;
      while (witness.asked.length === before) {
        clock += 125;
        await ask(cosigner, 7).catch(() => undefined);
      }
      waits.push(clock - began);
      if (failures < 7) continue;
      witness.behave = well;
      clock += 8_000;
      await ask(cosigner, 7);
    }
    expect(waits[0]).toBe(250);
    expect(Math.max(...waits)).toBe(8_000);
    expect(results().at(-1)).toBe('cosigned');
  }, 60_000);

  it('hands out what there is when it is to fail open', async () => {
    const { witnesses, cosigner } = await setUp(2, 2, { failOpen: true });
    witnesses[0]!.behave = (_a, _l, r) => r.destroy();
    expect((await ask(cosigner, 7)).split('\u2014')).toHaveLength(3);
    witnesses[1]!.behave = (_a, _l, r) => r.destroy();
    expect(await ask(cosigner, 8)).toBe(log.notes[8]);
  });

  it.each([
    ['no URL', (line: string) => line],
    ['a URL of files', (line: string) => `${line} file:///etc/passwd`],
    ['no URL at all', (line: string) => `${line} w.example`],
  ])('is not made of witnesses with %s', (_name, change) => {
    const line = `witness w ${formatCosignerKey(cosignerKey('w', testSigner().publicKey))}`;
    const policy = parseWitnessPolicy(`${change(line)}\nquorum w\n`);
    const options = { policy, verify: nobleVerifier, fetch, clock: () => 0 };
    expect(() => new PolicyCosigner(options)).toThrow(code('witness-policy'));
  });
});

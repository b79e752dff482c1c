import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** Name and version of the policy file's format. */
export const WRITER_POLICY_SCHEMA = 'https://touchstone.dev/log-writers/v1';

const WriterPolicyFile = z.strictObject({
  schema: z.literal(WRITER_POLICY_SCHEMA),
  writers: z
    .array(
      z.strictObject({
        id: z.string().min(1).max(128),
        /** What the writer is: for people who read the file. */
        role: z.enum(['rebuilder', 'integrator', 'publisher', 'device']).optional(),
        /** SHA-256 of the DER SubjectPublicKeyInfo of each key it signs entries with, hex. */
        keys: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(64),
      }),
    )
    .max(10_000),
});

/** Who may write, by the keys that sign entries. */
export class WriterPolicy {
  /** Writers' ids by key id. */
  readonly #writers: ReadonlyMap<string, string>;

  private constructor(writers: ReadonlyMap<string, string>) {
    this.#writers = writers;
  }

  /** Reads the policy; throws an error that names the file and what is wrong with it. */
  static async read(file: string): Promise<WriterPolicy> {
    const text = await readFile(file, 'utf8');
    return WriterPolicy.parse(text, file);
  }

  static parse(text: string, file = 'LOG_WRITERS_FILE'): WriterPolicy {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new Error(`${file}: not JSON`, { cause });
    }
    const parsed = WriterPolicyFile.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new Error(`${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
    }
    const writers = new Map<string, string>();
    for (const { id, keys } of parsed.data.writers) {
      for (const key of keys) {
        if (writers.has(key)) throw new Error(`${file}: key ${key} is listed twice`);
        writers.set(key, id);
      }
    }
    return new WriterPolicy(writers);
  }

  /** The writer that signs with this key, if it is enrolled. */
  writerOf(keyId: string): string | undefined {
    return this.#writers.get(keyId);
  }
}

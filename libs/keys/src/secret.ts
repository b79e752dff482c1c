import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { KeyError } from './errors.js';
import { readPrivateKey } from './key-file.js';
import { privateKeyFromPem, type PrivateKey } from './private-key.js';

/** One secret of a program's environment: in a file, or as such. */
export type SecretSource = { readonly file: string } | { readonly text: string };

/**
 * Where the secret `name` of an environment is: `NAME_FILE`, the path of a file that holds it, or
 * `NAME`. An empty variable counts as absent, which is what compose files make of an unset name.
 *
 * @throws KeyError `secret-ambiguous` when both are set
 */
export function secretSource(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): SecretSource | undefined {
  const [file, text] = [variables[`${name}_FILE`], variables[name]].map((value) =>
    value === '' ? undefined : value,
  );
  if (file !== undefined && text !== undefined) {
    throw new KeyError(
      'secret-ambiguous',
      `${name} and ${name}_FILE are both set; set one of them`,
    );
  }
  if (file !== undefined) return { file };
  return text === undefined ? undefined : { text };
}

/**
 * A secret of one line, such as a token or a URL with a password; without white space around it.
 *
 * @throws KeyError `secret-unreadable`
 */
export function readSecret(source: SecretSource): string {
  if ('text' in source) return source.text.trim();
  try {
    return readFileSync(source.file, 'utf8').trim();
  } catch (cause) {
    throw new KeyError('secret-unreadable', `${source.file} cannot be read`, { cause });
  }
}

/** A private key in PEM. @throws KeyError of `readPrivateKey` and `privateKeyFromPem` */
export async function readSecretKey(source: SecretSource): Promise<PrivateKey> {
  return 'file' in source ? readPrivateKey(source.file) : privateKeyFromPem(source.text);
}

/** Whether somebody presents the secret; the time it takes tells nothing of where they differ. */
export function isSecret(presented: string, secret: string): boolean {
  // Digests, since the comparison in constant time needs the same length on both sides.
  return timingSafeEqual(sha256(presented), sha256(secret));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

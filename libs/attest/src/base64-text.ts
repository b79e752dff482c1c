import { fromBase64 } from '@touchstone/note';
import { z } from 'zod';

/** Canonical base64 with padding (RFC 4648 section 4), at most `max` characters of it. */
export function base64Text(max: number): z.ZodString {
  return z.string().max(max, { abort: true }).refine(isBase64, 'must be canonical base64');
}

function isBase64(text: string): boolean {
  try {
    fromBase64(text);
    return true;
  } catch {
    return false;
  }
}

import { CliError, EXIT } from '../failure.js';

/** SOURCE_DATE_EPOCH (seconds since 1970) as RFC 3339; undefined when it is not set. */
export function sourceDate(epoch: string | undefined): string | undefined {
  if (epoch === undefined || epoch === '') return undefined;
  if (!/^\d{1,11}$/u.test(epoch)) {
    throw new CliError('usage', 'SOURCE_DATE_EPOCH must be seconds since 1970', EXIT.usage);
  }
  return new Date(Number(epoch) * 1000).toISOString();
}

import type { CarryHeader } from '@touchstone/airgap';
import type { WitnessedCheckpoint } from '@touchstone/note';

/** For the person who finds the stick. */
export function bundleReadme(
  { header, witnessed }: { header: CarryHeader; witnessed: WitnessedCheckpoint },
  bundleBytes: number,
): string {
  const { site, origin, base, size, entries, artifacts } = header;
  const time = witnessed.time?.latest;
  return `This is a Touchstone carry bundle.

It brings the site "${site}" from entry ${base.size} to entry ${size} of the transparency log
${origin}: ${entries} entries with their proofs, ${artifacts} artifacts, ${bundleBytes} bytes.
${time === undefined ? 'No witness says when.' : `Witnesses last saw it at ${new Date(time * 1000).toISOString()}.`}

There is nothing secret in it and nothing that runs. Whoever imports it verifies every byte of
carry.cbor; a changed bundle is refused.

At the site:

  touchstone airgap verify BUNDLE.tar --site FOLDER
  touchstone airgap import BUNDLE.tar --site FOLDER

Then carry the acknowledgement back. If you found this, please return it to the site named above.
`;
}

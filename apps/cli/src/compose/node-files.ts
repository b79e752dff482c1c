import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';

/** Documents for nodes, given as `/component[0]=file`, in the order of the nodes' paths. */
export async function readNodeFiles(
  given: readonly string[],
): Promise<{ node: string; document: Uint8Array }[]> {
  const places = given.map((text) => {
    const equals = text.indexOf('=');
    if (!text.startsWith('/') || equals < 0) {
      const message = `${text} is not of the form node=file, such as /component[0]=a.json`;
      throw new CliError('usage', message, EXIT.usage);
    }
    return { node: text.slice(0, equals), path: text.slice(equals + 1) };
  });
  places.sort((a, b) => (a.node < b.node ? -1 : 1));
  const twice = places.find(({ node }, index) => places[index + 1]?.node === node);
  if (twice !== undefined) {
    throw new CliError('usage', `${twice.node} is given twice`, EXIT.usage);
  }
  return Promise.all(
    places.map(async ({ node, path }) => ({ node, document: await readBounded(path) })),
  );
}

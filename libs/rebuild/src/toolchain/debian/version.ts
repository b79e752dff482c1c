/** Compares two versions of Debian packages (deb-version(7)): negative, zero or positive. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  return (
    left.epoch - right.epoch ||
    comparePart(left.upstream, right.upstream) ||
    comparePart(left.revision, right.revision)
  );
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Turn by turn a run of non-digits and a run of digits, the latter by their number. */
function comparePart(a: string, b: string): number {
  let [left, right] = [a, b];
  while (left !== '' || right !== '') {
    const [textLeft, textRight] = [textOf(left), textOf(right)];
    for (let i = 0; i < Math.max(textLeft.length, textRight.length); i += 1) {
      const order = rank(textLeft[i]) - rank(textRight[i]);
      if (order !== 0) return order;
    }
    left = left.slice(textLeft.length);
    right = right.slice(textRight.length);
    const [digitsLeft, digitsRight] = [digitsOf(left), digitsOf(right)];
    const order = BigInt(digitsLeft || '0') - BigInt(digitsRight || '0');
    if (order !== 0n) return order < 0n ? -1 : 1;
    left = left.slice(digitsLeft.length);
    right = right.slice(digitsRight.length);
  }
  return 0;
}

const textOf = (part: string): string => /^\D*/.exec(part)?.[0] ?? '';
const digitsOf = (part: string): string => /^\d*/.exec(part)?.[0] ?? '';

/** A tilde sorts before everything, the end of the text too; letters before all other characters. */
function rank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

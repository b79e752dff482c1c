import type { Variation } from '@touchstone/attest';

/** What varying a build showed, for a person. */
export function variationLines({
  builds,
  deterministic,
  unstable,
  varied,
  modules,
  incomplete,
}: Variation): string[] {
  const lines = [`variation: ${builds} builds`];
  if (unstable)
    lines.push(
      '  the same build again gave other bytes: it is not deterministic by itself, so no toolchain can be held to it',
    );
  else if (deterministic)
    lines.push(
      '  no circumstance changes the bytes: where they differ from the published ones, source, toolchain or options do',
    );
  if (incomplete !== undefined) lines.push(`  ended early: ${incomplete}`);
  for (const { name, applied, changes, detail } of varied) {
    if (changes) lines.push(`  ${name} changes the bytes (${detail})`);
    else if (!applied && !unstable) lines.push(`  ${name}: ${detail}`);
  }
  const same = varied.filter(({ applied, changes }) => applied && !changes);
  if (same.length > 0) lines.push(`  without effect: ${same.map(({ name }) => name).join(', ')}`);
  if (modules.length > 0) lines.push(`  modules: ${modules.join(', ')}`);
  return lines;
}

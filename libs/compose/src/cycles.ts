import type { Finding } from './errors.js';
import { edgeKey } from './edges.js';
import { at, rootOf } from './compare.js';
import type { CompositionGraph } from './graph.js';
import type { CompositionManifest } from './manifest.js';
import type { EmbeddedManifest } from './read-manifest.js';

/** Who depends on whom, and who contains whom. */
type Arrows = Map<string, Set<string>>;

/**
 * Dependencies that lead back to where they began. Bytes cannot say so: an instance refers to
 * earlier ones alone. A manifest can, in the edges it lists, and several can together, when a
 * nested one claims to contain what contains it. Edges that the bytes have are not looked at, since
 * one component that is instantiated twice may well stand on both sides of another.
 */
export function checkCycles(
  manifests: readonly (EmbeddedManifest & { readonly graph: CompositionGraph })[],
  whole: CompositionGraph,
): Finding[] {
  const contains: Arrows = new Map();
  const findings: Finding[] = [];
  const nodes = new Map(whole.nodes.map((node) => [node.path, node]));
  for (const { node, content, graph } of manifests) {
    const holder = nodes.get(node) ?? rootOf(whole);
    if (content.form === 'v1') {
      const cycle = cycleIn(dependencies(content.manifest, graph));
      if (cycle !== undefined) {
        const message = `the manifest of ${node} has dependencies in a circle: ${cycle.join(' → ')}`;
        findings.push(at(holder, 'manifest-cycle', message));
      }
    }
    const inner =
      content.form === 'v1'
        ? [...content.manifest.components, ...content.manifest.graph.nodes].map((each) =>
            'hash' in each ? each.hash.sha256 : each.digest.sha256,
          )
        : content.manifest.components.map(({ sha256 }) => sha256);
    for (const own of new Set([holder.digest.sha256, holder.contentDigest.sha256])) {
      for (const hash of inner) addArrow(contains, own, hash);
    }
    // A file that has a manifest is the same thing with it and without it.
    if (holder.digest.sha256 !== holder.contentDigest.sha256) {
      addArrow(contains, holder.digest.sha256, holder.contentDigest.sha256);
    }
  }
  const cycle = cycleIn(contains);
  if (cycle !== undefined) {
    const message = `the manifests say that these contain one another: ${cycle.map((hash) => `sha256:${hash}`).join(' → ')}`;
    const holder = whole.nodes.find(
      ({ digest, contentDigest }) =>
        cycle.includes(digest.sha256) || cycle.includes(contentDigest.sha256),
    );
    findings.push(at(holder ?? rootOf(whole), 'manifest-cycle', message));
  }
  return findings;
}

function dependencies({ graph: claimed }: CompositionManifest, derived: CompositionGraph): Arrows {
  const known = new Set(derived.edges.map(edgeKey));
  const arrows: Arrows = new Map();
  const isClaim = claimed.edges.some((edge) => !known.has(edgeKey(edge)));
  if (!isClaim) return arrows;
  for (const { from, to, kind, through } of claimed.edges) {
    if (kind === 'import' && through === undefined) addArrow(arrows, from, to);
  }
  return arrows;
}

function addArrow(arrows: Arrows, from: string, to: string): void {
  const targets = arrows.get(from);
  if (targets === undefined) arrows.set(from, new Set([to]));
  else targets.add(to);
}

/** A way that ends where it begins; walked with a list of its own, so that no length is too long. */
function cycleIn(arrows: Arrows): string[] | undefined {
  const done = new Set<string>();
  for (const start of arrows.keys()) {
    const path: string[] = [];
    const onPath = new Set<string>();
    const pending: { node: string; next: Iterator<string> }[] = [];
    const enter = (node: string): void => {
      path.push(node);
      onPath.add(node);
      pending.push({ node, next: (arrows.get(node) ?? new Set<string>()).values() });
    };
    if (!done.has(start)) enter(start);
    for (let top = pending.at(-1); top !== undefined; top = pending.at(-1)) {
      const step = top.next.next();
      if (step.done === true) {
        pending.pop();
        path.pop();
        onPath.delete(top.node);
        done.add(top.node);
      } else if (onPath.has(step.value)) {
        return [...path.slice(path.indexOf(step.value)), step.value];
      } else if (!done.has(step.value)) {
        enter(step.value);
      }
    }
  }
  return undefined;
}

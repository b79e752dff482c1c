import type { AnyManifest, EmbeddedManifest } from '@touchstone/compose';
import { oneLine } from './graph-view.js';

/** The JSON view of a manifest, of whichever form. */
export function manifestView(content: AnyManifest): unknown {
  return content.form === 'v1' ? content.manifest : content.original;
}

/** What a manifest says, one claim a line. */
export function manifestLines({ node, offset, section, content }: EmbeddedManifest): string[] {
  const head = `${node}  manifest in section ${section} at byte ${offset}`;
  if (content.form === 'older') {
    const { tool, toolVersion, components } = content.manifest;
    return [
      `${head}, older form`,
      `  tool      ${oneLine(`${tool} ${toolVersion}`)}`,
      ...components.map(
        ({ name, sha256, source = '' }) =>
          `  component ${oneLine(`${name} sha256:${sha256} ${source}`)}`,
      ),
    ];
  }
  const { root, components, composition, graph, sboms = [], provenance = [] } = content.manifest;
  const said = Object.entries(composition).map(([key, value]) => [key, [value].flat().join(' ')]);
  return [
    head,
    `  of        ${root.kind}, without attestation sections sha256:${root.contentDigest.sha256}`,
    ...said.map(([key = '', value = '']) => `  ${key.padEnd(9)} ${oneLine(value)}`),
    ...components.map(({ path, name, version, source, commit, hash, signer }) => {
      const words = [name, version, source, commit, signer?.identity ?? signer?.keyId];
      const claims = words.filter((word) => word !== undefined).join(' ');
      return `  component ${path} sha256:${hash.sha256} ${oneLine(claims)}`;
    }),
    ...sboms.map(({ uri = '', digest }) => `  sbom      sha256:${digest.sha256} ${oneLine(uri)}`),
    ...provenance.map(
      ({ uri = '', digest }) => `  provenance sha256:${digest.sha256} ${oneLine(uri)}`,
    ),
    `  graph     ${graph.nodes.length} nodes, ${graph.edges.length} edges, ${graph.imports.length} imports, ${graph.exports.length} exports`,
  ];
}

import type { AttestErrorCode } from '@touchstone/attest';
import type { SignatureFinding, WasmErrorCode } from '@touchstone/wasm';

/** Every way in which a composition is refused, besides those of the bytes and of attestations. */
export type CompositionCode =
  /** A core module whose preamble says component, or the other way round. */
  | 'kind-disguised'
  /** More nodes, edges or providers than a graph may have. */
  | 'graph-too-large'
  | 'manifest-missing'
  /** Two manifests in one module or component. */
  | 'manifest-duplicate'
  | 'manifest-malformed'
  | 'manifest-too-large'
  /** The manifest was written for other bytes. */
  | 'manifest-transplanted'
  | 'manifest-cycle'
  | 'node-missing'
  | 'node-extra'
  | 'node-substituted'
  | 'edge-missing'
  | 'edge-extra'
  | 'interface-missing'
  | 'interface-extra'
  | 'component-duplicate'
  /** What is provided is not what the import asks for. */
  | 'interface-incompatible'
  /** A version of an interface of another track than the one that is asked for. */
  | 'version-incompatible'
  /** A warning: an earlier version than is asked for, of the same track. */
  | 'version-older'
  /** A warning: two versions of one track are imported, where one would do. */
  | 'version-split'
  /** Claims name a node that the bytes do not have. */
  | 'claim-unknown-node'
  | 'attestation-subject-mismatch'
  | 'attestation-manifest-mismatch'
  /** More signatures in place than are verified. */
  | 'signatures-too-many'
  /** A Sigstore bundle that cannot be read, or that its library refuses. */
  | 'bundle-malformed'
  | 'bundle-invalid'
  /** It is about no module or component of the file. */
  | 'bundle-subject-mismatch'
  /** What it says of its subject does not vouch for it. */
  | 'bundle-predicate'
  /** Signed by somebody whose word does not count for that node. */
  | 'bundle-identity'
  | 'bundle-missing'
  | 'node-unproven'
  /** A log was to be asked whether rebuilds were left out, and was not. */
  | 'evidence-unsearched'
  | 'node-disputed'
  | 'node-different'
  /** Its bytes are on a revocation list of somebody who may take it back. */
  | 'node-revoked'
  | 'revocation-malformed'
  /** Somebody who may revoke has given no list, or none that is in force. */
  | 'revocation-missing'
  | 'revocation-expired'
  /** An older list was handed over than the log has. */
  | 'revocation-superseded'
  /** The log has an entry of somebody who may revoke, and nobody can tell what it says. */
  | 'revocation-unread'
  /** It was to be asked of a log, and was not. */
  | 'revocation-unsearched'
  | 'capsule-malformed'
  | 'capsule-too-large'
  /** The trust root in it is not the one that the reader named. */
  | 'capsule-trust-root-unknown'
  | 'capsule-evidence-missing'
  /** Evidence that leads to more than one checkpoint. */
  | 'capsule-checkpoints-differ'
  | 'capsule-attestation-unproven'
  /** A nested bill of materials that is no CycloneDX in JSON, or is too large. */
  | 'sbom-malformed';

/** Every way in which a plan cannot be carried out. */
export type BuildCode =
  | 'plan-malformed'
  /** The plan speaks of a component that it does not have, or whose bytes are not at hand. */
  | 'component-unknown'
  | 'component-digest-mismatch'
  | 'instance-unknown'
  | 'instance-duplicate'
  | 'import-unknown'
  | 'export-unknown'
  | 'export-duplicate'
  /** Several instances could give an import, and the plan does not say which. */
  | 'wiring-ambiguous'
  /** Instances need each other before they can be made. */
  | 'wiring-cycle'
  | 'plug-unused'
  /** What is given is not of the type that is asked for; the message has the path. */
  | 'type-mismatch'
  /** Nobody gives an import that the plan does not leave to the host. */
  | 'import-unsatisfied'
  /** An import left to the host uses types that are known only within the composition. */
  | 'import-entangled'
  /** A value that would be passed on, or a module left to the host whose types only it defines. */
  | 'item-unsupported'
  | 'composition-too-large';

export type ComposeErrorCode =
  CompositionCode | BuildCode | WasmErrorCode | AttestErrorCode | SignatureFinding['code'];

/** One thing that is wrong, and where: every check answers with these. */
export interface Finding {
  readonly code: ComposeErrorCode;
  /** Path of the module or component, `/` for the file. */
  readonly node: string;
  /** In the file, in bytes; absent of a node that the file does not have. */
  readonly offset?: number;
  readonly message: string;
}

/** The only error this library throws for what it was given; `code` is the stable part. */
export class ComposeError extends Error implements Finding {
  override readonly name = 'ComposeError';

  constructor(
    readonly code: ComposeErrorCode,
    readonly node: string,
    readonly offset: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

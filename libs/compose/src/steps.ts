import { AttestError, type AttestErrorCode } from '@touchstone/attest';
import { ComposeError, type Finding } from './errors.js';

/** Every check in its order, with what it follows. */
const STEPS = {
  structure: 'Component model, Binary.md; WebAssembly core specification 5.5',
  graph: 'Component model, Binary.md, "Instance Definitions" and "Alias Definitions"',
  types: 'Component model, Explainer.md, "Type Checking"',
  versions: 'Component model, Explainer.md, "Canonical Interface Name"; Semantic Versioning 2.0',
  'manifest-format': 'RFC 8949 section 4.2.1; Touchstone composition-manifest/v1',
  attestation: 'DSSE v1.0.2 or RFC 9052; in-toto attestation v1; Touchstone composition/v1',
  'manifest-binding': 'FIPS 180-4, without attestation sections',
  nodes: 'FIPS 180-4; Touchstone composition-manifest/v1',
  components: 'Touchstone composition-manifest/v1',
  cycles: 'Touchstone composition-manifest/v1, nested ones too',
  edges: 'Touchstone composition-manifest/v1',
  interfaces: 'Touchstone composition-manifest/v1',
  duplicates: 'Touchstone composition-manifest/v1, nested ones too',
  bundles: 'Sigstore bundle 0.3 and trusted root 0.1 (protobuf-specs); in-toto attestation v1',
  evidence: 'Touchstone evidence/v1; policy k of n, by organisation',
  completeness: 'Touchstone search-evidence/v1',
  revocations: 'DSSE v1.0.2; Touchstone revocation/v1 and search-evidence/v1',
  signatures: 'tool-conventions, Signatures.md; Touchstone strict profile; RFC 5280 section 6.1',
} as const;

export type CompositionStepName = keyof typeof STEPS;

export interface CompositionStep {
  readonly name: CompositionStepName;
  readonly spec: string;
  readonly ok: boolean;
}

/** A finding with the step that made it. */
export type StepFinding = Finding & { readonly step: CompositionStepName };

export interface StepOutcome {
  /** Every step that was made held. */
  readonly ok: boolean;
  /** Ends early where nothing after it can be asked. */
  readonly steps: readonly CompositionStep[];
  readonly findings: readonly StepFinding[];
  /** What is worth a word and refuses nothing. */
  readonly warnings: readonly StepFinding[];
}

/** Makes steps one by one and notes what each found; a step that throws found one thing. */
export class StepRun {
  readonly #steps: CompositionStep[] = [];
  readonly #findings: StepFinding[] = [];
  readonly #warnings: StepFinding[] = [];

  async step<T>(
    name: CompositionStepName,
    check: () => [T, readonly Finding[]] | Promise<[T, readonly Finding[]]>,
  ): Promise<T | undefined> {
    let result: T | undefined;
    let findings: readonly Finding[];
    try {
      [result, findings] = await check();
    } catch (cause) {
      findings = [findingOf(cause)];
    }
    this.#steps.push({ name, spec: STEPS[name], ok: findings.length === 0 });
    for (const finding of findings) this.#findings.push({ ...finding, step: name });
    return result;
  }

  warn(step: CompositionStepName, warnings: readonly Finding[]): void {
    for (const warning of warnings) this.#warnings.push({ ...warning, step });
  }

  /** Whether all held so far, and what was found. */
  outcome(): StepOutcome {
    const [steps, findings, warnings] = [this.#steps, this.#findings, this.#warnings];
    return { ok: findings.length === 0, steps, findings, warnings };
  }
}

function findingOf(cause: unknown): Finding {
  if (cause instanceof ComposeError) {
    const { code, node, offset, message } = cause;
    return { code, node, offset, message };
  }
  if (!(cause instanceof AttestError)) throw cause;
  const code: AttestErrorCode = cause.code;
  return { code, node: '/', offset: 0, message: cause.message };
}

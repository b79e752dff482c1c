import {
  customSections,
  verifySignatures,
  walkNodes,
  WasmError,
  type JudgedCertificates,
  type Node,
  type RollingHash,
  type SignatureReport,
  type SignatureTrust,
} from '@touchstone/wasm';
import { ComposeError, type Finding } from './errors.js';
import { MAX_SIGNATURE_CHECKS } from './limits.js';

/** Judges certificates, by the time at which a signature is proven to have been there. */
export type TimedCertificateJudge = (
  chain: readonly Uint8Array[],
  loggedAt: Date | undefined,
) => JudgedCertificates | Promise<JudgedCertificates>;

export interface NodeSignaturesOptions extends Omit<SignatureTrust, 'certificates'> {
  readonly certificates?: TimedCertificateJudge;
  /** A detached signature of the file. */
  readonly detached?: Uint8Array;
  /** A fresh one for each node. */
  readonly hash?: () => RollingHash;
}

/**
 * Verifies signatures in place, under the strict profile. The file must be signed by who is
 * trusted, and so must every node in it that carries signatures; a node without any is what the
 * signatures around it are over.
 *
 * Where certificates say who somebody is, who composed is an integrator and who made a part is its
 * owner: a core module is never signed by an integrator, what holds other nodes may be by either.
 *
 * @throws ComposeError `signatures-too-many`
 */
export async function checkSignatures(
  bytes: Uint8Array,
  root: Node,
  options: NodeSignaturesOptions & { readonly loggedAt: ReadonlyMap<string, Date> },
): Promise<{ signatures: SignatureReport[]; findings: Finding[] }> {
  const { detached, hash } = options;
  const trust = bounded(options);
  const signatures: SignatureReport[] = [];
  const findings: Finding[] = [];
  for (const node of walkNodes(root)) {
    if (node !== root && !isSigned(bytes, node)) continue;
    try {
      const found = await verifySignatures(bytes, node, {
        ...trust,
        ...(hash && { hash: hash() }),
        ...(node === root && detached && { detached }),
      });
      signatures.push(...found.signatures);
      findings.push(...found.findings, ...found.signatures.flatMap((each) => roleOf(each, node)));
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
      const { code, offset, message } = error;
      findings.push({ code, node: node.path, offset, message });
    }
  }
  return { signatures, findings };
}

function isSigned(bytes: Uint8Array, node: Node): boolean {
  return customSections(bytes, node).some(({ name }) => name === 'signature');
}

/** A file can name more signatures than anybody would want to wait for. */
function bounded({
  publicKeys,
  verify,
  certificates,
  loggedAt,
}: Parameters<typeof checkSignatures>[2]): SignatureTrust {
  let checks = 0;
  const spend = (): void => {
    if ((checks += 1) <= MAX_SIGNATURE_CHECKS) return;
    const message = `verifying the signatures takes more than ${MAX_SIGNATURE_CHECKS} checks`;
    throw new ComposeError('signatures-too-many', '/', 0, message);
  };
  return {
    publicKeys,
    verify: (...of) => {
      spend();
      return verify(...of);
    },
    ...(certificates && {
      certificates: (chain, { node, where }) => {
        spend();
        return certificates(chain, where === 'section' ? loggedAt.get(node) : undefined);
      },
    }),
  };
}

function roleOf({ signer, offset }: SignatureReport, node: Node): Finding[] {
  const role = signer?.role;
  if (role === undefined) return [];
  const holdsOthers = node.kind === 'component' && node.children.length > 0;
  const allowed = holdsOthers ? ['integrator', 'owner'] : ['owner'];
  if (allowed.includes(role)) return [];
  const message = `${node.path} is signed by ${signer?.identity ?? 'somebody'} as ${role}; ${allowed.join(' or ')} was to sign`;
  return [{ code: 'certificate-role', node: node.path, offset, message }];
}

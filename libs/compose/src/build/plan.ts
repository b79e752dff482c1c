import { z } from 'zod';
import { ComposeError } from '../errors.js';
import { ManifestClaims } from '../manifest.js';

export const PLAN_SCHEMA = 'https://touchstone.dev/composition-plan/v1';

/** Components, and instances of them, of one composition; each. */
export const MAX_INSTANCES = 1_000;
const MAX_NAMES = 1_000;

const Label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, 'may hold letters, digits and . _ + -');
/** The name of an import or export of a component. */
const PortName = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\p{Cc}\p{Surrogate}]+$/u, 'must not hold control characters');

const PlannedComponent = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
  /** Where a person's copy of it lies, relative to the plan. Of no weight: the digest decides. */
  file: z.string().min(1).max(4096).exactOptional(),
});

const PlannedInstance = z.strictObject({
  name: Label,
  /** A component of the plan; by the instance's own name when left out. */
  component: Label.exactOptional(),
  /** By the name of the import; its own name, or one that may stand for it, when `export` is left out. */
  arguments: z
    .record(PortName, z.strictObject({ instance: Label, export: PortName.exactOptional() }))
    .exactOptional(),
  /** Instances that are asked for every import that `arguments` does not name. */
  with: z.array(Label).min(1).max(MAX_INSTANCES).exactOptional(),
});

/** Without `export`, everything that the instance exports. */
const PlannedExport = z.strictObject({
  instance: Label,
  export: PortName.exactOptional(),
  as: PortName.exactOptional(),
});

/**
 * What is composed of what, for a person to read and to sign off. It names components by digest, so
 * that plan and components decide every byte of the composition.
 */
export const CompositionPlan = z
  .strictObject({
    schema: z.literal(PLAN_SCHEMA),
    components: z.record(Label, PlannedComponent),
    /** The plugs' exports are given for the imports of the socket, whose exports are those of the whole. */
    plug: z
      .strictObject({ socket: Label, plugs: z.array(Label).min(1).max(MAX_INSTANCES) })
      .exactOptional(),
    instances: z.array(PlannedInstance).min(1).max(MAX_INSTANCES).exactOptional(),
    exports: z.array(PlannedExport).min(1).max(MAX_NAMES).exactOptional(),
    /** All that may be left to the host, by name or by what the name begins with and `*`. */
    imports: z.array(PortName).max(MAX_NAMES).exactOptional(),
    /** Have a manifest of the composition written into it, with these claims. */
    manifest: ManifestClaims.exactOptional(),
  })
  .refine(({ plug, instances }) => (plug === undefined) !== (instances === undefined), {
    message: 'either plug or instances must be given',
    path: ['instances'],
  })
  .refine(({ instances, exports }) => instances === undefined || exports !== undefined, {
    message: 'which exports are lifted out must be said, unless components are plugged',
    path: ['exports'],
  })
  .refine(({ components }) => Object.keys(components).length <= MAX_INSTANCES, {
    message: `more than ${MAX_INSTANCES} components`,
    path: ['components'],
  });

export type CompositionPlan = z.infer<typeof CompositionPlan>;

/** @throws ComposeError `plan-malformed`, naming the field */
export function parsePlan(value: unknown): CompositionPlan {
  const parsed = CompositionPlan.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  const message = `plan: ${field}: ${issue?.message ?? 'malformed'}`;
  throw new ComposeError('plan-malformed', '/', 0, message);
}

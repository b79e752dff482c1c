import { z } from 'zod';

// The JSON form of SPDX 2.3, every object closed as in the schema that SPDX publishes, and the rules
// on values that stand in the text of the specification alone.

const Text = z.string();
const Texts = z.array(Text);
const ElementId = z
  .string()
  .regex(/^SPDXRef-[A-Za-z0-9.-]+$/, 'must be SPDXRef- and letters, digits, dots or hyphens');
const Related = z
  .string()
  .regex(
    /^(?:NONE|NOASSERTION|(?:DocumentRef-[A-Za-z0-9.+-]+:)?SPDXRef-[A-Za-z0-9.-]+)$/,
    'must be an SPDX id, NONE or NOASSERTION',
  );
const Time = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, 'must be YYYY-MM-DDThh:mm:ssZ');
const Agent = z
  .string()
  .regex(
    /^(?:(?:Person|Organization|Tool): .+|NOASSERTION)$/,
    'must begin Person:, Organization: or Tool:',
  );

const HEX_LENGTHS = {
  SHA1: 40,
  SHA224: 56,
  SHA256: 64,
  SHA384: 96,
  SHA512: 128,
  'SHA3-256': 64,
  'SHA3-384': 96,
  'SHA3-512': 128,
  'BLAKE2b-256': 64,
  'BLAKE2b-384': 96,
  'BLAKE2b-512': 128,
  BLAKE3: undefined,
  MD2: 32,
  MD4: 32,
  MD5: 32,
  MD6: undefined,
  ADLER32: 8,
} as const;
const Checksum = z
  .strictObject({
    algorithm: z.enum(Object.keys(HEX_LENGTHS) as (keyof typeof HEX_LENGTHS)[]),
    checksumValue: z.string().regex(/^[0-9a-f]+$/, 'must be lower-case hex'),
  })
  .refine(
    ({ algorithm, checksumValue }) =>
      (HEX_LENGTHS[algorithm] ?? checksumValue.length) === checksumValue.length,
    { message: 'has not the length of its algorithm', path: ['checksumValue'] },
  );

const Annotation = z.strictObject({
  annotationDate: Time,
  annotationType: z.enum(['OTHER', 'REVIEW']),
  annotator: Agent,
  comment: Text,
});

const Package = z.strictObject({
  SPDXID: ElementId,
  name: z.string().min(1),
  downloadLocation: z
    .string()
    .regex(
      /^(?:NONE|NOASSERTION|[A-Za-z][A-Za-z0-9+.-]*:\S+)$/,
      'must be a URI, NONE or NOASSERTION',
    ),
  annotations: z.array(Annotation).optional(),
  attributionTexts: Texts.optional(),
  builtDate: Time.optional(),
  checksums: z.array(Checksum).optional(),
  comment: Text.optional(),
  copyrightText: Text.optional(),
  description: Text.optional(),
  externalRefs: z
    .array(
      z.strictObject({
        comment: Text.optional(),
        // Both spellings: the schema of 2.3 has hyphens, that of 2.2 and many writers underscores.
        referenceCategory: z.enum([
          'OTHER',
          'PERSISTENT-ID',
          'PERSISTENT_ID',
          'SECURITY',
          'PACKAGE-MANAGER',
          'PACKAGE_MANAGER',
        ]),
        referenceLocator: z.string().regex(/^\S+$/, 'must not hold spaces'),
        referenceType: z.string().min(1),
      }),
    )
    .optional(),
  filesAnalyzed: z.boolean().optional(),
  hasFiles: Texts.optional(),
  homepage: Text.optional(),
  licenseComments: Text.optional(),
  licenseConcluded: Text.optional(),
  licenseDeclared: Text.optional(),
  licenseInfoFromFiles: Texts.optional(),
  originator: Agent.optional(),
  packageFileName: Text.optional(),
  packageVerificationCode: z
    .strictObject({
      packageVerificationCodeExcludedFiles: Texts.optional(),
      packageVerificationCodeValue: Text,
    })
    .optional(),
  primaryPackagePurpose: z
    .enum([
      'OTHER',
      'INSTALL',
      'ARCHIVE',
      'FIRMWARE',
      'APPLICATION',
      'FRAMEWORK',
      'LIBRARY',
      'CONTAINER',
      'SOURCE',
      'DEVICE',
      'OPERATING_SYSTEM',
      'FILE',
    ])
    .optional(),
  releaseDate: Time.optional(),
  sourceInfo: Text.optional(),
  summary: Text.optional(),
  supplier: Agent.optional(),
  validUntilDate: Time.optional(),
  versionInfo: Text.optional(),
});

const RELATIONSHIPS =
  'AMENDS ANCESTOR_OF BUILD_DEPENDENCY_OF BUILD_TOOL_OF CONTAINED_BY CONTAINS COPY_OF DATA_FILE_OF ' +
  'DEPENDENCY_MANIFEST_OF DEPENDENCY_OF DEPENDS_ON DESCENDANT_OF DESCRIBED_BY DESCRIBES ' +
  'DEV_DEPENDENCY_OF DEV_TOOL_OF DISTRIBUTION_ARTIFACT DOCUMENTATION_OF DYNAMIC_LINK EXAMPLE_OF ' +
  'EXPANDED_FROM_ARCHIVE FILE_ADDED FILE_DELETED FILE_MODIFIED GENERATED_FROM GENERATES ' +
  'HAS_PREREQUISITE METAFILE_OF OPTIONAL_COMPONENT_OF OPTIONAL_DEPENDENCY_OF OTHER PACKAGE_OF ' +
  'PATCH_APPLIED PATCH_FOR PREREQUISITE_FOR PROVIDED_DEPENDENCY_OF REQUIREMENT_DESCRIPTION_FOR ' +
  'RUNTIME_DEPENDENCY_OF SPECIFICATION_FOR STATIC_LINK TEST_CASE_OF TEST_DEPENDENCY_OF TEST_OF ' +
  'TEST_TOOL_OF VARIANT_OF';

/** Files and snippets are none of ours: only what holds them together is looked at. */
const Element = z.looseObject({ SPDXID: ElementId });

export const SpdxDocument = z.strictObject({
  SPDXID: z.literal('SPDXRef-DOCUMENT'),
  spdxVersion: z.literal('SPDX-2.3'),
  name: z.string().min(1),
  dataLicense: z.literal('CC0-1.0'),
  documentNamespace: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+$/, 'must be a URI without a fragment'),
  creationInfo: z.strictObject({
    created: Time,
    creators: z.array(Agent).min(1),
    comment: Text.optional(),
    licenseListVersion: Text.optional(),
  }),
  comment: Text.optional(),
  annotations: z.array(Annotation).optional(),
  externalDocumentRefs: z
    .array(z.strictObject({ checksum: Checksum, externalDocumentId: Text, spdxDocument: Text }))
    .optional(),
  hasExtractedLicensingInfos: z
    .array(z.looseObject({ extractedText: Text, licenseId: Text }))
    .optional(),
  revieweds: z.array(z.looseObject({ reviewDate: Time })).optional(),
  documentDescribes: Texts.optional(),
  packages: z.array(Package).optional(),
  files: z.array(Element).optional(),
  snippets: z.array(Element).optional(),
  relationships: z
    .array(
      z.strictObject({
        spdxElementId: Related,
        relationshipType: z.enum(RELATIONSHIPS.split(' ')),
        relatedSpdxElement: Related,
        comment: Text.optional(),
      }),
    )
    .optional(),
});
export type SpdxDocument = z.infer<typeof SpdxDocument>;

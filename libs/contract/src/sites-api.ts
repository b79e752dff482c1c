import { DsseEnvelope } from '@touchstone/attest';
import { z } from 'zod';
import { Sha256Hex } from './source.js';
import { defineRoutes } from './route.js';

const Timestamp = z.iso.datetime({ offset: false });

export const SiteName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/);

export const SiteRegistration = z.strictObject({
  site: SiteName,
  /** Base64 of the DER SubjectPublicKeyInfo of the device that acknowledges, P-256. */
  device: z.string().min(1).max(256),
  /** What the device had counted before its first import for this site. */
  counter: z.number().int().min(0).max(2_097_151).default(0),
  /** Seconds of silence after which the site is overdue. */
  overdueAfter: z
    .number()
    .int()
    .min(1)
    .max(10 * 365 * 86_400)
    .default(30 * 86_400),
});

/** `forked` outranks `overdue`. */
export const SiteAlarm = z.enum(['forked', 'overdue']);

export const Site = z.object({
  site: SiteName,
  device: z.string(),
  keyId: Sha256Hex,
  overdueAfter: z.number().int(),
  registeredAt: Timestamp,
  /** The last thing that the device said; none before the first acknowledgement came back. */
  acknowledgement: z
    .object({
      checkpoint: z.object({
        origin: z.string(),
        size: z.number().int().nonnegative(),
        root: Sha256Hex,
      }),
      verdict: z.string(),
      counter: z.number().int(),
      serial: z.string(),
      trustRootVersion: z.number().int(),
      receivedAt: Timestamp,
      logIndex: z.number().int().nonnegative(),
    })
    .optional(),
  alarm: SiteAlarm.optional(),
  /** Acknowledgements of trees that are not the log's, as they were signed: the proof. */
  forks: z.array(z.object({ reason: z.string(), envelope: z.string(), receivedAt: Timestamp })),
});

const BySite = z.strictObject({ site: SiteName });

/** Sites behind an air gap, as the coordinator sees them. */
export const siteRoutes = defineRoutes({
  addSite: {
    method: 'POST',
    path: '/v1/sites',
    summary: 'Register a site with the key of its device; once more to change when it is overdue',
    auth: 'admin',
    body: SiteRegistration,
    response: Site,
    status: 201,
  },
  sites: {
    method: 'GET',
    path: '/v1/sites',
    summary: 'All sites: where each stands by its last acknowledgement, and alarms',
    auth: 'none',
    response: z.object({ items: z.array(Site) }),
  },
  acknowledge: {
    method: 'POST',
    path: '/v1/sites/{site}/acknowledgements',
    summary: "Bring a site's acknowledgement: verified by its device's key, then logged",
    auth: 'submitter',
    params: BySite,
    body: z.strictObject({ envelope: DsseEnvelope }),
    response: Site,
  },
});

export type Site = z.infer<typeof Site>;

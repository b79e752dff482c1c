import type { z } from 'zod';

/**
 * One route of an HTTP API as data. The servers parse with it, the typed client is made from it,
 * and so is the OpenAPI document: there is no second description to fall out of step.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Path template in the form of OpenAPI: `/v1/artifacts/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Who may call: anyone, or the holder of a token of that kind. */
  readonly auth: 'none' | 'admin' | 'submitter' | 'rebuilder' | 'log-writer';
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** JSON body, or raw bytes. */
  readonly body?: z.ZodType | 'bytes';
  /** The JSON answer; `bytes` and `text` answers are passed through unparsed, `none` is a 204. */
  readonly response: z.ZodType | 'bytes' | 'text' | 'none';
  /** The status of success, 200 unless told. */
  readonly status?: number;
}

export type Routes = Readonly<Record<string, Route>>;

/** Keeps the literal types of a route table while checking its shape. */
export function defineRoutes<const T extends Routes>(routes: T): T {
  return routes;
}

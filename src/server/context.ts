import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { RegistryStore } from '#oci/store';
import type { Limits } from './limits.ts';

/** What the routes work with. */
export interface RegistryContext {
  readonly store: RegistryStore;
  /** Nothing may be written or deleted. */
  readonly readOnly: boolean;
  /** Manifests, tags and blobs may be deleted. */
  readonly deletes: boolean;
  /** The largest blob that is taken in. */
  readonly maxBlobBytes: number;
  /** What is held in memory for clients. */
  readonly limits: Limits;
}

/** What Hono is told of a request beside the request. */
export interface RegistryEnv {
  Bindings: Partial<HttpBindings>;
}

/** The Hono app of the registry. */
export type RegistryApp = Hono<RegistryEnv>;

/** One request to it. */
export type RegistryRequest = Context<RegistryEnv>;

/** The sockets behind a request: none where the app is called without a server. */
export function socketsOf(c: RegistryRequest): Partial<HttpBindings> {
  const env: Partial<HttpBindings> | undefined = c.env;
  return env ?? {};
}

/** Tells old clients that this is a registry; new ones go by the answers alone. */
export const API_VERSION = { 'Docker-Distribution-API-Version': 'registry/2.0' } as const;

/** The path of a repository; whether it is one is checked by the handler, which can say what is wrong. */
export const REPOSITORY_PATH = '/v2/:name{.+}';

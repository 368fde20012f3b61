import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { Limits } from './limits.ts';
import type { Principal, StoreFor } from './principal.ts';

/** What the routes of the registry work with. */
export interface RegistryContext {
  /** Asked for the tenant of each request's principal, and for no other: `storeOf` in registry/request.ts. */
  readonly storeFor: StoreFor;
  /** Nothing may be written or deleted. */
  readonly readOnly: boolean;
  /** Manifests, tags and blobs may be deleted. */
  readonly deletes: boolean;
  /** The largest blob that is taken in. */
  readonly maxBlobBytes: number;
  /** What is held in memory for clients. */
  readonly limits: Limits;
}

/** What Hono knows of a request beside the request. */
export interface ServerEnv {
  Bindings: Partial<HttpBindings>;
  Variables: {
    /** Who it is from: set by the guard. */
    principal: Principal;
  };
}

/** What each app of this server is given beside its own context. */
export interface AppParts {
  /** Finds out who each request is from, before all routes that are added after it, and refuses what nobody may do. */
  readonly guard: (app: ServerApp) => void;
  /** Told of every fault of this side, with what the client is not told. */
  readonly report?: ((error: unknown) => void) | undefined;
}

/** A Hono app of this server. */
export type ServerApp = Hono<ServerEnv>;

/** One request to an app of this server. */
export type ServerRequest = Context<ServerEnv>;

/** The sockets behind a request: none where the app is called without a server. */
export function socketsOf(c: ServerRequest): Partial<HttpBindings> {
  const env: Partial<HttpBindings> | undefined = c.env;
  return env ?? {};
}

/** Tells old clients that this is a registry; new ones go by the answers alone. */
export const API_VERSION = { 'Docker-Distribution-API-Version': 'registry/2.0' } as const;

/** The path of a repository; whether it is one is checked by the handler, which can say what is wrong. */
export const REPOSITORY_PATH = '/v2/:name{.+}';

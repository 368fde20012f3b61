import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { Limits } from './limits.ts';
import type { Principal, StoreFor } from './principal.ts';

/** What the routes of every app are given. */
export interface ServerContext {
  /** Memory budgets for clients. */
  readonly limits: Limits;
}

/** The dependencies and limits of the registry's routes. */
export interface RegistryContext extends ServerContext {
  /** Asked for the tenant of each request's principal, and for no other: `storeOf` in registry/request.ts. */
  readonly storeFor: StoreFor;
  /** Refuses writes and deletes. */
  readonly readOnly: boolean;
  /** Manifests, tags and blobs may be deleted. */
  readonly deletes: boolean;
  /** The largest blob that is accepted. */
  readonly maxBlobBytes: number;
}

/** The Hono environment of a request. */
export interface ServerEnv {
  Bindings: Partial<HttpBindings>;
  Variables: {
    /** Who it is from: set by the guard. */
    principal: Principal;
  };
}

/** What each app of this server is given beside its own context. */
export interface AppParts {
  /** Authenticates each request to the routes that are added after it. */
  readonly guard: (app: ServerApp) => void;
  /** Called with every internal error, with details that the client does not get. */
  readonly report?: ((error: unknown) => void) | undefined;
}

/** A Hono app of this server. */
export type ServerApp = Hono<ServerEnv>;

/** One request to an app of this server. */
export type ServerRequest = Context<ServerEnv>;

/** The sockets of a request; none if the app is called without a server. */
export function socketsOf(c: ServerRequest): Partial<HttpBindings> {
  const env: Partial<HttpBindings> | undefined = c.env;
  return env ?? {};
}

/** Old clients require this header to recognize a registry. */
export const API_VERSION = { 'Docker-Distribution-API-Version': 'registry/2.0' } as const;

/** The path of a repository; the handler validates the name, so that it can report what is wrong. */
export const REPOSITORY_PATH = '/v2/:name{.+}';

import type { RegistryStore } from '#oci/store';

/** The permissions of a principal: a `reader` reads, a `writer` pushes and deletes. */
export type Role = 'reader' | 'writer';

/** The authenticated (or anonymous) client of a request. The guard sets it before any route runs. */
export interface Principal {
  /** The user name; undefined for an anonymous client. */
  readonly user: string | undefined;
  /** The tenant whose data it sees. */
  readonly tenant: string;
  readonly roles: ReadonlySet<Role>;
}

/** The tenant and the roles of a user, or of anonymous clients. */
export type GrantsOf = (user: string | undefined) => Omit<Principal, 'user'>;

/** The store of a tenant; undefined if the tenant does not exist (404). */
export type StoreFor = (tenant: string) => RegistryStore | undefined;

/** All permissions. */
export const ALL_ROLES: ReadonlySet<Role> = new Set<Role>(['reader', 'writer']);

/** Finds the one store of a server with one tenant. */
export function singleTenant(store: RegistryStore): StoreFor {
  return (tenant) => (tenant === store.tenant ? store : undefined);
}

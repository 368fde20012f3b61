import type { RegistryStore } from '#oci/store';

/** What somebody may do: a `reader` reads, a `writer` pushes and deletes. */
export type Role = 'reader' | 'writer';

/** Who a request is from. Every request has one, before any route sees it. */
export interface Principal {
  /** The name that it logged in with; undefined for anybody. */
  readonly user: string | undefined;
  /** Whose data it sees. */
  readonly tenant: string;
  readonly roles: ReadonlySet<Role>;
}

/** The tenant and the roles of a user, or of those who did not log in. */
export type GrantsOf = (user: string | undefined) => Omit<Principal, 'user'>;

/** The store of a tenant; undefined where there is no such tenant, which is answered as 404. */
export type StoreFor = (tenant: string) => RegistryStore | undefined;

/** What may be done by those who may do everything. */
export const ALL_ROLES: ReadonlySet<Role> = new Set<Role>(['reader', 'writer']);

/** Finds the one store of a server with one tenant. */
export function singleTenant(store: RegistryStore): StoreFor {
  return (tenant) => (tenant === store.tenant ? store : undefined);
}

export type { Credential } from './auth.ts';
export { SharedConnections } from './http/shared-connections.ts';
export { listRepositories, openRegistry, type RegistryOptions } from './open.ts';

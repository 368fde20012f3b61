export type { Credential } from './auth.ts';
export { SharedConnections } from './http/shared-connections.ts';
export { type HttpService, listRepositories, openRegistry, openService, type RegistryOptions } from './open.ts';

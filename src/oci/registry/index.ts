export type { Credential } from './auth.ts';
export { listRepositories, openRegistry, type RegistryOptions } from './open.ts';

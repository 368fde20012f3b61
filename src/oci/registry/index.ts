export type { Credential } from './auth.ts';
export { openRegistry, type RegistryOptions } from './open.ts';

export { Authenticator } from './auth/authenticator.ts';
export { type Credential, type CredentialSource, fixedCredential, storedCredentials } from './auth/credentials.ts';
export { mergeScopes, repositoryScope, type Scopes } from './auth/scopes.ts';
export type { TokenExchange } from './auth/token.ts';

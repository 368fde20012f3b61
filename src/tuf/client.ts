// Public entry of client/: what verifies a repository.

export type { WaivedExpiry } from './client/context.ts';
export { refreshRepository } from './client/refresh.ts';
export { parseTrustedRoot, verifySuccessor } from './client/roots.ts';
export { directorySource, type TufSource } from './client/source.ts';
export { type ClientState, directoryState, memoryState } from './client/state.ts';
export type { TrustedRepository } from './client/trusted.ts';

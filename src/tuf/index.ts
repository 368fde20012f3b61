export type { WaivedExpiry } from './client/context.ts';
export { type RefreshOptions, refreshRepository } from './client/refresh.ts';
export { directorySource, type TufSource } from './client/source.ts';
export { type ClientState, directoryState } from './client/state.ts';
export type { FoundTarget, TrustedRepository } from './client/trusted.ts';

// Public entry of pull/: the client of a server of mirrors.

export type { KitServer, PullBases } from './pull/kit-server.ts';
export { type PulledKit, pullKit } from './pull/pull-kit.ts';
export { findServedSnapshot } from './pull/served-snapshot.ts';

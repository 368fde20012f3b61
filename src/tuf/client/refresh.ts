import { CodedError, compareInstants, type Instant } from '#core';
import type { ClientContext } from './context.ts';
import { trustSnapshot, trustTimestamp } from './freshness.ts';
import { trustRoot } from './roots.ts';
import type { TufSource } from './source.ts';
import type { ClientState } from './state.ts';
import { TrustedRepository } from './trusted.ts';

/** What a refresh starts from. */
export interface RefreshOptions {
  /** The root that the user trusts: it must not come with the repository. */
  readonly trustedRoot: Uint8Array;
  readonly source: TufSource;
  readonly state: ClientState;
  /** The time at which everything has to be valid. */
  readonly at: Instant;
  /** For how many seconds after their expiry timestamp and snapshot are still accepted; 0 unless told. */
  readonly acceptExpired?: number | undefined;
}

/**
 * The client workflow of the specification (§5.3 to §5.6) up to the top-level targets. Each document is written to the
 * state as soon as it is verified.
 *
 * @throws CodedError ERR_EXPORT_TUF_CLOCK where `at` is before the latest time that the state knows, ERR_EXPORT_LOCKED,
 *   ERR_EXPORT_NOT_FOUND, ERR_EXPORT_TUF_INVALID, ERR_EXPORT_TUF_MISMATCH, ERR_EXPORT_TUF_ROLLBACK,
 *   ERR_EXPORT_TUF_EXPIRED, ERR_EXPORT_SIGNATURE_INVALID
 */
export function refreshRepository(options: RefreshOptions): Promise<TrustedRepository> {
  const { source, state, at, acceptExpired = 0 } = options;
  const context: ClientContext = { source, state, at, acceptExpired, waived: [], ignored: [] };
  return state.exclusively(async () => {
    const latest = await state.readTime();
    if (latest !== undefined && compareInstants(at, latest) < 0) throw clockSetBack(at, latest);
    const root = await trustRoot(context, options.trustedRoot);
    const timestamp = await trustTimestamp(context, root);
    const snapshot = await trustSnapshot(context, root, timestamp);
    const repository = new TrustedRepository(context, root, snapshot);
    await repository.targets();
    if (latest !== at) await state.writeTime(at);
    return repository;
  });
}

function clockSetBack(at: Instant, latest: Instant): CodedError {
  return new CodedError('ERR_EXPORT_TUF_CLOCK', `the time is ${at}, but this state was used at ${latest}`, {
    hint: 'set the clock, or specify the right time with --at; if the later time was wrong, delete latest-known-time in the state',
    details: { at, latest },
  });
}

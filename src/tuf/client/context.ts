import { addSeconds, compareInstants, type Instant, isCoded } from '#core';
import { metadataInvalid } from '../faults.ts';
import { type Envelope, requireCurrent, type Signed } from '../metadata.ts';
import type { TufSource } from './source.ts';
import type { ClientState } from './state.ts';

/** An expiry that was not enforced. */
export interface WaivedExpiry {
  readonly role: 'timestamp' | 'snapshot';
  readonly version: number;
  readonly expires: Instant;
}

/** What one refresh works with. */
export interface ClientContext {
  readonly source: TufSource;
  readonly state: ClientState;
  /** The time at which everything has to be valid. */
  readonly at: Instant;
  /** For how many seconds after their expiry timestamp and snapshot are still accepted. */
  readonly acceptExpired: number;
  readonly waived: WaivedExpiry[];
  /** Documents of the state that did not verify, and why. */
  readonly ignored: string[];
}

/**
 * A document of the state, if it is there and verifies. One that does not is ignored: keys may have been rotated, and
 * the state is not trusted.
 */
export async function readLocal<T extends Signed>(
  { state, ignored }: ClientContext,
  document: string,
  verify: (bytes: Uint8Array, name: string) => Envelope<T>,
): Promise<Envelope<T> | undefined> {
  const name = `${document}.json of the state`;
  try {
    const bytes = await state.read(document);
    return bytes === undefined ? undefined : verify(bytes, name);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_TUF_INVALID', 'ERR_EXPORT_SIGNATURE_INVALID', 'ERR_EXPORT_TUF_MISMATCH'))
      throw error;
    // That the state has an older version is how it should be.
    if (error.code !== 'ERR_EXPORT_TUF_MISMATCH') ignored.push(error.message);
    return undefined;
  }
}

/**
 * As requireCurrent for timestamp and snapshot, whose expiry may be waived for a while; what is waived is recorded.
 *
 * @throws CodedError ERR_EXPORT_TUF_EXPIRED
 */
export function requireTimely(context: ClientContext, role: WaivedExpiry['role'], envelope: Envelope): void {
  const { version, expires } = envelope.signed;
  const { at, acceptExpired, waived } = context;
  if (compareInstants(at, expires) < 0) return;
  if (compareInstants(at, addSeconds(expires, acceptExpired)) >= 0) requireCurrent(envelope, at);
  waived.push({ role, version, expires });
}

/** How many bytes of a file are asked for: as many as are signed for, but never more than `cap`. */
export function bytesToRead(name: string, length: number | undefined, cap: number): number {
  if (length === undefined || length <= cap) return length ?? cap;
  throw metadataInvalid(name, `${length} bytes are signed for, more than ${cap}`);
}

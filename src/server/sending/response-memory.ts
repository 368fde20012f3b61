import { clientOf } from '../access.ts';
import { type ServerContext, type ServerRequest, socketsOf } from '../context.ts';

/** The client must have received a response in memory within `ms`, plus its size divided by `bytesPerMs`. */
const DEADLINE = { ms: 30_000, bytesPerMs: 16 };
/** Smaller responses are not counted: a connection itself costs as much. */
const COUNTED_BYTES = 32 * 1024;

/**
 * Reserves memory for a response until it is sent, the client disconnects, or the client takes too long.
 *
 * @throws HttpProblem ERR_EXPORT_RATE_LIMITED
 */
export function reserveResponse(c: ServerRequest, { limits }: ServerContext, sizeBytes: number): void {
  const { outgoing } = socketsOf(c);
  if (sizeBytes < COUNTED_BYTES || outgoing === undefined) return;
  const client = clientOf(c, limits.behindProxy);
  limits.answers.reserve(client, sizeBytes);
  const late = setTimeout(() => outgoing.destroy(), DEADLINE.ms + sizeBytes / DEADLINE.bytesPerMs);
  const end = (): void => {
    clearTimeout(late);
    limits.answers.release(client, sizeBytes);
  };
  if (outgoing.closed) end();
  else outgoing.once('close', end);
}

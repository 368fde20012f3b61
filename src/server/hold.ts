import { clientOf } from './access/client-address.ts';
import { type RegistryContext, type ServerRequest, socketsOf } from './context.ts';

/** An answer in memory must have been taken by then, and so much longer for each byte. */
const DEADLINE = { ms: 30_000, bytesPerMs: 16 };
/** What is less is not counted: connections cost as much. */
const COUNTED_BYTES = 32 * 1024;

/**
 * Counts an answer that is sent from memory until it is sent, or its client has gone or taken too long.
 *
 * @throws HttpProblem ERR_EXPORT_RATE_LIMITED
 */
export function holdAnswer(c: ServerRequest, { limits }: RegistryContext, sizeBytes: number): void {
  const { outgoing } = socketsOf(c);
  if (sizeBytes < COUNTED_BYTES || outgoing === undefined) return;
  const client = clientOf(c, limits.behindProxy);
  limits.answers.take(client, sizeBytes);
  const late = setTimeout(() => outgoing.destroy(), DEADLINE.ms + sizeBytes / DEADLINE.bytesPerMs);
  const end = (): void => {
    clearTimeout(late);
    limits.answers.give(client, sizeBytes);
  };
  if (outgoing.closed) end();
  else outgoing.once('close', end);
}

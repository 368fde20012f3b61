import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '#core';

/**
 * Writes the body of a response. Node forgets the callback of a write to a socket that was cut a moment before, so the
 * end of the socket is listened for as well: nobody waits for ever, with a file open, for a client that went away.
 */
export class Outlet {
  readonly #outgoing: ServerResponse;
  readonly #socket: Socket;
  /** What to do with each write that is under way when the socket ends. */
  readonly #waiting = new Set<() => void>();

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
    this.#socket = outgoing.req.socket;
    this.#socket.once('close', this.#end);
  }

  /** Writes, and waits until the system has taken the bytes over. @throws CodedError ERR_EXPORT_NETWORK */
  write(piece: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const gone = (cause?: Error | null): void => {
      reject(new CodedError('ERR_EXPORT_NETWORK', 'the client went away', { hint: 'ask for the rest', cause }));
    };
    this.#waiting.add(gone);
    this.#outgoing.write(piece, (cause) => {
      this.#waiting.delete(gone);
      if (cause === undefined || cause === null) resolve();
      else gone(cause);
    });
    if (this.#socket.closed) this.#end();
    return promise;
  }

  [Symbol.dispose](): void {
    this.#socket.off('close', this.#end);
  }

  readonly #end = (): void => {
    for (const gone of this.#waiting) gone();
    this.#waiting.clear();
  };
}

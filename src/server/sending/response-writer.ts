import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '#core';

/**
 * Writes the body of a response. Node never calls back for a write to a socket that was just closed, so this listens for
 * the socket's end as well; otherwise the write would wait forever, with a file open.
 */
export class ResponseWriter {
  readonly #outgoing: ServerResponse;
  readonly #socket: Socket;
  /** Rejects each pending write when the socket closes. */
  readonly #waiting = new Set<() => void>();

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
    this.#socket = outgoing.req.socket;
    this.#socket.once('close', this.#end);
  }

  /** Writes, and resolves when the bytes were handed to the operating system. @throws CodedError ERR_EXPORT_NETWORK */
  write(piece: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (cause?: Error | null): void => {
      reject(
        new CodedError('ERR_EXPORT_NETWORK', 'the client closed the connection', {
          hint: 'request the remaining range',
          cause,
        }),
      );
    };
    this.#waiting.add(fail);
    this.#outgoing.write(piece, (cause) => {
      this.#waiting.delete(fail);
      if (cause === undefined || cause === null) resolve();
      else fail(cause);
    });
    if (this.#socket.closed) this.#end();
    return promise;
  }

  [Symbol.dispose](): void {
    this.#socket.off('close', this.#end);
  }

  readonly #end = (): void => {
    for (const fail of this.#waiting) fail();
    this.#waiting.clear();
  };
}

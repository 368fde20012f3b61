/** The other end of a connection that a helper thread makes. */
export interface Peer {
  readonly host: string;
  readonly port: number;
  /** The addresses of the host, which no thread resolves anew; undefined where the host is an address itself. */
  readonly addresses: readonly PeerAddress[] | undefined;
  /** How long connecting may take. */
  readonly connectMs: number;
  /** How long the other side may be silent. */
  readonly idleMs: number;
  /** PEM of the TLS connection; undefined for plain TCP. */
  readonly tls?: PeerTls | undefined;
}

/** An address, and 4 or 6. */
export interface PeerAddress {
  readonly address: string;
  readonly family: number;
}

/** As in the options of tls.connect: authorities in place of Node's, and the certificate of the client. */
export interface PeerTls {
  readonly ca?: readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * A file that a helper thread writes, and that can take bytes from a connection of that thread: they never reach this
 * one. Who reads such a stream gets receipts, chunks of which only the length counts and that stand for bytes in the
 * file already; the writer of the file recognizes them, and throws the faults of the file when it is given one.
 */
export interface ReceivingFile {
  /**
   * Connects, and sends a request.
   *
   * @param request one character a byte
   * @throws Error with a `code`, as of sockets; also while the connection is read
   */
  connect(peer: Peer, request: string): Promise<ReceivingConnection>;
}

/** A connection of a helper thread. */
export interface ReceivingConnection {
  /** The next bytes that come, on this thread. */
  next(): Promise<Uint8Array>;
  /** Appends the next bytes that come to the file, and gives receipts for them. */
  receive(sizeBytes: number): AsyncIterable<Uint8Array>;
  /** Closes it; nothing more is appended. */
  end(): void;
}

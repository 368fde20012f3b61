import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const REQUEST_LINE = /\b(?:HEAD|GET|POST|PUT|PATCH|DELETE) \/[!-~]* HTTP\/1\.1\r\n/g;

/** A TCP proxy in front of a registry on this machine that acts before a certain request passes, counted from 1. */
export class RequestGate {
  /** What happens before request number `count` passes. */
  act: { readonly count: number; readonly run: () => void } | undefined;
  #requests = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
      }
      client.on('data', (piece: Buffer) => {
        this.#count(piece);
        upstream.write(piece);
      });
      client.once('close', () => upstream.end());
      upstream.once('close', () => client.destroySoon());
      upstream.pipe(client);
    });
  }

  /** @param port of the registry */
  static async start(port: number): Promise<RequestGate> {
    const gate = new RequestGate(port);
    gate.#server.listen(0, '127.0.0.1');
    await once(gate.#server, 'listening');
    return gate;
  }

  /** HOST:PORT to reach the registry by. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests have come since this was called last. */
  takeCount(): number {
    const count = this.#requests;
    this.#requests = 0;
    return count;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #count(piece: Buffer): void {
    for (const _ of piece.toString('latin1').matchAll(REQUEST_LINE)) {
      if (++this.#requests === this.act?.count) this.act.run();
    }
  }
}

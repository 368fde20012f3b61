import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** So slow that little of what was sent is on its way when an end dies. */
const BETWEEN_RESTS = 256 * 1024;
const REST_MS = 4;

/** A TCP proxy in front of a server on this machine that counts what passes, and lets it pass slowly. */
export class PacedProxy {
  /** Bytes to the server and from it. */
  readonly passed = { up: 0, down: 0 };
  readonly #server: Server;
  readonly #restMs: number;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, restMs: number) {
    this.#restMs = restMs;
    this.#server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      void this.#pass(client, upstream, 'up');
      void this.#pass(upstream, client, 'down');
    });
  }

  /** @param restMs how long it rests after each 256 KiB */
  static async start(port: number, restMs = REST_MS): Promise<PacedProxy> {
    const proxy = new PacedProxy(port, restMs);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until nothing has passed for half a second, so that what was on its way has arrived. */
  async quiet(): Promise<void> {
    let before = -1;
    for (let now = this.#total(); now !== before; now = this.#total()) {
      before = now;
      await delay(500);
    }
  }

  #total(): number {
    return this.passed.up + this.passed.down;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #pass(from: Socket, to: Socket, direction: 'up' | 'down'): Promise<void> {
    this.#sockets.add(from);
    let sinceRest = 0;
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        this.passed[direction] += piece.byteLength;
        if (!to.write(piece)) await once(to, 'drain');
        sinceRest += piece.byteLength;
        if (sinceRest < BETWEEN_RESTS) continue;
        sinceRest = 0;
        await delay(this.#restMs);
      }
      to.end();
    } catch {
      to.destroy();
    }
    this.#sockets.delete(from);
  }
}

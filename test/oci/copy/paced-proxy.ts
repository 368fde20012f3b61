import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How much passes between two looks at what has arrived. */
const STRIDE = 256 * 1024;

/**
 * A TCP proxy in front of a server on this machine that counts what passes, and holds back what comes while too much
 * is on its way: however slow either end is, little is lost when one dies.
 */
export class PacedProxy {
  /** Bytes to the server and from it. */
  readonly passed = { up: 0, down: 0 };
  /** Whether more may pass; asked after each 256 KiB until it says yes. */
  mayPass: () => Promise<boolean> = async () => true;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      void this.#pass(client, upstream, 'up');
      void this.#pass(upstream, client, 'down');
    });
  }

  static async start(port: number): Promise<PacedProxy> {
    const proxy = new PacedProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until every connection has ended at both sides, so that what was on its way has arrived. */
  async quiet(): Promise<void> {
    while (this.#sockets.size > 0) await delay(5);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #pass(from: Socket, to: Socket, direction: 'up' | 'down'): Promise<void> {
    this.#sockets.add(from);
    from.on('error', () => undefined).once('close', () => this.#sockets.delete(from));
    let sinceLook = 0;
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (!to.write(piece)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
        if (to.destroyed) break;
        this.passed[direction] += piece.byteLength;
        sinceLook += piece.byteLength;
        if (sinceLook < STRIDE) continue;
        sinceLook = 0;
        while (!to.destroyed && !(await this.mayPass())) await delay(1);
      }
      to.end();
    } catch {
      to.destroy();
    }
  }
}

import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** A connection on which the test writes what it likes. */
export async function dial(address: string): Promise<Socket> {
  const at = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** Sends a request as it stands and gives the whole answer; the request must ask for the connection to be closed. */
export async function exchange(address: string, request: string): Promise<string> {
  const socket = await dial(address);
  socket.write(request);
  return await text(socket).catch(() => '');
}

/** A request without a body. */
export function bare(method: string, target: string): string {
  return `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

import { once } from 'node:events';
import { connect } from 'node:net';

const WINDOW_BYTES = 1024 * 1024;

/**
 * Reads a blob over a socket and throws the bytes away, so that the time is the server's.
 *
 * @returns seconds from the request to the last byte
 * @throws Error when the answer is not a 200 with `sizeBytes` bytes
 */
export async function readRaw(host: string, path: string, sizeBytes: number): Promise<number> {
  const { hostname, port } = new URL(`http://${host}`);
  let received = 0;
  let head = '';
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: new Uint8Array(WINDOW_BYTES),
      callback: (read, buffer) => {
        if (received === 0) head = Buffer.from(buffer.subarray(0, Math.min(read, 4096))).toString('latin1');
        received += read;
        return true;
      },
    },
  });
  await once(socket, 'connect');
  const started = performance.now();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  await once(socket, 'close');
  const seconds = (performance.now() - started) / 1000;
  const headBytes = head.indexOf('\r\n\r\n') + 4;
  if (!head.startsWith('HTTP/1.1 200 ') || received - headBytes !== sizeBytes) {
    throw new Error(`${host}${path}: ${received} bytes, beginning with ${JSON.stringify(head.slice(0, 200))}`);
  }
  return seconds;
}

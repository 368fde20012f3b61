import { PassThrough, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';

/** A world for a command: what it writes is kept, what it asks is answered. */
export interface FakeIo extends Io {
  out(): string;
  err(): string;
  interrupt(): void;
}

interface FakeWorld {
  env?: Record<string, string>;
  terminal?: boolean;
  /** Of the terminal. */
  columns?: number;
  typed?: string;
}

/** A world with nobody at the keyboard, unless told otherwise. */
export function fakeIo(world: FakeWorld = {}): FakeIo {
  const [stdout, out] = keeper();
  const [errors, err] = keeper();
  const stderr = Object.assign(errors, world.columns === undefined ? {} : { columns: world.columns });
  const stdin = new PassThrough();
  const controller = new AbortController();
  const typing = world.typed === undefined ? {} : { isTTY: true, setRawMode: () => stdin.write(world.typed as string) };
  return {
    stdout,
    archiveOut: () => stdout,
    stderr,
    stdin: Object.assign(stdin, typing),
    env: world.env ?? {},
    terminal: world.terminal ?? false,
    signal: controller.signal,
    out,
    err,
    interrupt: () => controller.abort('SIGINT'),
  };
}

function keeper(): [Writable, () => string] {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return [stream, () => text];
}

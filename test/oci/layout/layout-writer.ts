import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A process that writes artifacts; see layout-writer.process.ts. */
export interface Writer {
  /** The tags that were acknowledged so far. */
  readonly tagged: ReadonlySet<string>;
  /** When the first is acknowledged, or the process ends. */
  readonly firstTag: Promise<unknown>;
  /** The exit status; null after a kill. */
  readonly ended: Promise<number | null>;
  kill(): Promise<void>;
}

export function startWriter(reference: string, prefix: string, count: number, layerBytes: number): Writer {
  const script = join(import.meta.dirname, 'layout-writer.process.ts');
  const args = [script, reference, prefix, String(count), String(layerBytes)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const tagged = new Set<string>();
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    for (const [, tag] of text.matchAll(/tagged (\S+)\n/g)) tagged.add(tag as string);
  });
  // Both its end and the end of what it said: the last words may come after the exit.
  const ended = once(child, 'close').then(([status]) => status as number | null);
  return {
    tagged,
    firstTag: Promise.race([once(child.stdout, 'data'), ended]),
    ended,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

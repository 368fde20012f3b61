import { writeSync } from 'node:fs';
import { packageVersion } from './version.ts';

/** Answers `--version` without the rest of the program, whose loading would take longer. */
function tellVersion(): boolean {
  try {
    writeSync(1, `${packageVersion()}\n`);
    return true;
  } catch {
    // A full disk, or a reader that has gone: how that ends is decided in one place.
    return false;
  }
}

const [first, ...more] = process.argv.slice(2);
const isVersion = (first === '--version' || first === '-V') && more.length === 0;
if (!(isVersion && tellVersion())) await (await import('./start.ts')).start();

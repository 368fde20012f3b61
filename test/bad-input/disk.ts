import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requirePeer } from '../peers/peers.ts';
import { type CliFixture, type Outcome, program, Running } from './fixture.ts';

/** How a command on such a disk ended, and which files lay on the disk then. */
export interface DiskOutcome extends Outcome {
  readonly files: readonly string[];
}

/** What scripts have beside a shell: `ec NAME ARGS…` runs the program and notes how it ended under the name. */
const PRELUDE = `
mount -t tmpfs -o "$OPTIONS" tmpfs "$DISK"
ec() {
  name=$1
  shift
  status=0
  "$NODE" "$PROGRAM" "$@" >"$NOTES/$name.stdout" 2>"$NOTES/$name.stderr" || status=$?
  echo $status >"$NOTES/$name.exit"
  (cd "$DISK" && find . -mindepth 1 | sort) >"$NOTES/$name.files"
}
resize() { mount -o "remount,$1" "$DISK"; }
`;

/**
 * Runs a shell script that has a file system of its own at `$DISK`, seen by nobody else and gone with it. The working
 * folder is that of the fixture.
 *
 * @param options of the mount: `size=1m`, `ro`
 * @returns how each command ended, by name
 */
export async function onDisk(
  fixture: CliFixture,
  options: string,
  script: string,
): Promise<(name: string) => Promise<DiskOutcome>> {
  const notes = await mkdtemp(join(fixture.path, 'notes-'));
  const disk = join(notes, 'disk');
  await mkdir(disk);
  const env = {
    PATH: process.env['PATH'],
    HOME: fixture.home,
    TMPDIR: fixture.temp,
    COSIGN_PASSWORD: '',
    OPTIONS: options,
    DISK: disk,
    NOTES: notes,
    NODE: process.execPath,
    PROGRAM: program,
  };
  const argv = ['-rm', 'sh', '-euc', `${PRELUDE}${script}`];
  const child = spawn(requirePeer('unshare'), argv, { cwd: fixture.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { exit, stderr } = await new Running(child).outcome();
  if (exit !== 0) throw new Error(`the script ended with ${exit}:\n${stderr}`);
  return async (name) => {
    const [stdout = '', errors = '', status = '', files = ''] = await Promise.all(
      ['stdout', 'stderr', 'exit', 'files'].map((kind) => readFile(join(notes, `${name}.${kind}`), 'utf8')),
    );
    return { exit: Number(status), stdout, stderr: errors, files: files.split('\n').slice(0, -1) };
  };
}

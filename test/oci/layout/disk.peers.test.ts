import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describePeers, type RunResult, runPeer } from '../../peers/peers.ts';

let root: string;

beforeEach(async () => {
  root = await makeTempDir();
  await mkdir(join(root, 'disk'));
});

/** Runs lines of shell in a folder on a file system of its own, where `writer REFERENCE PREFIX COUNT BYTES` writes artifacts. */
function runOn(mountOptions: string, ...lines: string[]): Promise<RunResult> {
  const script = join(import.meta.dirname, 'layout-writer.process.ts');
  const prelude = [
    'mount -t tmpfs -o "$1" tmpfs "$2" && cd "$2" || exit 9',
    'node=$3 script=$4',
    'writer() { "$node" "$script" "$@"; echo "status $?"; }',
  ];
  const args = ['sh', mountOptions, join(root, 'disk'), process.execPath, script];
  return runPeer('unshare', ['-rm', 'sh', '-c', [...prelude, ...lines].join('\n'), ...args]);
}

describePeers(['unshare'], 'a disk that does not do', () => {
  test.each(['oci:layout', 'oci-archive:kit.tar'])(
    'full: %s keeps what it had, leaves no half-written file, and goes on when there is room',
    async (place) => {
      const { stdout, stderr } = await runOn(
        'size=6m',
        `writer ${place} first- 1 1000000`,
        `writer ${place} large- 1 9000000`,
        'find . -name "*.tmp" -o -name "next.tar" -o -name "*.stage.*" -o -name lock',
        'echo left',
        `writer ${place} small- 1 1000`,
      );
      expect(stderr).toContain('ERR_EXPORT_DISK_FULL');
      expect(stdout).toBe('tagged first-0\nstatus 0\nstatus 1\nleft\ntagged small-0\nstatus 0\n');
    },
  );

  test('full: garbage collection makes room, with the manifests that it takes out of the index', async () => {
    const main = join(import.meta.dirname, '../../../src/cli/main.ts');
    const { stdout, stderr } = await runOn(
      'size=6m',
      'writer oci:layout first- 3 500000',
      `run() { "$node" ${main} "$@" 2>&1; echo "status $?"; }`,
      'run untag oci:layout:first-1 >&2; run untag oci:layout:first-2 >&2',
      'find layout -exec touch -d "3 days ago" {} +',
      'cat /dev/zero > filler 2> filler.errors',
      'run tag oci:layout:first-0 more | head -1 | cut -d" " -f2',
      'run gc oci:layout --grace 1h --untagged',
      'run ls oci:layout; run fsck oci:layout; ls -A layout',
    );
    expect(stderr).not.toContain('status 1');
    expect(stdout.split('\n').slice(4)).toEqual([
      'ERR_EXPORT_DISK_FULL:',
      expect.stringMatching(/^oci:layout: deleted 2 manifests, 4 blobs, 0 leftovers, /),
      'status 0',
      'first-0',
      'status 0',
      'oci:layout: 0 missing, 0 damaged, 0 unreachable, 0 leftovers',
      'status 0',
      ...['blobs', 'index.json', 'oci-layout', ''],
    ]);
  });

  test.each(['oci:layout', 'oci-archive:kit.tar'])('read-only: %s says so', async (place) => {
    const { stdout, stderr } = await runOn('ro', `writer ${place} first- 1 1000`);
    expect(stderr).toContain('ERR_EXPORT_NOT_WRITABLE');
    expect(stderr).toContain('read-only');
    expect(stdout).toBe('status 1\n');
  });
});

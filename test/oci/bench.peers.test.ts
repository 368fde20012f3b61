import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand, testPeers } from '../peers/peers.ts';

// Where the peers lie; to them the bench gives a home of its own.
const { HOME = '', XDG_CACHE_HOME = '', EXPORT_CENTER_PEERS = '' } = process.env;
const main = join(import.meta.dirname, '../../bench/main.ts');

testPeers(
  ['oras', 'docker-registry'],
  'the bench of copies compares with a peer and counts what a rerun sends',
  async () => {
    const sizes = ['--rounds', '1', '--large-count', '2', '--large-mib', '1', '--small-count', '3'];
    const args = [main, 'oci', '--only', 'rerun', '--peers', 'oras', ...sizes];
    const { code, stdout, stderr } = await runCommand(process.execPath, args, {
      env: { HOME, XDG_CACHE_HOME, EXPORT_CENTER_PEERS },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const sample of ['2 × 1 MiB', '3 × 16 KiB']) {
      expect(stdout).toContain(`### push again with nothing to send, ${sample}`);
    }
    expect(stdout.match(/^\| (?:ours|oras|oras push) \| \d+\.\d\d \|/gm)).toHaveLength(6);
    expect(stdout.match(/\*\*time \d+\.\d\d × oras(?: push)?\*\*, aim ≤ 0\.3/g)).toHaveLength(4);
    expect(stdout.match(/counted by a proxy: [1-9]\d* requests, none to upload a blob/g)).toHaveLength(2);
  },
);

import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describePeers, requirePeer, runWithoutRoute } from '../peers/peers.ts';
import { cliMain } from './cli.ts';
import { cosigns } from './cosign/cosigns.ts';

/**
 * A terminal in which quickstart runs three times where no packet can leave, another in which the lines are pasted as
 * they were printed: to `sh`, line by line. What each printed, and how it ended, is kept in files.
 */
const script = `
quickstart() { "$NODE" "$MAIN" quickstart --data "$1" >"$2.out" 2>"$2.err" & }
await() { until grep -q 'Serving until Ctrl-C' "$1.out"; do kill -0 "$2"; sleep 0.05; done; }
interrupt() { kill -INT "$1"; status=0; wait "$1" || status=$?; echo "$status" >"$2.status"; }

quickstart data first; first=$!
await first "$first"
sed -n 's/^  \\(cd .*\\)$/\\1/p' first.out >start
sed -n 's/^  \\(\\(oras\\|trivy\\|cosign\\) .*\\)$/\\1/p' first.out >lines
for cosign in $COSIGNS; do
  number=0
  while IFS= read -r line; do
    number=$((number + 1))
    case $line in cosign*) ;; *) [ "$cosign" = cosign3 ] || continue ;; esac
    status=0
    (cd / && PATH="$SESSION/tools/$cosign:$PATH" sh -ec "$(cat "$SESSION/start"); $line") >"$cosign-$number.out" 2>"$cosign-$number.err" || status=$?
    echo "$status" >"$cosign-$number.status"
  done <lines
done

quickstart other second; second=$!
await second "$second"
interrupt "$second" second
interrupt "$first" first
quickstart data third; third=$!
await third "$third"
interrupt "$third" third
`;

describePeers(['oras', 'trivy', 'unshare', 'ip', ...cosigns], 'quickstart where no packet can leave', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await makeTempDir();
    for (const cosign of cosigns) {
      const tools = join(dir, 'tools', cosign);
      await mkdir(tools, { recursive: true });
      await symlink(requirePeer(cosign), join(tools, 'cosign'));
      for (const peer of ['oras', 'trivy'] as const) await symlink(requirePeer(peer), join(tools, peer));
    }
    const env = { NODE: process.execPath, MAIN: cliMain, COSIGNS: cosigns.join(' '), SESSION: dir };
    const { code, stderr } = await runWithoutRoute(['bash', '-euc', script], { cwd: dir, env, timeoutMs: 200_000 });
    if (code !== 0) throw new Error(`the session ended with ${code}:\n${stderr}\n${await text('first.err')}`);
  }, 240_000);

  const text = (name: string): Promise<string> => readFile(join(dir, name), 'utf8').catch(() => '');
  const digests = (printed: string) => printed.match(/^ {2}sha256:[0-9a-f]{64}$/gm);

  test('exports, signs, verifies, and serves at 8080', async () => {
    const printed = await text('first.out');
    expect(await text('first.err')).toBe('');
    expect(digests(printed)).toHaveLength(2);
    expect(printed.match(/sent; signed, with provenance$/gm)).toHaveLength(2);
    expect(printed.match(/^ {2}verified with the public key alone/gm)).toHaveLength(2);
    expect(printed).toContain('registry http://127.0.0.1:8080,');
  });

  test('a port that is taken is passed over', async () => {
    expect(await text('second.out')).toContain('registry http://127.0.0.1:8081,');
    expect(digests(await text('second.out'))).toEqual(digests(await text('first.out')));
  });

  test('a second run sends 0 bytes, signs nothing anew, and gives the same digests', async () => {
    const printed = await text('third.out');
    expect(digests(printed)).toEqual(digests(await text('first.out')));
    expect(printed.match(/ 0 bytes sent; signature and provenance already present, nothing signed$/gm)).toHaveLength(2);
    expect(printed).toMatch(/^signing key SHA256:\S+, found in /m);
  });

  test('Ctrl-C is a good end', async () => {
    for (const run of ['first', 'second', 'third']) expect(await text(`${run}.status`)).toBe('0\n');
  });

  describe('the lines that it printed, in another terminal', () => {
    const outcome = async (cosign: string, number: number) => ({
      status: await text(`${cosign}-${number}.status`),
      out: await text(`${cosign}-${number}.out`),
      err: await text(`${cosign}-${number}.err`),
    });
    const lines = async () => (await text('lines')).trim().split('\n');

    test('are for oras, trivy and cosign', async () => {
      expect((await lines()).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
        'oras pull',
        'trivy fs',
        'cosign verify',
        'cosign verify',
        'cosign verify-attestation',
      ]);
    });

    test('oras lays down files that sha256sum accepts', async () => {
      expect(await outcome('cosign3', 1)).toMatchObject({ status: '0\n' });
      const files = readJson(await text('data/pulled/export.json')) as { contents: unknown[] };
      expect(files.contents.length).toBeGreaterThan(3);
    });

    test('trivy finds vulnerabilities of five ecosystems in the application', async () => {
      const { status, out } = await outcome('cosign3', 2);
      expect(status).toBe('0\n');
      for (const file of ['go.mod', 'package-lock.json', 'requirements.txt', 'gradle.lockfile', 'Cargo.lock']) {
        expect(out).toMatch(new RegExp(`${file.replace('.', '\\.')} \\(\\w+\\)`));
      }
      expect(out.match(/CVE-\d{4}-\d+/g)?.length).toBeGreaterThan(5);
    });

    test.each(cosigns)('%s verifies both signatures and the provenance', async (cosign) => {
      for (const number of [3, 4, 5]) {
        const { status, out, err } = await outcome(cosign, number);
        expect({ number, status, err }).toMatchObject({ number, status: '0\n' });
        expect(out).toContain(number === 5 ? '"payloadType":"application/vnd.in-toto+json"' : 'docker-manifest-digest');
      }
    });
  });
});

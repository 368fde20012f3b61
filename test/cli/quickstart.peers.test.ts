import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describePeers, requirePeer, runCommand } from '../peers/peers.ts';
import { type QuickstartSession, startQuickstart } from './quickstart-session.ts';

const COSIGNS = ['cosign25', 'cosign26', 'cosign3'] as const;

describePeers(['oras', 'trivy', ...COSIGNS], 'the lines that quickstart prints, in another terminal', () => {
  let dir: string;
  let session: QuickstartSession;

  beforeAll(async () => {
    dir = await makeTempDir();
    session = await startQuickstart(join(dir, 'data'));
  });
  afterAll(async () => {
    await session.stop();
  });

  /** Pastes a line, in a shell that has the tools and a home of its own. */
  async function paste(line: string, cosign: (typeof COSIGNS)[number] = 'cosign3') {
    const [tools, home] = [join(dir, `tools-${cosign}`), join(dir, 'home')];
    await mkdir(tools, { recursive: true });
    await mkdir(home, { recursive: true });
    for (const [name, peer] of [
      ['oras', 'oras'],
      ['trivy', 'trivy'],
      ['cosign', cosign],
    ] as const) {
      await symlink(requirePeer(peer), join(tools, name)).catch(() => undefined);
    }
    const env = { PATH: `${tools}:${process.env['PATH'] ?? ''}`, HOME: home };
    const result = await runCommand('sh', ['-c', `${session.lines[0]}\n${line}`], { cwd: dir, env });
    return { ...result, home };
  }

  const lineWith = (...words: string[]) => {
    const line = session.lines.find((text) => words.every((word) => text.includes(word)));
    if (line === undefined) throw new Error(`no line with ${words.join(' ')}`);
    return line;
  };

  test('oras lays down files that sha256sum accepts', async () => {
    const { code, stderr } = await paste(lineWith('oras pull'));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(existsSync(join(dir, 'data/pulled/export.json'))).toBe(true);
  });

  test('trivy finds something in the application, and leaves the cache of the user alone', async () => {
    const { code, stdout, stderr, home } = await paste(lineWith('trivy fs'));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/CVE-\d{4}-\d+|GHSA-/);
    expect(existsSync(join(home, '.cache/trivy'))).toBe(false);
    expect(existsSync(join(dir, 'data/trivy-cache/db/trivy.db'))).toBe(true);
  });

  test.each(COSIGNS)('%s verifies signatures and provenance', async (cosign) => {
    for (const line of session.lines.filter((text) => text.startsWith('cosign '))) {
      const { code, stderr } = await paste(line, cosign);
      expect({ line, code, stderr }).toMatchObject({ code: 0 });
    }
  });
});

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describePeers } from '../../peers/peers.ts';
import type { Finding } from './findings.ts';
import { requirementsTxt, writeLockFiles } from './lock-files.ts';
import { scanPeers, scanWithoutRoute } from './scan.ts';

/** Slips in members that a scan does not need, as text that goes into a record. */
const slips: readonly string[] = [
  '"summary":"none"',
  '"severity":[{"type":"SSVC","score":"act"}]',
  '"severity":[{"type":"CVSS_V4","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}]',
  '"severity":null,"credits":null,"schema_version":null,"summary":null,"published":null,"database_specific":null',
  '"references":[{"type":"ADVISORY"},{"url":"https://example.com/"},{"type":"BLOG","url":"www.example.com"}]',
  '"database_specific":{"n":12345678901234567890,"\\u006d":1e400}',
  '"aliases":"CVE-2026-1","related":{},"upstream":[null]',
  '"schema_version":"1.9.0","exploitability":{"known":true}',
  '"withdrawn":null',
  '"credits":[{"name":"x","contact":null}]',
];

function record(index: number, members: string): string {
  const events = '[{"introduced":"0"},{"fixed":"2.0"},{"first_not_affected":"1.9"}]';
  const affected = `[{"package":{"ecosystem":"PyPI","name":"slip${index}"},"versions":null,"ranges":[{"type":"ECOSYSTEM","events":${events}}]}]`;
  return `{"id":"ACME-${index}","modified":"2026-10-01","affected":${affected},${members}}`;
}

describePeers(scanPeers, 'trivy with a database of records with slips', () => {
  let dir: string;
  let found: readonly Finding[];

  beforeAll(async () => {
    dir = await makeTempDir();
    await mkdir(join(dir, 'records'));
    for (const [index, members] of slips.entries()) {
      await writeFile(join(dir, 'records', `${index}.json`), record(index, members));
    }
    const installed = (version: string) => new Map(slips.map((_, index) => [`slip${index}`, version]));
    await writeLockFiles(join(dir, 'app'), requirementsTxt, [installed('1.0'), installed('2.0')]);
    found = (await scanWithoutRoute(dir, [{ name: 'ours', sources: ['records'] }])).get('ours') ?? [];
  }, 300_000);

  test('finds every one of them in the versions that it affects, and in no other', () => {
    const shown = found.map(({ name, installed, id, fixed }) => `${name} ${installed} ${id} ${fixed}`);
    expect(shown.sort()).toEqual(slips.map((_, index) => `slip${index} 1.0 ACME-${index} 2.0`).sort());
  });
});

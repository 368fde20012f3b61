import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { beforeEach, expect, test } from 'vitest';
import { compareNode, parseSums } from '../../scripts/compare-node.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

const archiveName = 'node-v26.10.0-linux-x64.tar.gz';
let folder: string;
let binary: string;

beforeEach(async () => {
  folder = await makeTempDir();
  binary = join(folder, 'node');
  await writeFile(binary, 'the program');
});

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Writes an archive as a release has it, with a link beside the program, and the sums. */
async function publish(program: string, { path = 'node-v26.10.0-linux-x64/bin/node', listed = '' } = {}) {
  const tar = pack();
  tar.entry({ name: path }, program);
  tar.entry({ name: 'node-v26.10.0-linux-x64/bin/npm', type: 'symlink', linkname: '../lib/npm-cli.js' });
  tar.finalize();
  const archive = gzipSync(await buffer(tar));
  const [published, sums] = [join(folder, archiveName), join(folder, 'SHASUMS256.txt')];
  await writeFile(published, archive);
  const lines = [`${listed || sha256(archive)}  ${archiveName}`, `${sha256('the program')}  win-x64/node.exe`];
  await writeFile(sums, `${lines.join('\n')}\n`);
  return { sums, published, binary };
}

test('accepts the binary of the published archive', async () => {
  expect(await compareNode(await publish('the program'))).toBe(sha256('the program'));
});

test('accepts a binary that the sums list by itself', async () => {
  const { sums } = await publish('something else');
  expect(await compareNode({ sums, published: 'win-x64/node.exe', binary })).toBe(sha256('the program'));
});

test('refuses another binary', async () => {
  await expect(compareNode(await publish('another program'))).rejects.toThrow(/has SHA-256 .*, the published one /);
});

test('refuses an archive that is not the listed one', async () => {
  const changed = await publish('the program', { listed: '0'.repeat(64) });
  await expect(compareNode(changed)).rejects.toThrow('SHASUMS256.txt lists 0000');
});

test('refuses an archive without the program, and one that is not listed', async () => {
  const empty = await publish('the program', { path: 'elsewhere/bin/node' });
  await expect(compareNode(empty)).rejects.toThrow('has no file node-v26.10.0-linux-x64/bin/node');
  const unlisted = { ...empty, published: join(folder, 'node-v26.10.0-linux-arm64.tar.gz') };
  await expect(compareNode(unlisted)).rejects.toThrow('is not listed');
});

test('refuses sums of another form', () => {
  expect(() => parseSums('<html>not found</html>')).toThrow('not a line of SHASUMS256.txt');
  expect(() => parseSums(`${'a'.repeat(64)}  x\n${'b'.repeat(64)}  x\n`)).toThrow('x is listed twice');
});

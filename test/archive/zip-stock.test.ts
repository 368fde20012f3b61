import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../peers/peers.ts';
import { Folder, readAll } from './reading.ts';
import { forgeZip } from './zip-forge.ts';

const python = spawnSync('python3', ['--version']).status === 0;
if (!python) console.warn('skipped: python3, whose zipfile module judges zip archives, is absent');

test.runIf(process.env['CI'] === 'true')('CI has python3', () => {
  expect(python).toBe(true);
});

/** Writes to a pipe, so that sizes follow the content, with zip64 fields for one entry and a comment. */
const WRITE_TO_PIPE = `
import sys, zipfile
class Pipe:
    def __init__(self, file): self.file = file
    def write(self, data): return self.file.write(data)
    def flush(self): self.file.flush()
with open(sys.argv[1], 'wb') as file, zipfile.ZipFile(Pipe(file), 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('größe.json', '{"a":1}' * 50)
    archive.writestr('empty', '')
    with archive.open('wide', 'w', force_zip64=True) as entry: entry.write(b'wide')
    archive.comment = b'a comment'
`;

const WRITE_TO_FILE = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('größe.json', '{"a":1}' * 50)
    archive.writestr('empty', '', zipfile.ZIP_STORED)
    with archive.open('wide', 'w', force_zip64=True) as entry: entry.write(b'wide')
`;

const CHECK = 'import sys, zipfile; sys.exit(0 if zipfile.ZipFile(sys.argv[1]).testzip() is None else 1)';

describe.runIf(python)('the zipfile module of Python', () => {
  let folder: Folder;
  beforeAll(async () => {
    folder = await Folder.make();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test.each([
    ['to a pipe', WRITE_TO_PIPE],
    ['to a file', WRITE_TO_FILE],
  ])('writes %s what we read', async (name, script) => {
    const path = join(folder.path, name);
    expect(await runCommand('python3', ['-c', script, path])).toMatchObject({ code: 0, stderr: '' });
    expect(await readAll(path)).toEqual([
      ['größe.json', '{"a":1}'.repeat(50)],
      ['empty', ''],
      ['wide', 'wide'],
    ]);
  });

  test('finds our forged archives valid where they are honest, and no others', async () => {
    const check = async (bytes: Uint8Array) =>
      (await runCommand('python3', ['-c', CHECK, await folder.write(bytes)])).code;
    const entry = { name: 'a.json', content: 'content of a' };
    const second = { ...entry, name: 'b', stored: true };
    expect(await check(forgeZip([entry, second], { comment: Buffer.from('c') }))).toBe(0);
    expect(await check(forgeZip([{ ...entry, descriptor: true }, second]))).toBe(0);
    expect(await check(forgeZip([{ ...entry, wide: true }, second], { wide: true }))).toBe(0);
    expect(await check(forgeZip([{ ...entry, lie: { crc: 1 } }]))).not.toBe(0);
    expect(await check(forgeZip([{ ...entry, local: { name: 'other' } }]))).not.toBe(0);
    expect(await check(forgeZip([entry], { end: { offset: 1000 } }))).not.toBe(0);
  });
});

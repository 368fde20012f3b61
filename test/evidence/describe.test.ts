import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, symlink, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { describeSource } from '#evidence';
import { EvidenceFixture } from './fixture.ts';

test('a file is described by its bytes', async () => {
  await using fixture = await EvidenceFixture.make();
  const path = await fixture.file('some feed.zip', 'content');
  const sha256 = createHash('sha256').update('content').digest('hex');
  expect(await describeSource(path)).toEqual({
    name: 'some feed.zip',
    uri: 'file:some%20feed.zip',
    digest: { sha256 },
  });
});

test('a folder is described by the names and bytes of its files, as sha256sum prints them', async () => {
  await using fixture = await EvidenceFixture.make();
  const files = { 'b.json': '{}', 'a/z.json': '[]', 'a.json': '1', 'é.json': 'x', '\u{1f600}': 'y', '\ue000': 'z' };
  const folder = await fixture.folder({ ...files, '.git/HEAD': 'ref' });
  const same = await fixture.folder(files);
  await utimes(join(same, 'a.json'), 1, 1);
  await chmod(join(same, 'b.json'), 0o600);
  const script =
    "find . -type f -not -path './.git/*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
  const printed = execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' });
  const dirHash = printed.slice(0, 64);
  expect(await describeSource(`${folder}/`)).toEqual({
    name: basename(folder),
    uri: `file:${basename(folder)}`,
    digest: { dirHash },
  });
  expect((await describeSource(same)).digest).toEqual({ dirHash });
  const other = await fixture.folder({ ...files, 'b.json': '{ }' });
  expect((await describeSource(other)).digest).not.toEqual({ dirHash });
});

test('what is not there or leads elsewhere is refused', async () => {
  await using fixture = await EvidenceFixture.make();
  const folder = await fixture.folder({ 'a.json': '{}' });
  await expect(describeSource(join(folder, 'b.json'))).rejects.toMatchObject({ code: 'ERR_EXPORT_SOURCE_UNREADABLE' });
  await symlink('a.json', join(folder, 'link'));
  await expect(describeSource(folder)).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_UNSAFE' });
});

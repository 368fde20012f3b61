import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { expect, test } from 'vitest';
import { CodedError } from '#core';
import { parseHtpasswd } from '../../../src/server/access/htpasswd.ts';
import { serving } from '../serving.ts';
import { alice, basic, writeUsers } from './users.ts';

const { start, folder } = serving();
const hash = `$2y$05$${'abcdefghijklmnopqrstuu'}x7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG`;

test('users of all three variants of bcrypt; comments, empty lines and line ends of Windows', () => {
  const lines = ['# users', '', ...['2a', '2b', '2y'].map((kind) => `u${kind}:${hash.replace('2y', kind)}`), '  '];
  expect([...parseHtpasswd(lines.join('\r\n'), 'f').keys()]).toEqual(['u2a', 'u2b', 'u2y']);
  expect(parseHtpasswd(`__proto__:${hash}`, 'f').get('__proto__')).toBe(hash);
});

test.each([
  ["Apache's MD5", 'bob:$apr1$cBN8JLEr$aOTMPzm5OGxTJYKzHTo7R0'],
  ['SHA-1', 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
  ['SHA-256 crypt', 'bob:$5$abcdefgh$VXHmOKrMfpQ.wvGLhAjVmXLUcNtRKXIKFF'],
  ['SHA-512 crypt', 'bob:$6$abcdefgh$VXHmOKrMfpQ.wvGLhAjVmXLUcNtRKXIKFF'],
  ['a password in the clear', 'bob:hunter2'],
  ['truncated or damaged', `bob:${hash.slice(0, -1)}`],
  ['a bcrypt of another name', `bob:${hash.replace('$2y', '$2x')}`],
  ['bcrypt cost 17', `bob:${hash.replace('$05', '$17')}`],
  ['bcrypt cost 3', `bob:${hash.replace('$05', '$03')}`],
  ['no colon', 'hunter2'],
  ['no user', `:${hash}`],
  ['duplicate user', `alice:${hash}`],
])('%s is refused by its line, and nothing of the line is repeated', (what, line) => {
  const { code, message } = refusalOf(`# ours\nalice:${hash}\n${line}\n`);
  expect(code).toBe('ERR_EXPORT_USAGE');
  expect(message).toMatch(/^users:3: /);
  expect(message).not.toContain(line.slice(line.indexOf(':') + 1));
  if (/^(Apache|SHA|truncated|bcrypt cost|duplicate)/.test(what)) expect(message).toContain(what);
});

function refusalOf(text: string): CodedError {
  try {
    parseHtpasswd(text, 'users');
  } catch (error) {
    if (error instanceof CodedError) return error;
  }
  return expect.fail('not refused');
}

test('a file without users, and one that is not there, do not start a server', async () => {
  const path = join(await folder(), 'users');
  await expect(start({ htpasswdFile: path })).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  await writeFile(path, '# nobody\n');
  await expect(start({ htpasswdFile: path })).rejects.toMatchObject({ code: 'ERR_EXPORT_USAGE' });
});

test('a change of the file holds from the next request on; a damaged one lets nobody in', async () => {
  const here = await folder();
  const htpasswdFile = await writeUsers(here);
  const notices: string[] = [];
  const { url } = await start({ htpasswdFile, notice: (text) => notices.push(text) });
  const bob = { username: 'bob', password: 'b' };
  const status = async (user: typeof bob): Promise<number> =>
    (await fetch(`${url}/v2/`, { headers: basic(user) })).status;
  expect([await status(alice), await status(bob)]).toEqual([200, 401]);

  await writeFile(join(here, 'next'), `bob:${hashSync('b', 4)}\n`);
  await rename(join(here, 'next'), htpasswdFile);
  expect([await status(alice), await status(bob)]).toEqual([401, 200]);

  await writeFile(htpasswdFile, 'bob:b\n');
  expect([await status(bob), await status(bob)]).toEqual([503, 503]);
  await rm(htpasswdFile);
  expect(await status(bob)).toBe(503);
  await writeUsers(here, [bob]);
  expect(await status(bob)).toBe(200);
  expect(notices).toEqual([
    expect.stringMatching(/users: reloaded$/),
    expect.stringMatching(/users:1: not a bcrypt hash; nobody can log in/),
    expect.stringMatching(/users: no such file/),
    expect.stringMatching(/users: reloaded$/),
  ]);
});

test('a password that was changed no longer opens, though it was verified a moment ago', async () => {
  const here = await folder();
  const htpasswdFile = await writeUsers(here);
  const { url } = await start({ htpasswdFile });
  const status = async (user: { username: string; password: string }): Promise<number> =>
    (await fetch(`${url}/v2/`, { headers: basic(user) })).status;
  expect([await status(alice), await status(alice)]).toEqual([200, 200]);
  await writeUsers(here, [{ ...alice, password: 'another' }]);
  expect([await status(alice), await status({ ...alice, password: 'another' })]).toEqual([401, 200]);
});

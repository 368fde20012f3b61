import { expect, test } from 'vitest';
import { readNewPassword, readPassword } from '../../src/cli/password.ts';
import { fakeIo } from './fake-io.ts';

test('readPassword: COSIGN_PASSWORD is taken as it is, empty too', async () => {
  expect(await readPassword(fakeIo({ env: { COSIGN_PASSWORD: '' } }), 'Password: ')).toBe('');
  expect(await readPassword(fakeIo({ env: { COSIGN_PASSWORD: ' a ' } }), 'Password: ')).toBe(' a ');
});

test('readPassword: neither the variable nor a terminal is an error that says what to do', async () => {
  await expect(readPassword(fakeIo(), 'Password: ')).rejects.toMatchObject({
    code: 'ERR_EXPORT_PASSWORD_MISSING',
    hint: expect.stringContaining('COSIGN_PASSWORD'),
  });
});

test('readPassword: what is typed on a terminal is not shown', async () => {
  const io = fakeIo({ typed: 'secrxx\u007f\u007fet\r' });
  expect(await readPassword(io, 'Password: ')).toBe('secret');
  expect(io.err()).toBe('Password: \n');
});

test('readPassword: Ctrl-C at the prompt interrupts', async () => {
  await expect(readPassword(fakeIo({ typed: 'ab\u0003' }), 'Password: ')).rejects.toMatchObject({
    code: 'ERR_EXPORT_INTERRUPTED',
  });
});

test('readNewPassword: typed twice the same', async () => {
  expect(await readNewPassword(fakeIo({ typed: 'abc\r' }))).toBe('abc');
});

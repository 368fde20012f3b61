import { hashSync } from 'bcryptjs';
import { afterEach, expect, test } from 'vitest';
import { BcryptThread } from '../../../src/server/access/bcrypt-thread.ts';

const thread = new BcryptThread();
afterEach(() => thread.close());

test('each password is compared with its own hash, many at once, in all three variants', async () => {
  const passwords = ['', 'a', 'pass:wörd', 'x'.repeat(72), '🔑'];
  const hashes = passwords.map((password) => hashSync(password, 4));
  for (const variant of ['2a', '2b', '2y']) {
    const written = hashes.map((hash) => hash.replace(/^\$2[aby]/, `$${variant}`));
    const right = await Promise.all(passwords.map((password, i) => thread.matches(password, [written[i] ?? ''])));
    expect(right).toEqual(passwords.map(() => true));
    const shifted = await Promise.all(passwords.map((password, i) => thread.matches(password, [written[i - 1] ?? ''])));
    expect(shifted).toEqual(passwords.map(() => false));
  }
  // Of the tests of crypt_blowfish, another implementation.
  expect(await thread.matches('U*U', ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'])).toBe(true);
});

test('what waits when it ends fails; the next comparison starts it anew', async () => {
  const hash = hashSync('a', 11);
  const waiting = Promise.allSettled([thread.matches('a', [hash]), thread.matches('a', [hash])]);
  await thread.close();
  expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(thread.waiting).toBe(0);
  expect(await thread.matches('a', [hashSync('a', 4)])).toBe(true);
});

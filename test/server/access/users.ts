import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';

/** A user of the tests. */
export const alice = { username: 'alice', password: 'pass:wörd' } as const;

/** An htpasswd file of these users, with hashes that cost little. */
export async function writeUsers(folder: string, users: readonly { username: string; password: string }[] = [alice]) {
  const path = join(folder, 'users');
  const lines = users.map(({ username, password }) => `${username}:${hashSync(password, 4)}\n`);
  await writeFile(path, `# users of the tests\n\n${lines.join('')}`);
  return path;
}

/** The header that says who asks. */
export function basic({ username, password }: { username: string; password: string }): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

import { generateKeyPair, writeKeyPair } from '#signing';

// Run by key-race.test.ts as a process of its own: writes a key pair into the folder that is named, or says the code.
const [dir = ''] = process.argv.slice(2);
try {
  await writeKeyPair(dir, generateKeyPair(), 'p');
  process.stdout.write('written');
} catch (error) {
  process.stdout.write(String((error as { code?: unknown }).code));
}

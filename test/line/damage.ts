import { chmod, readFile, stat, truncate, writeFile } from 'node:fs/promises';

/** Changes the bytes of a file, for as long as `use` runs. */
export async function withDamage<T>(
  path: string,
  change: (bytes: Uint8Array) => Uint8Array,
  use: () => Promise<T>,
): Promise<T> {
  const { mode } = await stat(path);
  const bytes = await readFile(path);
  await chmod(path, mode | 0o200);
  try {
    const damaged = change(Uint8Array.from(bytes));
    if (Buffer.compare(damaged, bytes) === 0) throw new Error(`${path}: nothing was damaged`);
    await writeFile(path, damaged);
    return await use();
  } finally {
    await truncate(path);
    await writeFile(path, bytes);
    await chmod(path, mode);
  }
}

/** One bit in the middle. */
export function flip(bytes: Uint8Array): Uint8Array {
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** The last digest that is named is another, so that a manifest stays one. */
export function misname(bytes: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).lastIndexOf('sha256:') + 'sha256:'.length;
  bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
  return bytes;
}

/** The first digest that is named is another: that of the config, where the last may be the subject's. */
export function misnameConfig(bytes: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf('sha256:') + 'sha256:'.length;
  bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
  return bytes;
}

/** The last byte is gone. */
export function cut(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, -1);
}

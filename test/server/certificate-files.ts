import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a certificate and its key as a server is told of them. */
export async function writeCertificate(folder: string, { cert, key }: { readonly cert: string; readonly key: string }) {
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key);
  return files;
}

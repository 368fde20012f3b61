import { buildJsonRaw, checkJsonRaw, type JsonRawExpectation } from '#artifacts';
import { type Digest, digestOf, type Instant } from '#core';
import type { RecordSet } from '#evidence';

/** A file of a bundle, with its bytes. */
export interface BuiltFile {
  readonly path: string;
  readonly mediaType: string;
  readonly records: number;
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A bundle's files and the k that the report names. */
export interface Built {
  readonly files: readonly BuiltFile[];
  readonly k: number;
}

/** Builds `json:raw` of a set and keeps all of it. */
export async function buildAll(set: RecordSet): Promise<Built> {
  const options = { asOf: '2026-01-01T00:00:00Z' as Instant, workDir: '/nowhere' };
  const build = buildJsonRaw(set, options);
  const files: BuiltFile[] = [];
  for await (const { path, mediaType, records, chunks } of build.drafts) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const bytes = Buffer.concat(parts);
    files.push({ path, mediaType, records, bytes, digest: digestOf(bytes), sizeBytes: bytes.length });
  }
  const k = build.report().shards?.k;
  if (k === undefined) throw new TypeError('the report names no k');
  return { files, k };
}

/** What export.json would say of the bundle. */
export function expectationOf(set: RecordSet, { files, k }: Built): JsonRawExpectation {
  return { classes: set.classes, contents: files, shards: { k }, kept: set.kept };
}

/** Runs the check over files as they are. */
export async function check(
  expected: JsonRawExpectation,
  files: readonly { path: string; bytes: Uint8Array }[],
): Promise<void> {
  const contents = checkJsonRaw(expected);
  for (const { path, bytes } of files) {
    await contents.file(
      path,
      (async function* () {
        yield bytes.subarray(0, 10);
        yield bytes.subarray(10);
      })(),
    );
  }
  await contents.end();
}

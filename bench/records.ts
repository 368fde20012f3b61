import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive } from '#archive';
import { parseKnownJson } from '#core';

/** A published archive of records, and what a reference database calls its source. */
export interface RealSource {
  readonly archive: string;
  readonly ecosystem: string;
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

/** The real records that the benchmarks are run on, below the folder of shared data. */
export const realSources: readonly RealSource[] = [
  {
    archive: 'osv-go-2026-08-22.zip',
    ecosystem: 'go',
    id: 'govulndb',
    name: 'The Go Vulnerability Database',
    url: 'https://pkg.go.dev/vuln/',
  },
  {
    archive: 'osv-pypi-2024-10-11.zip',
    ecosystem: 'pip',
    id: 'osv',
    name: 'Python Packaging Advisory Database',
    url: 'https://github.com/pypa/advisory-database',
  },
];

interface OsvRecord {
  id: string;
  aliases?: string[] | null;
  affected?: { package?: { name: string } }[];
}

/**
 * Writes each record of an archive `copies` times as a file of its own, each copy under other ids and package names,
 * so that none is a duplicate of another.
 *
 * @returns the number of files
 */
export async function writeCopies(archive: string, folder: string, copies: number): Promise<number> {
  await mkdir(folder, { recursive: true });
  const reader = await openArchive(archive);
  if (reader === undefined) throw new Error(`${archive}: no archive`);
  let count = 0;
  for await (const entry of reader.entries()) {
    const text = Buffer.from(await entry.read()).toString('utf8');
    for (let copy = 0; copy < copies; copy++) {
      const record = renamed(parseKnownJson(text) as unknown as OsvRecord, copy);
      await writeFile(join(folder, `${record.id}.json`), JSON.stringify(record));
      count++;
    }
  }
  await reader.close();
  return count;
}

function renamed(record: OsvRecord, copy: number): OsvRecord {
  if (copy === 0) return record;
  const suffix = String(copy).padStart(3, '0');
  for (const affected of record.affected ?? []) {
    if (affected.package !== undefined) affected.package.name += `-c${suffix}`;
  }
  record.id += suffix;
  record.aliases = record.aliases?.map((alias) => alias + suffix) ?? null;
  return record;
}

import { createHash, type Hash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

/** The `SHASUMS256.txt` of a Node release: SHA-256 in hex by file name. @throws Error for a line of another form */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, hex, name] = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line) ?? [];
    if (hex === undefined || name === undefined) throw new Error(`not a line of SHASUMS256.txt: ${line.slice(0, 100)}`);
    if (sums.has(name)) throw new Error(`${name} is listed twice`);
    sums.set(name, hex);
  }
  return sums;
}

/** What a comparison is about; paths on this machine. */
export interface Comparison {
  readonly sums: string;
  /** The release's `.tar.gz`, or the name of a file in the sums that is the binary itself (`win-x64/node.exe`). */
  readonly published: string;
  readonly binary: string;
}

/**
 * Compares a Node binary with the one that a release published.
 *
 * @returns SHA-256 of both in hex
 * @throws Error when the archive is not listed, is not the listed one, or holds another binary
 */
export async function compareNode({ sums, published, binary }: Comparison): Promise<string> {
  const listed = parseSums(readFileSync(sums, 'utf8'));
  const name = published.endsWith('.tar.gz') ? basename(published) : published;
  const expected = listed.get(name);
  if (expected === undefined) throw new Error(`${name} is not listed in ${sums}`);
  const official = name.endsWith('.tar.gz') ? await binaryOf(published, expected) : expected;
  const installed = await sha256(binary);
  if (installed !== official) throw new Error(`${binary} has SHA-256 ${installed}, the published one ${official}`);
  return installed;
}

/** SHA-256 of `NAME/bin/node` in an archive whose own SHA-256 must be `expected`. */
async function binaryOf(archive: string, expected: string): Promise<string> {
  const found = await sha256(archive);
  if (found !== expected) throw new Error(`${archive} has SHA-256 ${found}, SHASUMS256.txt lists ${expected}`);
  const path = `${basename(archive, '.tar.gz')}/bin/node`;
  let hash: Hash | undefined;
  const entries = extract();
  const reading = pipeline(createReadStream(archive), createGunzip(), entries);
  for await (const entry of entries) {
    if (entry.header.name === path && entry.header.type === 'file') {
      hash = createHash('sha256');
      for await (const chunk of entry) hash.update(chunk as Uint8Array);
    } else entry.resume();
  }
  await reading;
  if (hash === undefined) throw new Error(`${archive} has no file ${path}`);
  return hash.digest('hex');
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

const USAGE = `node scripts/compare-node.ts SHASUMS256.txt PUBLISHED [BINARY]

  SHASUMS256.txt  of the release, its signature checked before
  PUBLISHED       the release's node-vVERSION-PLATFORM.tar.gz, or win-x64/node.exe
  BINARY          the one in node_modules unless named`;

if (import.meta.main) {
  const installed = join(import.meta.dirname, '../node_modules/.bin/node');
  const [sums, published, binary = installed] = process.argv.slice(2);
  if (sums === undefined || published === undefined) {
    console.error(USAGE);
    process.exitCode = 2;
  } else {
    try {
      console.log(`${await compareNode({ sums, published, binary })}  ${binary} is the published one`);
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
}

import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A folder that holds more is two folders. Test data lie in folders that are not counted. */
const MAX_FILES = 20;
const ROOTS = ['bench', 'scripts', 'src', 'test'];
/** Folders of packages that belong together. */
const GROUPS: readonly string[] = ['src/oci'];
const DATA_FOLDERS = ['fixtures', 'golden', 'vectors'];

/** Names that say nothing of what is inside. */
const EMPTY_NAMES = /^(?:utils?|common|helpers?|shared|misc|types)(?:\.ts)?$/;

/** Departures of a checkout from the rules of packages that no linter rule can hold, one sentence each. */
export async function inspectPackages(root: string): Promise<string[]> {
  const folders = new Map<string, string[]>();
  for (const name of ROOTS) await listFiles(root, name, folders);
  const faults: string[] = [];
  for (const [folder, files] of folders) {
    if (files.length > MAX_FILES) faults.push(`${folder}: ${files.length} files, more than ${MAX_FILES}`);
    if (EMPTY_NAMES.test(basename(folder))) faults.push(`${folder}: the name says nothing of what is inside`);
    for (const file of files) {
      if (EMPTY_NAMES.test(file)) faults.push(`${folder}/${file}: the name says nothing of what is inside`);
    }
    if (folder.startsWith('src')) faults.push(...inspectSourceFolder(folder, files, folders));
  }
  return faults.sort();
}

function inspectSourceFolder(
  folder: string,
  files: readonly string[],
  folders: ReadonlyMap<string, readonly string[]>,
): string[] {
  const isGroup = GROUPS.includes(folder);
  const parent = GROUPS.find((group) => folder.startsWith(`${group}/`)) ?? 'src';
  const depth = folder.split('/').length - parent.split('/').length;
  const faults: string[] = [];
  if ((depth === 0 || isGroup) && files.length > 0) {
    faults.push(`${folder}: ${files.join(', ')} must be in a package`);
  }
  if (depth === 1 && !isGroup && !files.includes(entryOf(folder))) {
    faults.push(`${folder}: a package needs a public entry, ${entryOf(folder)}`);
  }
  if (depth === 2 && files.includes('index.ts')) faults.push(`${folder}: only a package has a public entry, index.ts`);
  if (depth > 2) faults.push(`${folder}: more than one level below a package`);
  if (depth > 0 && files.length === 0 && !hasFolders(folder, folders)) faults.push(`${folder}: an empty folder`);
  return faults;
}

/** The package that no other may import has no public entry, but is where the program begins. */
function entryOf(folder: string): string {
  return folder === 'src/cli' ? 'main.ts' : 'index.ts';
}

function hasFolders(folder: string, folders: ReadonlyMap<string, readonly string[]>): boolean {
  return [...folders.keys()].some((other) => dirname(other) === folder);
}

async function listFiles(root: string, folder: string, folders: Map<string, string[]>): Promise<void> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return;
  folders.set(
    folder,
    entries.filter((entry) => entry.isFile()).map((entry) => entry.name),
  );
  for (const entry of entries) {
    if (entry.isDirectory() && !DATA_FOLDERS.includes(entry.name)) {
      await listFiles(root, `${folder}/${entry.name}`, folders);
    }
  }
}

if (import.meta.main) {
  const faults = await inspectPackages(join(import.meta.dirname, '..'));
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

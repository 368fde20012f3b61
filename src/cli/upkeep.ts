import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CodedError, fileError, isSystemError } from '#core';
import { isRegistryReference, parseReference, schemeOf } from '#oci/image';
import { checkLayout, collectLayoutGarbage, type LayoutFinding } from '#oci/layout';
import { checkStore, collectGarbage, type DiskStore, openStore, type StoreFinding } from '#oci/store';

/** What is wrong in a place. */
export type Finding = LayoutFinding | StoreFinding;

/** What went of a place. */
export interface Collected {
  readonly manifests: number;
  readonly blobs: number;
  /** Temporary files, and uploads that nobody ended. */
  readonly leftovers: number;
  readonly sizeBytes: number;
  /** Where nothing was touched: repositories, or a layout's damaged manifests. */
  readonly skipped: readonly string[];
}

/** What may go. */
interface CollectOptions {
  readonly graceSeconds: number;
  readonly untagged: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Something that fsck and gc look after: a layout, or one tenant's registry store. */
export interface Place {
  readonly name: string;
  check(options: {
    readonly onBytes: (sizeBytes: number) => void;
    readonly signal: AbortSignal;
  }): AsyncIterable<Finding>;
  collect(options: CollectOptions): Promise<Collected>;
}

/** Where a command is to look. */
export interface PlaceOptions {
  readonly data?: string;
  readonly tenant?: string;
}

/** Adds the argument and the options that name a place. */
export function withPlaceOptions(command: Command): Command {
  return command
    .argument('[place]', 'a layout: oci:DIR')
    .option('--data <dir>', 'data directory of serve, instead of a layout')
    .option('--tenant <name>', 'with --data, only this tenant');
}

/**
 * The places that were named: a layout, or the store of each tenant in a data folder.
 *
 * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_NOT_FOUND
 */
export async function openPlaces(text: string | undefined, { data, tenant }: PlaceOptions): Promise<Place[]> {
  if ((text === undefined) === (data === undefined)) {
    throw new CodedError('ERR_EXPORT_USAGE', 'either a layout or --data is required, not both', {
      hint: 'use oci:DIR for a layout, or --data DIR',
    });
  }
  if (data !== undefined) return openStores(join(data, 'registry'), tenant);
  if (tenant !== undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', '--tenant requires --data', { hint: 'omit --tenant for a layout' });
  }
  const reference = parseReference(text ?? '');
  const isFolder = !isRegistryReference(reference) && schemeOf(reference).path === 'DIR';
  if (!isFolder || reference.tag !== undefined || reference.digest !== undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', `${text}: not a layout`, {
      hint: 'use oci:DIR, without tag or digest; unpack an archive first; a remote registry cannot be checked this way',
    });
  }
  return [layoutAt(reference.path)];
}

function layoutAt(root: string): Place {
  return {
    name: `oci:${root}`,
    check: (options) => checkLayout(root, options),
    collect: async (options) => {
      const { unreadable, ...report } = await collectLayoutGarbage(root, options);
      return { ...report, skipped: unreadable };
    },
  };
}

function storeOf(tenant: string, store: DiskStore): Place {
  return {
    name: `store:${tenant}`,
    check: (options) => checkStore(store, options),
    collect: async (options) => {
      const { uploads, manifests, blobs, sizeBytes, skipped } = await collectGarbage(store, options);
      return { manifests, blobs, leftovers: uploads, sizeBytes, skipped };
    },
  };
}

async function openStores(root: string, tenant: string | undefined): Promise<Place[]> {
  const tenants = await tenantsIn(root);
  const wanted = tenant === undefined ? tenants : tenants.filter((name) => name === tenant);
  if (wanted.length === 0) {
    const what = tenant === undefined ? 'not a registry store' : `no store of tenant ${JSON.stringify(tenant)}`;
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${root}: ${what}`, {
      hint: 'specify the directory that serve uses as --data',
    });
  }
  return Promise.all(
    wanted.map(async (name) => storeOf(name, await openStore(root, { tenant: name, readOnly: true }))),
  );
}

async function tenantsIn(root: string): Promise<string[]> {
  try {
    const names = (await readdir(root)).sort();
    const marked = await Promise.all(
      names.map((name) =>
        stat(join(root, name, 'store.json')).then(
          () => true,
          () => false,
        ),
      ),
    );
    return names.filter((_, i) => marked[i]);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw fileError(error, root);
  }
}

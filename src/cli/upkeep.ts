import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CodedError, fileError, isSystemError } from '#core';
import { parseReference } from '#oci/image';
import { type DiskStore, openStore } from '#oci/store';

/** Something that fsck and gc look after: a layout, or one tenant's registry store. */
export type Place =
  | { readonly kind: 'layout'; readonly name: string; readonly root: string }
  | { readonly kind: 'store'; readonly name: string; readonly store: DiskStore };

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
    throw new CodedError('ERR_EXPORT_USAGE', 'specify PLACE or --data', {
      hint: 'use oci:DIR for a layout, or --data DIR',
    });
  }
  if (data !== undefined) return openStores(join(data, 'registry'), tenant);
  if (tenant !== undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', '--tenant requires --data', { hint: 'omit --tenant for a layout' });
  }
  const reference = parseReference(text ?? '');
  if (reference.kind !== 'layout' || reference.tag !== undefined || reference.digest !== undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', `${text}: not a layout`, {
      hint: 'use oci:DIR, without tag or digest; unpack an archive first; a remote registry cannot be checked this way',
    });
  }
  return [{ kind: 'layout', name: `oci:${reference.path}`, root: reference.path }];
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
    wanted.map(async (name): Promise<Place> => {
      return { kind: 'store', name: `store:${name}`, store: await openStore(root, { tenant: name, readOnly: true }) };
    }),
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

import { type Command, Option } from 'commander';
import { CodedError, systemClock } from '#core';
import type { MirrorOffer } from '#mirror';
import type { Io } from '../io.ts';
import { loadEd25519Signer } from '../key-files.ts';
import { type CommonOptions, collect, type TransportOptions, withTransportOptions } from '../options.ts';
import { createNotes } from '../progress.ts';
import { type LoadedSpec, loadSpec, type SpecPatience } from './spec-file.ts';

/** Options of `serve` that are about mirrors. */
export interface ServeMirrorOptions extends CommonOptions, TransportOptions {
  readonly mirror?: readonly string[];
  readonly kitKey?: string;
  readonly allowRegistry?: readonly string[];
}

/** Mirrors to offer, and what ends their connections. */
export interface OpenOffers {
  readonly offers: readonly MirrorOffer[];
  close(): Promise<void>;
}

/** Each client that fetches a kit holds a connection; all of them wait for an answer. */
const PATIENCE: SpecPatience = {
  connections: 256,
  retry: { attempts: 3, budgetMs: Number.POSITIVE_INFINITY, longestMs: 5000 },
};

/** Adds the options of mirrors to `serve`. */
export function withMirrorOptions(command: Command): Command {
  command
    .addOption(
      new Option('--mirror <spec>', 'offer the mirror of this spec (YAML) below /v1/mirrors; repeatable').argParser(
        collect,
      ),
    )
    .option(
      '--kit-key <file>',
      'private key (Ed25519) that signs kits; without it, kits are unsigned and TUF covers them',
    );
  command.addOption(
    new Option(
      '--allow-registry <host>',
      'HOST[:PORT] of a registry that clients may name as the base of a delta, to be asked what it has; repeatable',
    ).argParser(collect),
  );
  return withTransportOptions(command);
}

/**
 * Opens the mirrors that `serve` is to offer.
 *
 * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_MIRROR_SPEC, ERR_EXPORT_KEY_INVALID
 */
export async function openOffers(io: Io, options: ServeMirrorOptions): Promise<OpenOffers> {
  const { mirror: specs = [], kitKey, username, allowRegistry = [] } = options;
  if (kitKey !== undefined && specs.length === 0) {
    throw new CodedError('ERR_EXPORT_USAGE', '--kit-key requires --mirror', { hint: 'add --mirror SPEC' });
  }
  if (username !== undefined && specs.length !== 1) {
    const hint = 'log in to each registry first: docker login HOST, or podman login HOST';
    throw new CodedError('ERR_EXPORT_USAGE', '--username requires exactly one --mirror', { hint });
  }
  const signer = kitKey === undefined ? undefined : await loadEd25519Signer(io, kitKey);
  const allowedRegistries = new Set(allowRegistry.map((host) => host.toLowerCase()));
  const loaded: LoadedSpec[] = [];
  for (const path of specs) loaded.push(await loadSpec(io, path, options, createNotes(io, options.quiet), PATIENCE));
  return {
    offers: loaded.map(({ spec, ports }) => ({ spec, ports, signer, allowedRegistries, clock: systemClock })),
    close: async () => {
      for (const each of loaded) await each.close();
    },
  };
}

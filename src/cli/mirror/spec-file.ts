import { readFile } from 'node:fs/promises';
import { fileError } from '#core';
import { type MirrorSpec, parseMirrorSpec, type SnapshotPorts } from '#mirror';
import { isRegistryReference, type Reference, type Repository } from '#oci/image';
import { listRepositories, SharedConnections } from '#oci/registry';
import { openRepository } from '#oci/transfer';
import type { Io } from '../io.ts';
import { type CommonOptions, openOptions, type TransportOptions } from '../options.ts';
import type { ProgressLine } from '../progress.ts';

/** Options of every command that reads a mirror spec. */
export type SpecOptions = CommonOptions & TransportOptions;

/** A mirror spec, and how its registries are reached. */
export interface LoadedSpec {
  readonly spec: MirrorSpec;
  readonly ports: SnapshotPorts;
  /** Opens the repository of snapshots for writing. */
  openSnapshots(): Promise<Repository>;
  /** Ends all connections, after everything that was opened is closed. */
  close(): Promise<void>;
}

/** To a registry at a time, however many of its repositories are read. */
const CONNECTIONS = 16;

/** How patient a command is with registries. */
export interface SpecPatience {
  /** To a registry at a time. */
  readonly connections?: number;
  /** As in RetryOptions of #oci/registry. */
  readonly retry?: { readonly attempts: number; readonly budgetMs: number; readonly longestMs: number };
}

/** The spec in a file. */
export async function readSpec(path: string): Promise<MirrorSpec> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
  return parseMirrorSpec(bytes, path);
}

/** Reads the spec in a file, and prepares the connections to its registries. */
export async function loadSpec(
  io: Io,
  path: string,
  options: SpecOptions,
  progress: ProgressLine,
  { connections = CONNECTIONS, retry }: SpecPatience = {},
): Promise<LoadedSpec> {
  const spec = await readSpec(path);
  const source: Reference = { kind: 'registry', registry: spec.source.registry, repository: 'x' };
  const shared = new SharedConnections();
  // Once for all: the password of --password-stdin can be read only once.
  const given = await openOptions(io, [source, spec.snapshots], options, progress);
  const opening = { ...given, shared, connections, retry: { ...given.retry, ...retry } };
  const openingFor = (registry: string): typeof opening => {
    if (registry === spec.source.registry || registry === spec.snapshots.registry) return opening;
    // A base of a delta may be anywhere, and gets no login that was meant for the registries of the spec.
    const { credential: _, tls, ...others } = opening;
    return { ...others, ...(tls === undefined ? {} : { tls: { ...tls, client: undefined } }) };
  };
  return {
    spec,
    openSnapshots: () => openRepository(spec.snapshots, { ...opening, writes: true }),
    close: () => shared.close(),
    ports: {
      open: (reference) =>
        openRepository(reference, isRegistryReference(reference) ? openingFor(reference.registry) : opening),
      list: (registry) => listRepositories(registry, { ...opening, signal: io.signal }),
    },
  };
}

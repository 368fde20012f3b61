import type { Command } from 'commander';
import { compareInstants, instantOf, systemClock } from '#core';
import {
  type BaseRequest,
  baseFormsText,
  type GatheredKit,
  gatherKit,
  KitSources,
  parseBase,
  parseZoneName,
  zoneBase,
} from '#mirror';
import { type Io, writeText } from '../io.ts';
import { asLines } from '../one-line.ts';
import { collect, parsing, withCommonOptions, withTransportOptions } from '../options.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';
import { type LoadedSpec, loadSpec, type SpecOptions } from './spec-file.ts';

/** Options of the commands that plan a kit. */
export interface GatherOptions extends SpecOptions {
  readonly base?: readonly string[];
  readonly zone?: readonly string[];
}

/** The argument and the options of a command that plans a kit. */
export function withGatherOptions(command: Command): Command {
  return withTransportOptions(withCommonOptions(command))
    .argument('<spec>', 'file with the mirror spec (YAML)')
    .option(
      '--base <base>',
      `what the zone has, for a delta: ${baseFormsText}; repeat it for a kit for several zones`,
      collect,
    )
    .option(
      '--zone <name>',
      'start from the newest receipt that mirror zone receipt recorded of this zone; repeatable',
      parsing(collectZone),
    );
}

function collectZone(text: string, previous: readonly string[] | undefined): string[] {
  return collect(parseZoneName(text), previous);
}

/** Plans a kit of the newest snapshot, and keeps its sources open until `use` ends. */
export async function withPlan(
  io: Io,
  path: string,
  options: GatherOptions,
  use: (plan: GatheredKit, sources: KitSources, progress: ProgressLine) => Promise<void>,
): Promise<void> {
  const progress = createProgressLine(io, options.quiet);
  const loaded: LoadedSpec = await loadSpec(io, path, options, progress);
  const sources = new KitSources(loaded.spec, loaded.ports);
  try {
    const snapshots = await sources.repository(loaded.spec.snapshots.repository);
    const bases = await basesOf(io, loaded, options);
    const plan = await gatherKit(loaded.spec, snapshots, { bases, signal: io.signal });
    await warnOfExpiry(io, loaded.spec.tuf, plan);
    await use(plan, sources, progress);
  } finally {
    progress.clear();
    await sources.close();
    await loaded.close();
  }
}

/** Undefined for a full kit. */
async function basesOf(
  io: Io,
  { spec, ports }: LoadedSpec,
  { base = [], zone = [], quiet }: GatherOptions,
): Promise<BaseRequest[] | undefined> {
  const place = { stream: spec.stream, ports };
  const bases = [...base.map((text) => parseBase(text, place)), ...zone.map(zoneBase)];
  for (const { name, note } of bases) {
    if (note !== undefined && !quiet) await writeText(io.stderr, asLines([`note: ${name}: ${note}`]));
  }
  return bases.length === 0 ? undefined : bases;
}

/** A kit that the zone refuses is better not carried there. */
async function warnOfExpiry(io: Io, tuf: string, { expiry: { role, expires } }: GatheredKit): Promise<void> {
  if (compareInstants(instantOf(systemClock.now()), expires) < 0) return;
  const isOnline = role === 'timestamp' || role === 'snapshot';
  const next = isOnline ? `tuf refresh ${tuf}` : `tuf rotate ${tuf} ${role}`;
  const text = `warning: ${role} in ${tuf} expired at ${expires}: the zone will refuse this kit`;
  await writeText(io.stderr, asLines([text, `next: export-center ${next}; then export again`]));
}

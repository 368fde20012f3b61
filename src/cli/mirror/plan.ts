import type { Command } from 'commander';
import { type GatheredKit, type KitFiles, kitTarBytes } from '#mirror';
import { type Io, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { type GatherOptions, withGatherOptions, withPlan } from './gathered.ts';

/** `mirror plan`. */
export function planCommand(command: Command, io: Io): void {
  withGatherOptions(command)
    .description('show what mirror export would write: files, bytes, id of the kit')
    .addHelpText(
      'after',
      `
Examples:
  export-center mirror plan mirror.yaml
  export-center mirror plan mirror.yaml --base main.3`,
    )
    .action((spec: string, options: GatherOptions) =>
      withPlan(io, spec, options, async (plan) => {
        await writeText(io.stdout, await (options.output === 'json' ? planAsJson(plan, plan.files) : planAsText(plan)));
      }),
    );
}

/** What the results of plan and export say of a kit. */
interface KitFacts {
  readonly kit: string;
  readonly stream: string;
  readonly sequence: number;
  readonly snapshot: string;
  readonly bases: readonly { readonly kind: string; readonly digest: string }[];
  readonly repositories: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly contentBytes: number;
  /** What the kit does not carry, since the zone has it. */
  readonly reliedOn: { readonly contents: number; readonly contentBytes: number };
  /** Null where the bases do not tell. */
  readonly tags: NonNullable<GatheredKit['delta']['tags']> | null;
  readonly tarBytes: number;
  readonly expiry: GatheredKit['expiry'];
}

/** The facts of a kit. @param files its files, with a signature where it has one */
export async function factsOf(plan: GatheredKit, files: KitFiles): Promise<KitFacts> {
  const { stream, sequence, snapshot, bases } = plan.snapshot.kit;
  const { reliedOn, tags } = plan.delta;
  const manifests = plan.contents.filter(({ mediaType }) => mediaType !== undefined).length;
  return {
    kit: plan.id,
    stream,
    sequence,
    snapshot: snapshot.digest,
    bases,
    repositories: plan.snapshot.snapshot.repositories.length,
    manifests,
    blobs: plan.contents.length - manifests,
    contentBytes: bytesOf(plan.contents),
    reliedOn: { contents: reliedOn.length, contentBytes: bytesOf(reliedOn) },
    tags: tags ?? null,
    tarBytes: await kitTarBytes(plan, files),
    expiry: plan.expiry,
  };
}

async function planAsJson(plan: GatheredKit, files: KitFiles): Promise<string> {
  return `${JSON.stringify(await factsOf(plan, files))}\n`;
}

async function planAsText(plan: GatheredKit): Promise<string> {
  return asLines(await linesOf(plan));
}

/** The same for people. */
export async function linesOf(plan: GatheredKit): Promise<string[]> {
  const facts = await factsOf(plan, plan.files);
  const { kit, stream, sequence, snapshot, repositories, manifests, blobs, contentBytes, tarBytes, expiry } = facts;
  return [
    `kit ${kit}`,
    `snapshot ${sequence} of ${stream}, ${snapshot}`,
    `${plural(repositories, 'repository', 'repositories')}, ${plural(manifests, 'manifest')}, ${plural(blobs, 'blob')}, ${formatBytes(contentBytes)}; as a tar ${tarBytes} bytes`,
    ...deltaLinesOf(facts),
    `valid until ${expiry.expires}, when its ${expiry.role} expires`,
  ];
}

function deltaLinesOf({ bases, reliedOn, tags }: KitFacts): string[] {
  if (bases.length === 0) return [];
  const relied = `${plural(reliedOn.contents, 'content')}, ${formatBytes(reliedOn.contentBytes)}`;
  return [
    ...bases.map(({ kind, digest }) => `base ${kind} ${digest}`),
    `not carried, the zone must have it: ${relied}`,
    tags === null
      ? 'tags: unknown, the base does not tell'
      : `tags: ${tags.new.length} new, ${tags.moved.length} moved, ${tags.removed.length} removed`,
    ...(tags?.removed.map((name) => `removed: ${name}`) ?? []),
  ];
}

function bytesOf(contents: GatheredKit['contents']): number {
  return contents.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}

import type { CarriageFacts, KitFacts, SpaceFacts } from '#mirror';
import { formatBytes, formatDuration, plural } from '../numbers.ts';

/** What a kit consists of, for people. */
export function factLinesOf(facts: KitFacts): string[] {
  const { kit, stream, sequence, snapshot, repositories, manifests, blobs, contentBytes, expiry } = facts;
  const { tarBytes, signedTarBytes, classes, bundles } = facts;
  return [
    `kit ${kit}`,
    `snapshot ${sequence} of ${stream}, ${snapshot}`,
    ...deltaLinesOf(facts),
    `${plural(repositories, 'repository', 'repositories')}, ${plural(manifests, 'manifest')}, ${plural(blobs, 'blob')}, ${formatBytes(contentBytes)}; as a tar ${tarBytes} bytes, signed ${signedTarBytes}`,
    ...Object.entries(bundles).map(
      ([profile, { files, sizeBytes }]) => `of ${profile}: ${plural(files, 'file')}, ${formatBytes(sizeBytes)}`,
    ),
    `metadata: ${plural(classes.metadata.files, 'file')}, ${formatBytes(classes.metadata.sizeBytes)}`,
    `valid until ${expiry.expires}, when its ${expiry.role} expires`,
  ];
}

function deltaLinesOf({ bases, reliedOn, tags }: KitFacts): string[] {
  if (bases.length === 0) return [];
  const relied = `${plural(reliedOn.files, 'content')}, ${formatBytes(reliedOn.sizeBytes)}`;
  return [
    ...bases.map(({ kind, digest }) => `base ${kind} ${digest}`),
    `not carried, the zone must have it: ${relied}`,
    tags === null
      ? 'tags: unknown, the base does not tell'
      : `tags: ${tags.new.length} new, ${tags.moved.length} moved, ${tags.removed.length} removed`,
    ...(tags?.removed.map((name) => `removed: ${name}`) ?? []),
  ];
}

/** What it takes to carry a kit, for people. */
export function carriageLinesOf({ media, space, time }: CarriageFacts): string[] {
  return [
    ...(media === undefined ? [] : [`media of ${formatBytes(media.sizeBytes)}: ${media.count}`]),
    ...spaceLinesOf('space', space?.source),
    ...spaceLinesOf('space in the zone', space?.zone),
    ...(time === undefined ? [] : [`at ${formatBytes(time.bytesPerSecond)}/s: ${formatDuration(time.seconds)}`]),
  ];
}

function spaceLinesOf(name: string, space: SpaceFacts | undefined): string[] {
  if (space === undefined) return [];
  const { freeBytes, neededBytes } = space;
  const verdict = freeBytes >= neededBytes ? 'enough' : 'NOT ENOUGH';
  return [`${name}: ${formatBytes(freeBytes)} free, ${formatBytes(neededBytes)} needed: ${verdict}`];
}

import type { Command } from 'commander';
import { formatReference } from '#oci/image';
import { discover, type ReferrerTree } from '#oci/transfer';
import { type FoundArtifact, withArtifact } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { asLines } from '../one-line.ts';
import { type CommonOptions, type TransportOptions, withCommonOptions, withTransportOptions } from '../options.ts';

type DiscoverOptions = CommonOptions & TransportOptions;

/** `discover`: what hangs on an artifact, as a tree. */
export function discoverCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by tag or digest')
    .addHelpText('after', '\nExample:\n  export-center discover 127.0.0.1:8080/security/trivy-db:2');
  withTransportOptions(withCommonOptions(command)).action((text: string, options: DiscoverOptions) =>
    withArtifact(io, text, options, (found) => show(io, found, options)),
  );
}

async function show(
  io: Io,
  { reference, repository, descriptor }: FoundArtifact,
  options: DiscoverOptions,
): Promise<void> {
  const tree = await discover(repository, descriptor, { signal: io.signal });
  const place = formatReference({ ...reference, digest: descriptor.digest });
  const text =
    options.output === 'json' ? `${JSON.stringify(asJson(tree))}\n` : asLines([place, ...branches(tree, '')]);
  await writeText(io.stdout, text);
}

function asJson({ descriptor, found, state, children }: ReferrerTree): object {
  const { digest, mediaType, size, artifactType, annotations } = descriptor;
  return {
    digest,
    mediaType,
    size,
    artifactType: artifactType ?? null,
    annotations: annotations ?? {},
    found,
    ...(state === undefined ? {} : { state }),
    children: children.map(asJson),
  };
}

const STATES = { missing: 'missing', cut: 'not followed further' } as const;

function branches({ children }: ReferrerTree, indent: string): string[] {
  return children.flatMap((child, i) => {
    const last = i === children.length - 1;
    const { digest, artifactType, mediaType, annotations } = child.descriptor;
    const kind = child.found === 'referrer' ? (artifactType ?? mediaType) : `tag ${child.found.replace(/^.*\./, '.')}`;
    const predicate = annotations?.['dev.sigstore.bundle.predicateType'];
    const what = `${kind}${predicate === undefined ? '' : ` ${predicate}`}  ${digest}`;
    const line = `${indent}${last ? '└─' : '├─'} ${what}${child.state === undefined ? '' : `  ${STATES[child.state]}`}`;
    return [line, ...branches(child, `${indent}${last ? '   ' : '│  '}`)];
  });
}

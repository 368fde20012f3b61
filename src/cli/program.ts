import { Command, Help, type Option } from 'commander';
import type { Io } from './io.ts';
import { packageVersion } from './version.ts';

const EXAMPLES = `
Examples:
  export-center quickstart
      exports the sample, signs it, serves it on loopback, prints commands to try
  export-center keys generate --out keys
      creates cosign.key, cosign.pub and trusted_root.json
  export-center export --profile trivy:db --source osv-go.zip --to registry.example:5000/security/trivy-db:2 --key keys/cosign.key
      builds, signs and pushes a database for trivy --db-repository
  export-center verify registry.example:5000/security/trivy-db:2 --key keys/cosign.pub
      verifies signature, provenance and every layer

Exit status: 0 done, 1 failure, 2 usage or bad input, 3 verification failed, 4 not allowed,
5 incomplete, run again to resume, 75 try again later, 130 interrupted.`;

/** What the help of each command that takes references says of them. */
const REFERENCES = `
References:
  HOST[:PORT]/REPO[:TAG|@DIGEST]         a repository in a registry; docker.io/library/alpine:3.22
  oci:DIR[:[HOST/]REPO][:TAG|@DIGEST]    an OCI layout in a directory
  oci-archive:FILE[:…]                   an OCI layout in a tar; oci-archive:- is a pipe
  docker-archive:FILE[:REPO:TAG]         a tar of docker save, for reading`;

/** A command as the list of all shows it, and what makes it whole: most runs need one. */
interface Entry {
  /** Its name and what it takes. */
  readonly usage: string;
  readonly summary: string;
  /** What adds options and deed. */
  readonly load: () => Promise<(command: Command, io: Io) => void>;
}

/** In the order in which help lists them. */
const entries: readonly Entry[] = [
  {
    usage: 'quickstart [options]',
    summary: 'export the sample, sign it, serve it on loopback, verify it, and print commands to try',
    load: async () => (await import('./quickstart/command.ts')).quickstartCommand,
  },
  {
    usage: 'export [options]',
    summary: 'build a bundle from sources, sign it and publish it',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    usage: 'plan [options]',
    summary: 'show what export would publish (digests, sizes, records), and send nothing',
    load: async () => (await import('./commands/export.ts')).planCommand,
  },
  {
    usage: 'verify [options] <reference>',
    summary: 'verify signature, provenance and every layer of an artifact; exit status 3 on a mismatch',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    usage: 'copy [options] <source> <target>',
    summary: 'copy an artifact with its referrers and cosign tags, digests unchanged',
    load: async () => (await import('./commands/copy.ts')).copyCommand,
  },
  {
    usage: 'pull [options] <reference>',
    summary: 'write the files (titled layers) of an artifact into a directory; resumes an interrupted pull',
    load: async () => (await import('./commands/pull.ts')).pullCommand,
  },
  {
    usage: 'ls [options] <repository>',
    summary: 'list the tags of a repository',
    load: async () => (await import('./commands/ls.ts')).lsCommand,
  },
  {
    usage: 'inspect [options] <reference>',
    summary: 'show the manifest of an artifact',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  {
    usage: 'discover [options] <reference>',
    summary: 'show the referrers and cosign tags of an artifact: signatures, provenance, export.json',
    load: async () => (await import('./commands/discover.ts')).discoverCommand,
  },
  {
    usage: 'tag [options] <reference> <tags...>',
    summary: 'add tags to an artifact; existing tags are moved',
    load: async () => (await import('./commands/tags.ts')).tagCommand,
  },
  {
    usage: 'untag [options] <reference> [tags...]',
    summary: 'remove tags, keep the manifest and its other tags',
    load: async () => (await import('./commands/tags.ts')).untagCommand,
  },
  {
    usage: 'delete [options] <reference>',
    summary: 'delete a manifest with all its tags; garbage collection deletes its blobs',
    load: async () => (await import('./commands/delete.ts')).deleteCommand,
  },
  {
    usage: 'fsck [options] [place]',
    summary: 'check a layout or a registry store for missing, damaged and unreachable content',
    load: async () => (await import('./commands/fsck.ts')).fsckCommand,
  },
  {
    usage: 'gc [options] [place]',
    summary: 'delete unreferenced content from a layout or a registry store',
    load: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  {
    usage: 'trivy',
    summary: 'inspect databases for Trivy, and compare what findings two of them give',
    load: async () => (await import('./trivy/command.ts')).trivyCommand,
  },
  {
    usage: 'keys',
    summary: 'create and read signing keys in cosign’s format',
    load: async () => (await import('./commands/keys.ts')).keysCommand,
  },
  {
    usage: 'tuf',
    summary: 'run a TUF repository: create it, sign its roots, add targets, refresh and check it, fetch from it',
    load: async () => (await import('./commands/tuf.ts')).tufCommand,
  },
  {
    usage: 'mirror',
    summary: 'carry repositories into a zone without a network connection: snapshot, export a kit, import it',
    load: async () => (await import('./mirror/command.ts')).mirrorCommand,
  },
  {
    usage: 'serve [options]',
    summary: 'run a registry that stores its content in a directory',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
];

/**
 * The command line, bound to one world.
 *
 * @param words what was typed: the commands that it names are made whole, of the others the list knows the summary;
 *   all of them are where it is not given
 */
export async function createProgram(io: Io, words?: readonly string[]): Promise<Command> {
  const program = new Command('export-center')
    .description('Packages security evidence as signed OCI artifacts that oras, trivy and cosign can pull and verify.')
    .version(packageVersion())
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ subcommandTerm: usageOf })
    .addHelpText('after', EXAMPLES);
  for (const { usage, summary, load } of entries) {
    const [name = ''] = usage.split(' ');
    const command = new Command(name).description(summary);
    if (words === undefined || words.includes(name)) {
      (await load())(command, io);
      if (/<(?:reference|repository|source)>/.test(usage)) command.addHelpText('after', REFERENCES);
    }
    program.addCommand(command);
  }
  bind(program, io);
  return program;
}

/** How the list of all shows a command. */
function usageOf(command: Command): string {
  const entry = entries.find(({ usage }) => usage.split(' ')[0] === command.name());
  return entry?.usage ?? new Help().subcommandTerm(command);
}

/** The description of an option; one that must be given says so. */
function describeOption(option: Option): string {
  const text = new Help().optionDescription(option);
  return option.mandatory && option.defaultValue === undefined ? `${text} (required)` : text;
}

/** Commands throw instead of ending the process, and write to the streams of their world. */
function bind(command: Command, io: Io): void {
  command.exitOverride();
  command.configureHelp({ ...command.configureHelp(), optionDescription: describeOption });
  command.configureOutput({
    writeOut: (text) => io.stdout.write(text),
    // The message comes once, from reportFailure.
    writeErr: () => undefined,
  });
  for (const child of command.commands) bind(child, io);
}
